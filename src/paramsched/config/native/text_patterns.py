"""Patterns for the texts of a native file: what an editor sees of a schedule's line and of a length, by its schema."""

from collections.abc import Iterable

from paramsched.curves import FAMILIES
from paramsched.schedules.registry import RULES
from paramsched.time.duration import UNIT_NAMES

_NUMBER = r"(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d{1,3})?"
_TERM = rf"{_NUMBER}[kMBT]?(?:\s*/\s*\d[\d_]*)?"


def schedule_text_pattern(names: Iterable[str]) -> str:
    """The pattern of a line that calls nothing but what there is: every name before a bracket is known.

    Args:
        names: the shapes that may be called.

    >>> import re
    >>> pattern = schedule_text_pattern(["warmup", "cosine"])
    >>> [bool(re.search(pattern, line)) for line in ('warmup("5%") >> cosine(to=0.1)', "warmup(5) >> cosin()")]
    [True, False]
    """
    called = "|".join(
        [
            *sorted({"absolute", *names}, key=len, reverse=True),
            *(f"curves\\.{name}" for name in sorted(FAMILIES, key=len, reverse=True)),
            *(f"rules\\.{name}" for name in sorted(RULES, key=len, reverse=True)),
        ]
    )
    text, call = r'"[^"]*"|' + r"'[^']*'", rf"(?:{called})\s*\("
    word, sign = r"[A-Za-z_]\w*(?:\.\w+)*(?!\s*\(|\w|\.)", r"[^A-Za-z_\"']"
    return rf"^(?:{text}|{call}|{word}|{sign})+$"


def length_text_pattern() -> str:
    """The pattern of a length: amounts with units, added and subtracted.

    >>> import re
    >>> pattern = length_text_pattern()
    >>> [bool(re.search(pattern, text)) for text in ("5%", "until 1.5B tokens", "2 epochs - 1 step", "5 epohcs", "5")]
    [True, True, True, False, False]
    """
    units = "|".join(sorted(UNIT_NAMES, key=len, reverse=True))
    term = rf"[+-]?\s*{_TERM}\s*(?:{units})"
    singular = "|".join(name for name in UNIT_NAMES if len(name) > 3 and f"{name}s" in UNIT_NAMES)
    return rf"^\s*(?:until\s+)?(?:{term}(?:\s*[+-]\s*{_TERM}\s*(?:{units}))*|{singular}|batch)\s*$"
