"""Which values an argument takes, by its kind, and the values of another type that mean one of them."""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import permutations
from numbers import Integral, Real
from typing import Any, Final

from paramsched.core.advice.number_checks import number_in_array
from paramsched.core.advice.peer_words import UNITS
from paramsched.core.base.advise import Mend, of_percent, text_leaves
from paramsched.core.base.codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.core.base.near_names import certain_name, did_you_mean
from paramsched.core.base.node import NOWHERE, Call, Keyword, List, Node, Number, Place, Text, Value, Word
from paramsched.core.base.params import Param
from paramsched.core.curves import CONSTANTS, FAMILIES, Curve
from paramsched.core.schedules.affine import NEIGHBOR_LEVELS, Absolute, AffineLevel, NeighborLevel
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.rules.base import Rule
from paramsched.core.schedules.text.grammar import tree_of
from paramsched.core.time import Duration
from paramsched.core.time.duration import UNIT_NAMES, close_unit, meant_length
from paramsched.errors import InvalidArgument, ParseError, shown

_LARGEST: Final = sys.float_info.max
_SCALE_WORDS: Final = ("thousand", "million", "mn", "m", "billion", "bn", "b", "G", "g", "K", "k")
_NEIGHBORS: Final = {"next": "following", "prev": "previous", "last": "previous"}
_HUGE: Final = 1 << 4096  # Python writes no integer of more than 4,300 digits in decimal
_MOST_ORDERED: Final = 5  # arguments of one call whose order is corrected
_SHARE: Final = re.compile(r"(0?\.\d{1,15}) ?([A-Za-z]+)", re.ASCII)
_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(%?)\s*", re.ASCII)


def fits(param: Param, value: Any) -> bool:
    """Return whether an argument takes a value of this type."""
    if value is None:
        return param.none
    kind = param.kind
    if kind == "schedule":
        return isinstance(value, (Schedule, Absolute, AffineLevel)) or _is_number(value)
    if kind == "level":
        return isinstance(value, (Absolute, AffineLevel, NeighborLevel)) or _is_number(value)
    if kind == "number":
        return _is_number(value)
    if kind == "count":
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind == "length":
        return _is_length(value)
    if kind == "curve":
        is_named = isinstance(value, str) and value.removeprefix("curves.") in CONSTANTS
        return isinstance(value, Curve) or is_named or (callable(value) and not isinstance(value, Schedule))
    if kind == "rule":
        return isinstance(value, Rule)
    if kind == "text":
        return isinstance(value, str)
    if kind == "choice":
        return any(type(value) is type(one) and value == one for one in param.choices)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("list", "pairs"):
        if not isinstance(value, (list, tuple)):
            return False
        items = param.items if len(param.items) > 1 else param.items[:1] * len(value)
        return len(items) == len(value) and all(fits(item, one) for item, one in zip(items, value, strict=True))
    return True


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    number: Any = value  # a Real has an order
    return bool(-_LARGEST <= number <= _LARGEST)


def _is_length(value: Any) -> bool:
    if not isinstance(value, (str, Real, Duration)) or isinstance(value, bool):
        return False
    try:
        Duration.of(value)  # type: ignore[arg-type]  # a number that is not a length is refused
    except (InvalidArgument, OverflowError, ValueError):
        return False
    return True


_TYPES: Final = {
    "schedule": "a schedule",
    "level": "a level",
    "length": "a length",
    "curve": "a curve",
    "rule": "a rule",
    "number": "a number",
    "count": "an integer",
    "text": "text",
    "bool": "true or false",
    "list": "a list",
    "pairs": "a list",
}


def is_of_type(param: Param, value: Any) -> bool:
    """Return whether a value has the type of a parameter. Its range is checked by the function."""
    if value is None:
        return param.none or param.kind == "any"
    kind = param.kind
    if kind in ("number", "count", "level") and isinstance(value, Integral if kind == "count" else Real):
        return not isinstance(value, bool)
    if kind in ("list", "pairs") and isinstance(value, (list, tuple)):
        items = param.items if len(param.items) > 1 else param.items[:1] * len(value)
        return len(items) == len(value) and all(map(is_of_type, items, value))
    return fits(param, value)


