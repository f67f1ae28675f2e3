"""Words of messages: paths, lists of names, values of users made printable, and the names near a wrong one."""

import re  # patterns are compiled at their first use, because that takes a tenth of the import of the library
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import lru_cache, partial
from itertools import accumulate
from math import isfinite
from textwrap import wrap
from typing import Any, Final


def printable(text: str, *, ascii: bool = False) -> str:
    r"""Escape control characters, so that the name of a group cannot send commands to the terminal.

    >>> printable("head\x1b[31m"), printable("köpfe", ascii=True)
    ('head\\x1b[31m', 'k\\xf6pfe')
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown.encode("ascii", "backslashreplace").decode() if ascii else shown


def json_text(data: object, *, indent: int | None = None, allow_nan: bool = True) -> str:
    r"""Return JSON in which every character that is not printable is escaped, for a terminal.

    With `allow_nan`, a number that is not finite becomes null, because JSON has none. Without it, ValueError is raised.

    >>> print(json_text({"köpfe": "\x9b31m\u202e\n"}))
    {"köpfe": "\u009b31m\u202e\n"}
    """
    import json  # a thirtieth of the import of the library

    dumps = partial(json.dumps, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text = dumps(data)
    except ValueError:
        if not allow_nan:
            raise
        text = dumps(_with_nulls(data))
    return re.sub(_NOT_ASCII, lambda match: match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1], text)


def _with_nulls(data: object) -> object:
    """Return data for JSON with None in place of each number that is not finite."""
    if isinstance(data, Mapping):
        return {key: _with_nulls(element) for key, element in data.items()}
    if isinstance(data, (list, tuple)):
        return list(map(_with_nulls, data))
    return None if isinstance(data, float) and not isfinite(data) else data


_NOT_ASCII: Final = r"[^ -~\n]"


def bounded(text: str, most: int) -> str:
    r"""Cut the middle of a text that is longer than `most` characters, counted as they are printed.

    Its begin has the place and its end what was expected, so only the value between them is cut.

    >>> bounded("a" * 100 + ": expected a number", 40), len(bounded("\x1b" * 100, 40))
    ('aaaaaaaaaaaaaaaaaaa…: expected a number', 9)
    """
    if len(text) <= most // 10:  # an escaped character has at most ten
        return text
    shown = [len(printable(letter)) for letter in text[:most] + text[len(text[:most]) :][-most:]]
    if len(text) <= most and sum(shown) <= most:
        return text
    half = (most - 1) // 2
    begin = sum(1 for size in accumulate(shown) if size <= half)
    end = sum(1 for size in accumulate(reversed(shown)) if size <= half)
    return f"{text[:begin]}…{text[len(text) - end :]}"


def printable_lines(text: str) -> str:
    """Escape control characters in each line of a text."""
    return "\n".join(map(printable, text.split("\n")))


def names_listed(names: Iterable[str], most: int = 20) -> str:
    r"""Return names separated by commas, for a message. Names after the first `most` are only counted.

    Control characters are escaped.

    >>> names_listed(["lr", "a\x1b"]), names_listed("abc", most=2)
    ('lr, a\\x1b', 'a, b and 1 more')
    """
    shown = [printable(name) for name in names]
    rest = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + rest


_PLAIN_NAME: Final = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_INDEX: Final = 10**40  # Python converts no integer of more than 4,300 digits to text
_MOST_SHOWN: Final = 60  # characters of a name that needs quotes

ROOT: Final = "$"
"""The path of the entire config."""


def entry_path(*keys: object) -> str:
    """Return the path of an entry from the root of the config.

    >>> entry_path("lr"), entry_path("groups", "head", "lr")
    ('$.lr', '$.groups.head.lr')
    """
    return child_path(ROOT, *keys)


def child_path(path: str, *keys: object) -> str:
    """Return the path of an entry inside the entry at `path`. Keys are names in mappings or indices in lists.

    >>> child_path(ROOT, "lr", 1), child_path(ROOT, "betas[0]"), child_path(ROOT, "a key")
    ('$.lr[1]', '$.betas[0]', '$["a key"]')
    """
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]" if abs(key) < _MOST_INDEX else "[…]"
            continue
        name = str(key)
        if _PLAIN_NAME.fullmatch(name):
            path += f".{name}"
        else:
            import json  # as above

            path += f"[{json.dumps(name[:_MOST_SHOWN], ensure_ascii=False)}]"
    return path


def path_from_root(path: str) -> str:
    """Return a path without the leading "$", to append it to the path of an entry that contains the entire config.

    >>> entry_path("param_scheduler") + path_from_root("$.lr[1]")
    '$.param_scheduler.lr[1]'
    """
    return path.removeprefix(ROOT)


CLOCK: Final = entry_path("clock")
TOTAL: Final = entry_path("total")
GROUPS: Final = entry_path("groups")
LATER: Final = entry_path("later")
TARGETS: Final = entry_path("targets")
"""The path of the targets in a native plan."""


_NEAR = 0.7
"""The least similarity of two words of which one is a typing error, from 0 to 1: `epoks` and `epochs` have 0.73."""
_SIMILAR = 0.6
"""That of two names whose words are compared, of which one name may have a word more: `linear_decay` and `linear`."""


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the known name that is most similar to `name`; None if `name` is a typing error of none.

    The names must agree word by word, because `warmup_epochs` is another setting than `warmup_iters`.

    >>> closest("weight_decy", ["lr", "weight_decay"])
    'weight_decay'
    >>> closest("warmup_epochs", ["lr", "warmup_iters"]), closest("WarmupTwoStageMultiStepLR", ["WarmupMultiStepLR"])
    (None, None)
    """
    return _closest_of(name, tuple(sorted(set(names))))


