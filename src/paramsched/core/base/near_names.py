"""Suggestions of known names for unknown ones."""

import re
from collections.abc import Iterable
from functools import lru_cache


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to `name`; None if `name` is a typing error of none.

    The names must agree word by word, because `warmup_epochs` is another setting than `warmup_iters`.

    >>> closest("weight_decy", ["lr", "weight_decay"])
    'weight_decay'
    >>> closest("warmup_epochs", ["lr", "warmup_iters"]), closest("WarmupTwoStageMultiStepLR", ["WarmupMultiStepLR"])
    (None, None)
    """
    return _closest_of(name, tuple(sorted(set(known))))


@lru_cache(maxsize=1024)
def _closest_of(name: str, known: tuple[str, ...]) -> str | None:
    """Return the name in `known` that is most similar to `name`, or None.

    The result is cached, because a mistake is often repeated in a file.
    """
    from difflib import get_close_matches  # only messages need it, so it is not imported with the module

    if (same := next((one for one in known if one.lower() == name.lower()), None)) is not None:
        return same
    close = get_close_matches(name, known, n=5, cutoff=0.6)
    return next((one for one in close if _is_typing_error(_words(name), _words(one))), None)


def certain_name(name: str, known: Iterable[str]) -> str | None:
    """Return the only known name of which `name` can be a slip; None if there is none, or if there are several.

    A correction that is written for the user, such as "Write …" or a fix of a file, uses this function. "Did you mean"
    may suggest a more distant name, with `closest`.

    >>> certain_name("cosnie", ["cosine", "linear"]), certain_name("ovr", ["start", "to", "over"])
    ('cosine', 'over')
    >>> certain_name("power", ["to", "over"]), certain_name("restat", ["restart", "restate"])
    (None, None)
    """
    several = names_within_a_slip(name, known)
    return several[0] if len(several) == 1 else None


def names_within_a_slip(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names of which `name` can be a slip: those that agree up to case, else those with fewest edits.

    An edit is a letter more, less or different, or a swap of neighbors. One edit needs names of three letters, unless a
    letter is typed twice, two
    edits need the same first letter, a known name of six letters and a written one of five. In shorter names, two edits
    lead from one word to another: `power` and `over`. Digits must agree, because `beta1` and `beta2` are two names.
    """
    plain, names = name.lower(), sorted(set(known))
    letters = plain.replace("-", "").replace("_", "")
    if same := [one for one in names if one.lower() == plain]:
        return same
    if same := [one for one in names if letters and one.lower().replace("_", "") == letters]:
        return same
    digits = [letter for letter in plain if letter.isdigit()]
    names = [one for one in names if [letter for letter in one if letter.isdigit()] == digits]
    near = [one for one in names if min(len(name), len(one)) >= 3 and _is_one_edit(plain, one.lower())]
    if near or (near := [one for one in names if len(one) > 1 and _is_doubled(plain, one.lower())]):
        return near
    long = [one for one in names if len(name) >= 5 and len(one) >= 6 and one[0].lower() == plain[0]]
    return [one for one in long if _are_two_edits(plain, one.lower())]


def _is_doubled(one: str, other: str) -> bool:
    """Return whether a text is another one with a letter typed twice: `too` for `to`."""
    places = range(len(other))
    return len(one) == len(other) + 1 and any(other[: place + 1] + other[place:] == one for place in places)


def _is_one_edit(one: str, other: str) -> bool:
    """Return whether two different texts differ by one letter, or by a swap of neighbors."""
    short, long = sorted((one, other), key=len)
    place = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    if len(short) < len(long):
        return short[place:] == long[place + 1 :]
    is_swap = short[place : place + 2] == long[place : place + 2][::-1] and short[place + 2 :] == long[place + 2 :]
    return is_swap or short[place + 1 :] == long[place + 1 :]