def wrong_type(param: Param, value: Any, node: Node) -> tuple[Place, str, str]:
    """Return the place of a value of the wrong type, what is wrong, and the code of the problem."""
    if param.kind in ("list", "pairs") and isinstance(value, (list, tuple)):
        items = param.items if len(param.items) > 1 else param.items[:1] * len(value)
        if len(items) != len(value):
            found = f"{data_text(value)} has {len(value)} items, not {len(items)}"
            return node.place, found, REFUSED_VALUE
        assert isinstance(node, List)
        pairs = zip(items, value, node.items, strict=True)
        return next(wrong_type(item, one, place) for item, one, place in pairs if not is_of_type(item, one))
    if param.kind == "choice":
        known = ", ".join(map(data_text, param.choices))
        near = did_you_mean(value, map(str, param.choices)) if isinstance(value, str) else ""
        near = f"; {near}" if near.startswith("did you mean") else ""  # the choices are named already
        return node.place, f"expected one of {known}, got {data_text(value)}{near}", REFUSED_VALUE
    if param.kind == "length" and isinstance(value, (str, Real)) and not isinstance(value, bool):
        try:
            Duration.of(value)  # type: ignore[arg-type]  # other numbers are refused
        except InvalidArgument as error:
            return node.place, error.problem.summary, error.code
    if param.kind == "schedule" and not isinstance(value, (str, bool, tuple, list, dict)) and value is not None:
        found = f"{value} reacts to a metric; only the entire schedule of a field can do that"
        return node.place, found, REFUSED_VALUE
    return node.place, f"expected {_TYPES[param.kind]}, got {data_text(value)}", WRONG_TYPE


