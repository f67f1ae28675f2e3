"""The rule of advice: "Write …" is a promise, everything else is "For example: …".

A promise is complete and valid, differs from what was written, and keeps every number and name of the user.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from paramsched.core.base.node import Call, List, Node, Number, Text, Value, Word


class Mend(NamedTuple):
    """A correction. It cannot change a number.

    Args:
        kind: "grammar", "name", "other" (another name of the same thing), "leaf" (a value of another type), "order",
            "peer" (a call of another library) or "form".
        gone, new: the names and units that it removes, and those that it adds.
    """

    kind: str
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


GRAMMAR: Final = Mend("grammar")
FIXED: Final = ("grammar", "name", "other", "leaf")
"""The kinds of corrections that `paramsched check --fix` applies."""

_PART = re.compile(
    r"(?P<number>\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"(?:\s*(?P<percent>%|pct\b|per\s?cents?\b)|(?P<scale>[kKMBT])(?!\w))?|[^\W\d]\w*"
)

_NEGATIVE = re.compile(r"(?<![\w.])-\s*[\d.]")


def promise(written: Node, meant: Node, mends: Iterable[Mend], text: str, read: Callable[[str], Node | None]) -> str:
    """Return the corrected text if it is a promise, else an empty text.

    Args:
        written: the tree of what the user wrote.
        meant: the corrected tree.
        mends: the corrections.
        text: the text of `meant`.
        read: returns the tree of a text if it is valid and has the corrected value, else None.
    """
    again = read(text)
    if again is None:
        return ""
    mends = list(mends)
    if any(one.kind == "peer" for one in mends):
        return text
    del meant
    left, right = leaves_of(written), leaves_of(again)
    left.subtract(name for one in mends for name in one.gone)
    right.subtract(name for one in mends for name in one.new)
    return text if +left == +right else ""


def keeps_numbers(written: object, new: object) -> bool:
    """Return whether the text of a value has the same numbers as another one, so that it can be promised.

    >>> keeps_numbers("31 epoks", "31 epochs"), keeps_numbers(0.05, "5%"), keeps_numbers(-3, 3)
    (True, True, False)
    """
    left, right = (Counter(one for one in text_leaves(str(text)) if isinstance(one, float)) for text in (written, new))
    signs = [len(_NEGATIVE.findall(str(text))) for text in (written, new)]
    return left == right and signs[0] == signs[1]


def leaves_of(node: Node) -> "Counter[float | str]":
    """Return how often each number and each name occurs in a tree. Operators are not counted, and 50% is 0.5.

    >>> sorted(leaves_of(Call("warmup", (Text("50%"), Number(3e-4, "3e-4")))).items(), key=str)
    [('warmup', 1), (0.0003, 1), (0.5, 1)]
    """
    return Counter(_leaves(node))


def _leaves(node: Node) -> Iterator[float | str]:
    match node:
        case Number(value=value):
            yield float(value) if abs(value) < 1e300 else str(value)
        case Text(value=text):
            yield from text_leaves(text)
        case Word(name=name):
            yield _plain(name)
        case Value(value=value):
            yield from text_leaves(str(value))
        case List(items=items):
            for one in items:
                yield from _leaves(one)
        case Call(name=name, args=args, kwargs=kwargs):
            if name[:1].isalpha() or name[:1] == "_":
                yield _plain(name)
            for one in args:
                yield from _leaves(one)
            for key in kwargs:
                if key.name:
                    yield key.name
                yield from _leaves(key.value)


def _plain(name: str) -> str:
    return name.removeprefix("curves.").removeprefix("rules.")


def text_leaves(text: str) -> Iterator[float | str]:
    """Yield the numbers and names in a text, such as a length."""
    for found in _PART.finditer(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)):
        if found["number"] is None:
            yield found[0]
        else:
            yield of_percent(found["number"]) if found["percent"] else float(found["number"].replace("_", ""))


def of_percent(digits: str) -> float:
    """Return the float nearest to a number of percent: 0.274 for "27.4", where 27.4 / 100 is 0.27399999999999997."""
    return float(Decimal(digits).scaleb(-2))