@lru_cache(maxsize=1024)
def _closest_of(name: str, names: tuple[str, ...]) -> str | None:
    """Return the name in `names` that is most similar to `name`, or None.

    The result is cached, because a mistake is often repeated in a file.
    """
    from difflib import get_close_matches  # only messages need it, so it is not imported with the module

    for text in names:
        if text.lower() == name.lower():
            return text
    for text in get_close_matches(name, names, n=5, cutoff=_SIMILAR):
        if _is_typing_error(_words(name), _words(text)):
            return text
    return None


_WORD: Final = r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+|[^\w\s]+"


def _words(name: str) -> list[str]:
    """Return the words of a name, in lower case.

    >>> _words("lr_decay-style"), _words("WarmupMultiStepLR")
    (['lr', 'decay', '-', 'style'], ['warmup', 'multi', 'step', 'lr'])
    """
    return [word.lower() for word in re.findall(_WORD, name)]


def _is_typing_error(typed: list[str], meant: list[str]) -> bool:
    """Return whether the words differ by a few letters, an abbreviation, one word too many, or their separation."""
    if len(typed) == len(meant):
        return all(map(_is_near, typed, meant))
    whole = "".join(meant)
    letters = iter(whole)
    is_short = len(typed) == 1 and typed[0][0] == whole[:1] and all(text in letters for text in typed[0])  # invsqrt
    has_more = any(typed[:index] + typed[index + 1 :] == meant for index in range(len(typed)))  # linear_decay
    is_part = typed in (meant[: len(typed)], [word for word in meant if word.isalpha()])  # sqrt for 1-sqrt
    return is_short or has_more or is_part or _similarity("".join(typed), whole) > 0.9


def _is_near(word: str, meant: str) -> bool:
    """Return whether a word is another one with a typing error or an abbreviation of it."""
    is_letter = len(word) == len(meant) == 1 and word.isalpha() and meant.isalpha()  # t/m for t/n
    is_begin = meant.startswith(word) and (len(word) > 2 or len(meant) - len(word) == 1)  # l for lr
    is_doubled = word.startswith(meant) and len(word) - len(meant) == 1
    return is_letter or is_begin or is_doubled or _similarity(word, meant) >= _NEAR


def _similarity(word: str, meant: str) -> float:
    """Return the similarity of two words, from 0 to 1."""
    from difflib import SequenceMatcher

    return SequenceMatcher(None, word, meant).ratio()


_SEPARATED = re.compile(r"\d{1,3}(?:[,\u2009 ']\d{3})+(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,])")


def with_plain_numbers(text: str) -> str:
    """Return a text with its numbers as Python writes them: without separators of thousands, and with a decimal point.

    >>> with_plain_numbers("1,000 steps"), with_plain_numbers("2,5%"), with_plain_numbers("2_000 steps")
    ('1000 steps', '2.5%', '2_000 steps')
    """
    joined = _SEPARATED.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    return _DECIMAL_COMMA.sub(r"\1.\2", joined)