def data_text(value: Any) -> str:
    """Return a value of a file as JSON, truncated; other values as Python shows them."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = shown(value)
    return text if len(text) <= 60 else text[:59] + "…"


def leaf_of(
    param: Param, value: Any, node: Node, names: Mapping[str, Callable[..., Any]], *, shares: bool = True
) -> tuple[Node, Mend] | None:
    """Return the node that a value of another type means, and its correction; None if there is none.

    Args:
        param: the parameter.
        value, node: the value and its node.
        names: the functions that a text may call.
        shares: True if 0.1 may be the length "10%".
    """
    made = _leaf(param, value, node, names, shares=shares)
    if made is None:
        return None
    new, mend = made if isinstance(made, tuple) else (made, Mend("leaf"))
    return (without_places(new, node.place) if isinstance(value, str) else new), mend


def _leaf(
    param: Param, value: Any, node: Node, names: Mapping[str, Callable[..., Any]], *, shares: bool
) -> Node | tuple[Node, Mend] | None:
    kind = param.kind
    if isinstance(value, (list, tuple)) and len(value) == 1 and kind not in ("list", "pairs", "any"):
        item = node.items[0] if isinstance(node, List) else node_of(value[0])
        if fits(param, value[0]):
            return item
        # Not of a list in the list, because a list may contain itself.
        return None if isinstance(value[0], (list, tuple)) else _leaf(param, value[0], item, names, shares=shares)
    if (number := scalar_of(value)) is not None:
        return number if fits(param, number.value) else _leaf(param, number.value, number, names, shares=shares)
    if isinstance(value, str):
        return _of_text(param, value.strip(), names)
    if kind == "length" and isinstance(value, float) and value > 0 and math.isfinite(value):
        if value < 1:
            return Text(f"{_decimal(Fraction(repr(float(value))) * 100)}%") if shares else None
        return Text(f"{_decimal(Fraction(repr(float(value))))} steps"), Mend("leaf", (), ("steps",))
    if kind == "count" and isinstance(value, float) and value.is_integer():
        return Number(int(value), str(int(value)))
    if kind in ("count", "length") and isinstance(value, Fraction) and value.denominator == 1:
        return Number(int(value), str(int(value)))
    if kind == "list" and len(param.items) == 1 and fits(param.items[0], value):
        return List((node,))
    if kind in ("list", "pairs") and isinstance(value, (list, tuple)) and value:
        items = param.items if len(param.items) > 1 else param.items * len(value)
        return _items(items, value, node, names, shares=shares) if len(items) == len(value) else None
    if kind == "list" and len(param.items) == 1 and (numbers := numbers_of(value)) is not None:
        return numbers
    if kind == "curve" and isinstance(value, Schedule) and isinstance(node, Call):
        if node.name in CONSTANTS and not node.args and not node.kwargs:
            return Word(f"curves.{node.name}")
        if node.name in FAMILIES:
            return Call(f"curves.{node.name}", node.args, node.kwargs)
    return None


def numbers_of(value: Any) -> List | None:
    """Return the numbers in an array or tensor of one dimension; None for other values."""
    if getattr(value, "ndim", 0) != 1:
        return None
    numbers = [scalar_of(one) for one in value]
    return None if not numbers or None in numbers else List(tuple(one for one in numbers if one is not None))


def _items(
    items: Sequence[Param],
    values: Sequence[Any],
    node: Node,
    names: Mapping[str, Callable[..., Any]],
    *,
    shares: bool,
) -> tuple[Node, Mend] | None:
    """Return a list whose items are values of another type."""
    nodes = node.items if isinstance(node, List) else tuple(map(node_of, values))
    made, gone, new = list[Node](), list[str](), list[str]()
    for item, value, one in zip(items, values, nodes, strict=True):
        if fits(item, value):
            made.append(one)
        elif (found := leaf_of(item, value, one, names, shares=shares)) is None:
            return None
        else:
            made.append(found[0])
            gone += found[1].gone
            new += found[1].new
    return List(tuple(made)), Mend("name" if gone else "leaf", tuple(gone), tuple(new))


def _decimal(number: Fraction) -> str:
    return f"{float(number):.12g}"


def _of_text(param: Param, text: str, names: Mapping[str, Callable[..., Any]]) -> Node | tuple[Node, Mend] | None:
    """Return the node that a text means where a value of another kind is expected."""
    kind = param.kind
    if kind in ("level", "number", "count", "length") and (found := _NUMBER.fullmatch(text)):
        number = of_percent(found[1]) if found[2] else float(found[1])
        is_whole = number.is_integer() and not found[2] and abs(number) < 1e15
        if kind in ("count", "length") and not is_whole:
            return None if kind == "count" or found[2] else Text(str(meant_length(text)))
        if is_whole and kind in ("count", "length"):
            return Number(int(number), str(int(number)))
        return Number(number, found[1].replace("_", "") if not found[2] else repr(number))
    if kind == "length":
        return _length_of(text)
    if kind == "level" and (word := _NEIGHBORS.get(text) or certain_name(text, NEIGHBOR_LEVELS)):
        return Word(word), Mend("leaf", (text,) if word != text else (), (word,) if word != text else ())
    if kind == "curve" and (name := text.removeprefix("curves.").partition("(")[0]):
        near = name if name in CONSTANTS or name in FAMILIES else certain_name(name, (*CONSTANTS, *FAMILIES))
        if near is None:
            return None
        mend = Mend("leaf") if near == name else Mend("name", (name,), (near,))
        if near in CONSTANTS:
            return Word(f"curves.{near}"), mend
        tree = _tree(f"curves.{near}{text[text.index('(') :]}", names) if "(" in text else None
        return None if tree is None else (tree, mend)
    if kind in ("list", "pairs") and "," in text:
        tree = _tree(f"[{text}]", names)
        if isinstance(tree, List) and len(tree.items) == 1 and isinstance(tree.items[0], List):  # the text has brackets
            return tree.items[0]
        return tree
    choices = [one for one in param.choices if isinstance(one, str)] if kind == "choice" else []
    long = next((one for one in choices if re.fullmatch(f"{re.escape(one)}im(um|ize|ise)", text.lower())), None)
    if choices and (near := long or certain_name(text, choices)):  # "minimum" is "min"
        return Text(near), Mend("name", tuple(map(str, text_leaves(text))), tuple(map(str, text_leaves(near))))
    if kind in ("schedule", "rule") and ("(" in text or (_NUMBER.fullmatch(text) and "%" not in text)):
        return _tree(text, names)
    if kind == "bool" and text.lower() in ("true", "false"):
        return Word(text.capitalize()), Mend("leaf", (text,), (text.capitalize(),))
    return None


def _length_of(text: str) -> tuple[Node, Mend] | None:
    """Return the length that a text with a misspelled unit, or the unit of another library, means."""
    if text in UNIT_NAMES and text.endswith("s") and _is_length(text[:-1]):  # every(…, "epochs")
        return Text(text[:-1]), Mend("name", (text,), (text[:-1],))
    meant = meant_length(text)
    if (share := _SHARE.fullmatch(text)) and UNITS.get(share[2].lower()) == "%":  # a part of 1: "0.06dur" is 6%
        meant = f"{_decimal(Fraction(share[1]) * 100)}%"
    if not isinstance(meant, str) or not _is_length(meant):
        return None
    left, right = Counter(text_leaves(text)), Counter(text_leaves(meant))
    all_gone = [one for one in (left - right).elements() if isinstance(one, str)]
    gone = [one for one in all_gone if one not in _SCALE_WORDS]
    new = [one for one in (right - left).elements() if isinstance(one, str)]
    if len(gone) != len(new) and not (len(gone) == 1 and UNITS.get(gone[0].lower()) == "%"):
        return None
    for one, other in zip(gone, new, strict=False):
        known = UNITS.get(one.lower()) or close_unit(one) or one.lower()
        if UNIT_NAMES.get(known) != UNIT_NAMES.get(other):
            return None
    return Text(meant), Mend("name" if gone else "leaf", tuple(all_gone), tuple(new))


def _tree(text: str, names: Mapping[str, Callable[..., Any]]) -> Node | None:
    try:
        tree = tree_of(text, names)
    except ParseError:
        return None
    return without_places(tree.node)


def without_places(node: Node, place: Place = NOWHERE) -> Node:
    """Return a tree without places, because they refer to another text; with `place`, all of it is at that place."""
    match node:
        case Number(value=value, written=written):
            return Number(value, written, place)
        case Text(value=content, bare=bare):
            return Text(content, bare, place)
        case Word(name=name):
            return Word(name, place)
        case List(items=items, round=is_round):
            return List(tuple(without_places(one, place) for one in items), is_round, place)
        case Call(name=name, args=args, kwargs=kwargs):
            keys = (Keyword(one.name, without_places(one.value, place), place) for one in kwargs)
            return Call(name, tuple(without_places(one, place) for one in args), tuple(keys), place, place)
    return node


def is_renamed(node: Node, new: Node) -> bool:
    """Return whether two trees differ in the names of keywords only.

    >>> to = Number(0.1, "0.1")
    >>> is_renamed(Call("cosine", (), (Keyword("too", to),)), Call("cosine", (), (Keyword("to", to),)))
    True
    """
    return _without_keywords(without_places(node)) == _without_keywords(without_places(new))


def _without_keywords(node: Node) -> Node:
    match node:
        case List(items=items, round=is_round):
            return List(tuple(map(_without_keywords, items)), is_round)
        case Call(name=name, args=args, kwargs=kwargs):
            keys = (Keyword("", _without_keywords(one.value)) for one in kwargs)
            return Call(name, tuple(map(_without_keywords, args)), tuple(keys))
    return node


def scalar_of(value: Any) -> Number | None:
    """Return the number in an array or tensor with one element; None for other values."""
    number = number_in_array(value)
    return None if number is None else Number(number, repr(number))


def node_of(value: Any, depth: int = 20) -> Node:
    """Return the node of a Python value. Lists are read to a depth, because a list may contain itself."""
    if isinstance(value, bool) or value is None:
        return Word(repr(value))
    if isinstance(value, int) and abs(value) >= _HUGE:
        return Number(value, hex(value))
    if isinstance(value, (int, float)):
        return Number(value, repr(value))
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, (list, tuple)) and depth:
        return List(tuple(node_of(one, depth - 1) for one in value), isinstance(value, tuple))
    if isinstance(value, Duration):
        return Text(str(value)) if value.exact is None else Number(value.count, str(value.count))
    if isinstance(value, (Schedule, Curve, Absolute, AffineLevel, NeighborLevel, Rule)):
        tree = _tree(str(value), {})
        return tree if tree is not None else Value(value)
    return Value(value)


def ordered(order: Sequence[Param], values: Sequence[Any]) -> tuple[int, ...] | None:
    """Return the only other order in which positional values fit, as their indices; None if there is none.

    Values of one sort keep their order. Three plain numbers are never reordered.
    """
    count = len(values)
    if not 2 <= count <= min(_MOST_ORDERED, len(order)) or any(one.several for one in order[:count]):
        return None
    numbers = sum(isinstance(one, (int, float)) for one in values)
    if numbers > 2 and numbers == count:
        return None
    sorts = [_sort(value, alone=numbers == count) for value in values]

    def keeps(places: tuple[int, ...]) -> bool:
        return all(
            first < second
            for at, first in enumerate(places)
            for second in places[at + 1 :]
            if sorts[first] == sorts[second]
        )

    @cache  # because each place is asked for in many orders
    def takes(at: int, place: int) -> bool:
        return fits(order[at], values[place])

    able = [
        places
        for places in permutations(range(count))
        if keeps(places) and all(takes(at, place) for at, place in enumerate(places))
    ]
    return able[0] if len(able) == 1 else None


def _sort(value: Any, *, alone: bool) -> str:
    """Return the sort of a value. Two numbers alone are of two sorts if only one of them is an integer."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "integer" if alone and isinstance(value, int) else "number"
    if isinstance(value, Schedule):
        return "schedule"
    return type(value).__name__


def quoted_choice(node: Node, param: Param | None, text: str) -> Text | None:
    """Return an expression without quotes, such as `index=t/n`, as text; None if text is not expected there."""
    if param is None or node.place.begin is None:
        return None
    begin, end = node.place.begin, node.place.end or 0
    around = [text[begin - 1 : end], text[begin - 1 : end + 1], text[begin : end + 1]] if begin else []  # (t+1)/n
    word = next((one for one in around if one in param.choices), text[begin:end])
    is_text = param.kind == "text" and re.fullmatch(r"[\w/]+", word) is not None
    if word in param.choices or is_text or (param.kind == "length" and word in UNIT_NAMES):
        return Text(word, False, node.place)
    return None