def _are_two_edits(one: str, other: str) -> bool:
    """Return whether an edit of `one` is a text that differs by one edit from `other`."""
    if abs(len(one) - len(other)) > 2:
        return False
    place = next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if place is None:  # one text begins with the other
        return True
    # The first edit is at the first difference; a swap may also begin one letter before it.
    edited = [
        one[:place] + one[place + 1 :],
        one[:place] + other[place] + one[place:],
        one[:place] + other[place] + one[place + 1 :],
        one[:place] + one[place + 1 : place + 2] + one[place] + one[place + 2 :],
    ]
    return any(text == other or _is_one_edit(text, other) for text in edited)


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+|[^\w\s]+")


def _words(name: str) -> list[str]:
    """Return the words of a name, in lower case.

    >>> _words("lr_decay-style"), _words("WarmupMultiStepLR")
    (['lr', 'decay', '-', 'style'], ['warmup', 'multi', 'step', 'lr'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def _is_typing_error(typed: list[str], meant: list[str]) -> bool:
    """Return whether the words differ by a few letters, an abbreviation, one word too many, or their separation."""
    from difflib import SequenceMatcher

    def ratio(one: str, other: str) -> float:
        return SequenceMatcher(None, one, other).ratio()

    if len(typed) != len(meant):
        whole, letters = "".join(meant), iter("".join(meant))
        is_short = len(typed) == 1 and typed[0][0] == whole[:1] and all(one in letters for one in typed[0])  # invsqrt
        has_more = any(typed[:place] + typed[place + 1 :] == meant for place in range(len(typed)))  # linear_decay
        is_part = typed in (meant[: len(typed)], [word for word in meant if word.isalpha()])  # sqrt for 1-sqrt
        return is_short or has_more or is_part or ratio("".join(typed), whole) > 0.9

    def is_near(one: str, other: str) -> bool:
        is_letter = len(one) == len(other) == 1 and one.isalpha() and other.isalpha()  # t/m for t/n
        return is_letter or ratio(one, other) > 0.65 or (len(one) > 2 and other.startswith(one))

    return all(map(is_near, typed, meant))


def shortened_text(text: str) -> str:
    """Shorten a text for a message: to one line of at most 60 characters."""
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def joined_clauses(texts: Iterable[str]) -> str:
    """Join the clauses of a message by semicolons; a question ends a sentence.

    >>> joined_clauses(['unknown "a"; did you mean "b"?', 'unknown "c"; use "d"', "x"])
    'unknown "a"; did you mean "b"? Unknown "c"; use "d"; x'
    """
    message = ""
    for text in texts:
        is_new = message.endswith("?")
        message += f" {text[:1].upper()}{text[1:]}" if is_new else f"; {text}" if message else text
    return message


KNOWN = (
    "alpha", "betas", "beta2_decay", "d", "dampening", "eps", "etas", "initial_accumulator_value", "lambd", "lr",
    "lr_decay", "momentum", "momentum_decay", "rho", "step_sizes", "t0", "weight_decay",
)  # fmt: skip
"""The numeric entries of the parameter groups of torch's own optimizers."""

_MOST_LISTED = 8  # names that a message lists; of more names it lists the nearest ones
_FEW_LISTED = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the clause of a message that suggests the closest known name, or lists the known names.

    >>> did_you_mean("weight_decy", ["lr", "weight_decay"]), did_you_mean("xyz", ["lr", "eps"])
    ('did you mean "weight_decay"?', 'expected one of eps, lr')
    """
    names = sorted(set(known))
    if not names:
        return "no names are defined"
    if (near := closest(name, names)) is not None:
        return f'did you mean "{near}"?'
    if len(names) > _MOST_LISTED:
        from difflib import get_close_matches  # only messages need it

        nearest = get_close_matches(name, names, n=_FEW_LISTED, cutoff=0.0)
        return f"expected one of {', '.join(nearest)} and {len(names) - len(nearest)} more"
    return f"expected one of {', '.join(names)}" if len(names) > 1 else f"expected {names[0]}"