def number_in(text: str) -> int | float | None:
    """Return the finite number that a text contains; None if it contains something else.

    >>> number_in("1e-5"), number_in("1,000"), number_in("0,5"), number_in("5%")
    (1e-05, 1000, 0.5, None)
    """
    if len(text) > _MOST_SHOWN:
        return None
    plain = with_plain_numbers(text.strip()).replace("_", "")
    try:
        number = float(plain)
    except ValueError:
        return None
    return (int(plain) if plain.lstrip("+-").isdecimal() else number) if isfinite(number) else None


def limit_text(limit: float) -> str:
    """Return a power of ten as a message writes it.

    >>> limit_text(10**18)
    '1e18'
    """
    return f"{float(limit):.0e}".replace("e+", "e")


def shortened_text(text: str) -> str:
    """Shorten a text for a message: to one line of at most 60 characters."""
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


KNOWN = (
    "alpha", "betas", "beta2_decay", "d", "dampening", "eps", "etas", "initial_accumulator_value", "lambd", "lr",
    "lr_decay", "momentum", "momentum_decay", "rho", "step_sizes", "t0", "weight_decay",
)  # fmt: skip
"""The numeric entries of the parameter groups of torch's own optimizers."""
RESERVED: Final = ("clock", "total", "groups", "later", "targets")
"""The entries of a plan besides its fields."""

RECIPE: Final = "recipe:"
"""What precedes the name of a published recipe in place of a plan."""

UNTIL_IS_AN_END: Final = '"until" is only valid as the length of a stage'
"""What every time and length says that is not the length of a stage."""

_MOST_LISTED = 8  # names that a message lists; of more names it lists the nearest ones
_FEW_LISTED = 4


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return the clause of a message that suggests the closest known name, or lists the known names.

    >>> did_you_mean("weight_decy", ["lr", "weight_decay"]), did_you_mean("xyz", ["lr", "eps"])
    ('did you mean "weight_decay"?', 'expected one of eps, lr')
    """
    names = sorted(set(candidates))
    if not names:
        return "no names are defined"
    near = closest(name, names)
    if near is not None:
        return f'did you mean "{near}"?'
    if len(names) > _MOST_LISTED:
        from difflib import get_close_matches  # only messages need it

        nearest = get_close_matches(name, names, n=_FEW_LISTED, cutoff=0.0)
        return f"expected one of {', '.join(nearest)} and {len(names) - len(nearest)} more"
    return f"expected one of {', '.join(names)}" if len(names) > 1 else f"expected {names[0]}"


_COLUMNS: Final = 100
_LINES: Final = 20
_LIST: Final = r"\[((?:[-+.\w]+, ){3})(?:[-+.\w]+, ){5,}((?:[-+.\w]+, ){2}[-+.\w]+)\]"


def text_on_screen(value: object) -> str:
    r"""Return the text of a value as its `repr`: in lines of at most 100 columns, and without what follows line 20.

    A long list of numbers is shown as its first and last three.

    >>> text_on_screen("cosine()"), len(text_on_screen("word " * 1000)), text_on_screen("word " * 1000)[-8:]
    ('cosine()', 1903, 'word\n...')
    """
    text = str(value)
    if len(text) <= _COLUMNS and "\n" not in text:
        return text
    text = re.sub(_LIST, r"[\1..., \2]", text)
    if len(text) <= _COLUMNS and "\n" not in text:
        return text
    shown = text[: _COLUMNS * _LINES]  # a longer text is cut anyway
    lines = [row for line in shown.split("\n") for row in wrap(line, _COLUMNS, break_on_hyphens=False) or [""]]
    fits = len(lines) <= _LINES and shown == text
    return "\n".join(lines if fits else [*lines[: _LINES - 1], "..."])


def shown_fields(value: Any) -> str:
    """Return the repr that `dataclass` would generate, for a value whose class has no name in schedule text.

    If the class defines a `__repr__` of its own, that method is called.
    """
    value_class: Any = type(value)
    if value_class.__repr__ is not text_on_screen:
        return repr(value)
    shown = (f"{field.name}={getattr(value, field.name)!r}" for field in fields(value) if field.repr)
    return f"{value_class.__qualname__}({', '.join(shown)})"


def only_set_fields(value: Any) -> str:
    """Return a repr with the fields that differ from their defaults, for a dataclass with many optional fields.

    >>> from paramsched.core.time import RunFacts
    >>> only_set_fields(RunFacts(total=10))
    'RunFacts(total=10)'
    """
    entries = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
    shown = (f"{name}={entry!r}" for name, entry, default in entries if entry != default)
    return text_on_screen(f"{type(value).__qualname__}({', '.join(shown)})")
