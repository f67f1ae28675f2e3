"""Suggestions of known names for unknown ones."""

import re
from collections.abc import Iterable
from functools import lru_cache

_NEAR = 0.7
"""The least similarity of two words of which one is a typing error, from 0 to 1: `epoks` and `epochs` have 0.73."""
_SIMILAR = 0.6
"""That of two names whose words are compared, of which one name may have a word more: `linear_decay` and `linear`."""


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
    close = get_close_matches(name, known, n=5, cutoff=_SIMILAR)
    return next((one for one in close if _is_typing_error(_words(name), _words(one))), None)


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
        is_begin = other.startswith(one) and (len(one) > 2 or len(other) - len(one) == 1)  # l for lr
        is_doubled = one.startswith(other) and len(one) - len(other) == 1
        return is_letter or is_begin or is_doubled or ratio(one, other) >= _NEAR

    return all(map(is_near, typed, meant))


def shortened_text(text: str) -> str:
    """Shorten a text for a message: to one line of at most 60 characters."""
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


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
