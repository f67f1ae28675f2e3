"""Build the value of a tree: the only reader of schedules, for lines of text, entries of files and calls in Python.

One pass. The builder reports every problem, and makes the corrected tree on the way: a problem with a correction is
reported, and reading continues with the correction.
"""

import inspect
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any, Final, TypeAlias, final

from paramsched.core.advice.calls import example_call, plain_builder
from paramsched.core.advice.peer_words import advice_for_name, dashed_word_at, has_same_value
from paramsched.core.base.advise import FIXED, GRAMMAR, Mend
from paramsched.core.base.codes import SYNTAX, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import certain_name, joined_clauses, shortened_text
from paramsched.core.base.node import NOWHERE, Call, Keyword, List, Node, Number, Place, Text, Value, Word
from paramsched.core.base.params import Param, params_of, single_names, takes_any_keyword
from paramsched.core.curves import CONSTANTS, FAMILIES, Curve
from paramsched.core.schedules.affine import NEIGHBOR_LEVELS, NeighborLevel, is_first_share
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import schedule_of
from paramsched.core.schedules.registry import RULES, SHAPES, combine_operands
from paramsched.core.schedules.rules.base import Rule
from paramsched.core.schedules.text.arguments import (
    fits,
    is_of_type,
    leaf_of,
    ordered,
    quoted_choice,
    without_places,
    wrong_type,
)
from paramsched.core.schedules.text.grammar import BINDS, EXAMPLE_LINE, quoted, tree_of
from paramsched.core.schedules.text.keywords import PREFIX, meant_keyword
from paramsched.core.schedules.text.names import (
    NameProblem,
    is_optimizer,
    unknown_call,
    unknown_word,
    variables_problem,
)
from paramsched.core.schedules.text.peer_lines import line_of_own_call
from paramsched.core.schedules.text.printing import text_of
from paramsched.core.time.duration import UNIT_NAMES
from paramsched.errors import InvalidArgument, InvalidCall, ParseError, UnreadableTable, shown

KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]

BROKEN: Final = object()
"""The value of a part with a problem that has no correction. Values that contain it are not reported."""

Built: TypeAlias = tuple[Any, Node]
"""A value, or `BROKEN`, and the corrected tree."""

_APPLY: Final[Mapping[str, Callable[..., Any]]] = {
    "*": operator.mul,
    "+": operator.add,
    "-": operator.sub,
    "/": operator.truediv,
    "**": operator.pow,
}
_CONSTANTS: Final[Mapping[str, Any]] = {"True": True, "False": False, "None": None}
_EXAMPLES: Final = {"/": "cosine() / 2", "**": "cosine() ** 2"}
_KNOWN_OPERATORS: Final = "The operators are >>, *, /, **, + and -"
_FEW: Final = 8  # up to this many operands are joined one by one, so that an error names the two incompatible operands
_MOST_NUMBERS_WITH_SHARE: Final = 2
_RATES_FIRST: Final = ("cyclic", "one_cycle")
"""Shapes with the name of a scheduler of torch whose first numbers are rates, not lengths."""
_MOST_REPAIRS: Final = 8  # of the arguments of one call
_FAILURES: Final = (TypeError, AttributeError, ValueError, ArithmeticError, LookupError, RecursionError)


@final
class Builder:
    """A builder of the value of one tree.

    Args:
        text: the text of the line, to which the places of its nodes refer; empty for a call in Python and for data.
        names: the functions that the line may call.
        slips: the slips that its grammar has corrected.
        is_data: True for the data of a file, whose types are checked before a function is called, because its author
            may expect arguments of the annotated types.
    """

    def __init__(
        self, text: str, names: KnownNames, slips: Iterable[InvalidArgument] = (), *, is_data: bool = False
    ) -> None:
        self.text, self.names, self.is_data, self.path = text, names, is_data, ""
        self.found: list[InvalidArgument] = [*slips]
        self.places = [NOWHERE] * len(self.found)
        """The place of each problem; its path is empty except in the data of a file."""
        self.mends = [GRAMMAR] * len(self.found)
        self.is_mended = True
        """False if a problem has no correction."""

    def report(self, error: InvalidArgument, place: Place, *mends: Mend) -> None:
        """Keep a problem with its corrections; without one, no line can be promised."""
        if place.begin is not None:
            error = error.at(self.text, place.begin, place.end or 0)
        if [one.kind for one in mends] == ["leaf"] and self._is_slip(place):  # 10% without quotes, for a level
            self.mends += mends
            return
        self.found.append(error.changed(replace=self._swap(place, mends)))
        self.places.append(place if place.path else Place(self.path))
        self.mends += mends
        self.is_mended = self.is_mended and bool(mends)

    def _is_slip(self, place: Place) -> bool:
        """Return whether a slip of the grammar is at the end of a place, as in `to=10%`."""
        spans = [one.span for one in self.found if one.code == SYNTAX and one.span is not None]
        return any((place.begin or 0) <= begin <= end == place.end for begin, end in spans)

    def _swap(self, place: Place, mends: tuple[Mend, ...]) -> tuple[str, str] | None:
        """Return the name to replace and the new one, if that is the entire correction."""
        if len(mends) != 1 or len(mends[0].gone) != 1 or len(mends[0].new) != 1 or mends[0].kind not in FIXED:
            return None
        if "." in mends[0].gone[0]:  # the part after the dot stays
            return None
        if place.path:
            return mends[0].gone[0], mends[0].new[0]
        text, (gone,) = self.text[place.begin : place.end], mends[0].gone
        return (gone, mends[0].new[0]) if text.count(gone) == 1 else None

    def _broken(self, node: Node, error: InvalidArgument) -> Built:
        self.report(error, node.place)
        return BROKEN, node

    def _parse_error(self, place: Place, found: str, instead: str = "", **data: Any) -> ParseError:
        if not self.text:
            return ParseError(found, "", instead, **data)
        is_placed = place.begin is not None
        site = quoted(self.text, place.begin or 0, place.end or 0) if is_placed else f'"{shortened_text(self.text)}"'
        return ParseError(site, found, instead, **data)

    # ---- values

    def value(self, node: Node, param: Param | None = None) -> Built:
        """Return the value of a node, an argument of the parameter `param` if it is one."""
        kind = node.__class__
        if kind is Text and node.bare:  # type: ignore[union-attr]  # a Text has it
            return self._bare(node, param)  # type: ignore[arg-type]  # checked
        if kind is Number or kind is Text or kind is Value:
            return node.value, node  # type: ignore[union-attr]  # the three classes have a value
        if kind is Call:
            return self.call(node, param)  # type: ignore[arg-type]  # checked
        if kind is List:
            return self._list(node, param)  # type: ignore[arg-type]  # checked
        return self._word(node, param)  # type: ignore[arg-type]  # the only class that is left

    def _bare(self, node: Text, param: Param | None) -> Built:
        """Return the value of a text in the data of a file, where an expression is expected."""
        kind = "schedule" if param is None else param.kind
        try:
            tree = tree_of(node.value, self.names)
        except ParseError as error:
            if kind == "level":
                return node.value, replace(node, bare=False)
            return self._broken(node, option_error(node.value) or error)
        if kind == "level" and not _may_be_level(tree.node):
            return node.value, replace(node, bare=False)
        inner = tree.node
        if kind == "curve" and isinstance(inner, Call) and "." not in inner.name and inner.name not in BINDS:
            inner = replace(inner, name=f"curves.{inner.name}")
        outer = self.text, self.path, self.is_data
        self.text, self.path, self.is_data = tree.text, node.place.path, False
        for slip in tree.slips:
            self.report(slip, NOWHERE, GRAMMAR)
        value, new = self.value(inner, None if kind == "schedule" else param)
        is_other = isinstance(value, (NeighborLevel, Curve, Rule, bool, str, tuple)) or value is None
        if kind == "schedule" and is_other:
            value, new = self.as_schedule(value, new)
        self.text, self.path, self.is_data = outer
        return value, replace(new, place=node.place)

    def _list(self, node: List, param: Param | None) -> Built:
        items = param.items if param is not None else ()
        of_items = items if len(items) == len(node.items) else items[:1] * len(node.items)
        made = [self.value(one, of_items[place] if of_items else None) for place, one in enumerate(node.items)]
        if any(value is BROKEN for value, _ in made):
            return BROKEN, node
        if any(new is not one for (_, new), one in zip(made, node.items, strict=True)):
            node = replace(node, items=tuple(new for _, new in made))
        return tuple(value for value, _ in made), node

    def _word(self, node: Word, param: Param | None) -> Built:
        name = node.name
        if name in _CONSTANTS:
            return _CONSTANTS[name], node
        if name in NEIGHBOR_LEVELS:
            return NEIGHBOR_LEVELS[name], node
        space, _, last = name.partition(".")
        if space == "curves" and last in CONSTANTS:
            return CONSTANTS[last], node
        if (choice := quoted_choice(node, param, self.text)) is not None:
            return self._unquoted(node, choice)
        return self._mended_name(node, unknown_word(node, param, self.names), param)

    def _unquoted(self, node: Node, choice: Text) -> Built:
        error = self._parse_error(node.place, f"{choice.value} is text and needs quotes")
        if choice.value in UNIT_NAMES and choice.value.endswith("s"):  # a unit without a number is one of it: "epoch"
            return self._broken(node, error)
        self.report(error, node.place, Mend("leaf"))
        return choice.value, choice

    def _mended_name(self, node: Word | Call, problem: NameProblem, param: Param | None) -> Built:
        """Report an unknown name, and continue with the name that is meant, if there is one."""
        place = node.place
        if (option := option_error(self.text, place.begin or 0)) is not None:
            if any(one.span == option.span for one in self.found):  # each part of `lr-decay-style` is an unknown name
                return BROKEN, node
            return self._broken(node, option)
        error = self._parse_error(place, problem.found, code=problem.code, write=problem.example, is_example=True)
        head = node.head if isinstance(node, Call) and node.name not in BINDS else place
        if problem.meant is None:
            if isinstance(node, Call) and not problem.is_read:
                for one in node.args:
                    if not is_optimizer(one):
                        self.value(one)
                for key in node.kwargs:
                    self.value(key.value)
            elif problem.is_read:  # slips in its arguments have no meaning either
                self._forget(place)
            self.report(error, head)
            return BROKEN, node
        self.report(error, head, problem.mend)
        return self.value(problem.meant, param)

    def _forget(self, place: Place) -> None:
        """Drop the problems in a range of the text."""
        begin, end = place.begin or 0, place.end or 0
        is_kept = [one.span is None or not begin <= one.span[0] <= one.span[1] <= end for one in self.found]
        self.found = [one for one, kept in zip(self.found, is_kept, strict=True) if kept]
        self.places = [one for one, kept in zip(self.places, is_kept, strict=True) if kept]

    # ---- calls

    def call(self, node: Call, param: Param | None = None) -> Built:
        """Return the value of a call or of an operator."""
        name = node.name
        function = self.names.get(name)
        if function is None:
            if name in BINDS:
                if (
                    param is not None
                    and param.kind in ("choice", "text", "any")
                    and (choice := quoted_choice(node, param, self.text))
                ):
                    return self._unquoted(node, choice)
                if (problem := variables_problem(node, param, self.names)) is not None:
                    return self._mended_name(node, problem, param)
                return self._operator(node)
            space, _, last = name.partition(".")
            function = FAMILIES.get(last) if space == "curves" else RULES.get(last) if space == "rules" else None
            if function is None:
                if (choice := quoted_choice(node, param, self.text)) is not None:
                    return self._unquoted(node, choice)
                return self._mended_name(node, unknown_call(node, param, self.names, self._peer_value), param)
        return self._known_call(node, function)

    def _peer_value(self, node: Node) -> Built:
        return self.value(node)

    def _known_call(self, node: Call, function: Callable[..., Any]) -> Built:
        params, order = _parameters(function)
        args, kwargs, is_sound = list[Built](), list[tuple[Keyword, Any]](), True
        last, seen = len(order) - 1, {""}  # an argument after a keyword has no name
        for place, one in enumerate(node.args):
            built = self.value(one, order[min(place, last)] if last >= 0 else None)
            is_sound = is_sound and built[0] is not BROKEN
            args.append(built)
        for key in node.kwargs:
            value, new = self.value(key.value, params.get(key.name) or (_CURVE if key.name == "curve" else None))
            is_sound = is_sound and value is not BROKEN and key.name not in seen
            seen.add(key.name)
            kwargs.append((key if new is key.value else key._replace(value=new), value))
        if is_sound and not (self.is_data and _wrong_types(args, kwargs, params, order)):
            try:
                made = plain_builder(function)(*[value for value, _ in args], **{key.name: one for key, one in kwargs})
            except (InvalidArgument, *_FAILURES):
                pass
            else:
                if not self.found:
                    return made, node
                kept = tuple(new for _, new in args), tuple(key for key, _ in kwargs)
                return made, node if kept == (node.args, node.kwargs) else replace(node, args=kept[0], kwargs=kept[1])
        return _CallRepair(self, node, function, args, kwargs).repaired()

    # ---- operators

    def _operator(self, node: Call) -> Built:
        if node.name == ">>":
            return self._sequence(node)
        if len(node.args) == 1:
            return self._signed(node)
        name = node.name
        if name not in _APPLY:
            for one in node.args:
                self.value(one)
            error = self._parse_error(node.place, f'"{name}" is not an operator of schedules', _KNOWN_OPERATORS)
            return self._broken(node, error)
        parts = [_added(one) if name == "+" and place else one for place, one in enumerate(node.args)]
        signs = ["-" if part is not one else name for part, one in zip(parts, node.args, strict=True)]
        made = [self._operand(one) for one in parts]
        if any(value is BROKEN for value, _ in made):
            return BROKEN, node
        values = [value for value, _ in made]
        if name == "+" and self._has_rule_among(made):
            return BROKEN, node
        if self.found:
            news = [Call("-", (new,)) if sign != name else new for sign, (_, new) in zip(signs, made, strict=True)]
            node = replace(node, args=tuple(news))
        try:
            if len(values) > _FEW and all(isinstance(one, Schedule) and not one.metric_rules for one in values):
                terms = [-one if sign == "-" else one for sign, one in zip(signs, values, strict=True)]
                return combine_operands("product" if name == "*" else "sum", *terms), node
            total = values[0]
            for sign, one in zip(signs[1:], values[1:], strict=True):
                total = _applied(sign, total, one)
        except InvalidArgument as error:
            return self._broken(node, error)
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            example = _EXAMPLES.get(name, EXAMPLE_LINE)
            # The words of Python differ between its versions.
            found = "division by zero" if isinstance(error, ZeroDivisionError) else str(error)
            return self._broken(node, self._parse_error(node.place, found, write=example, is_example=True))
        return total, node

    def _signed(self, node: Call) -> Built:
        value, new = self._operand(node.args[0])
        if value is BROKEN:
            return BROKEN, node
        try:
            return (-value if node.name == "-" else value), (
                node if new is node.args[0] else replace(node, args=(new,))
            )
        except TypeError as error:
            return self._broken(node, self._parse_error(node.place, str(error)))

    def _operand(self, node: Node) -> Built:
        """Return the value of an operand: a number, a schedule or a metric rule."""
        value, new = self.value(node)
        if isinstance(value, Schedule) or value is BROKEN:
            return value, new
        if isinstance(value, (NeighborLevel, Curve)):
            return self.as_schedule(value, new)
        if value is None or isinstance(value, (bool, str, tuple)):
            if isinstance(value, str) and ("(" in value or self._is_unquoted(new)):
                return self.as_schedule(value, new)
            return self._broken(
                new, self._parse_error(node.place, f"{shown(value)} is neither a number nor a schedule")
            )
        return value, new

    def _has_rule_among(self, made: list[Built]) -> bool:
        """Report each operand in data that reacts to a metric. Return whether there is one."""
        found = False
        for value, node in made if self.is_data else ():
            has_rules = isinstance(value, Schedule) and value.metric_rules
            if has_rules or (value is not BROKEN and not is_of_type(_SCHEDULE, value)):
                error = InvalidArgument(f"{value} reacts to a metric; only the entire schedule of a field can do that")
                example = "{product: [cosine(), plateau()]}"
                self.report(error.changed(write=example, is_example=True), node.place)
                found = True
        return found

    def _sequence(self, node: Call) -> Built:
        made = [self._operand(one) for one in node.args]
        values = [value for value, _ in made]
        if any(value is BROKEN for value in values) or self._has_rule_among(made):
            return BROKEN, node
        if self.found:
            node = replace(node, args=tuple(new for _, new in made))
        if all(isinstance(value, Schedule) and not value.metric_rules for value in values):
            return combine_operands("sequence", *values), node
        if isinstance(values[0], (int, float)):
            found = f"{shown(values[0])} is a number; every stage but the last needs a length"
            return self._broken(made[0][1], self._parse_error(made[0][1].place, found))
        for value, new in made:
            try:
                schedule_of(value, lambda: f'"{shortened_text(self.text)}"')
            except InvalidArgument as error:
                return self._broken(new, error)
        try:
            return combine_operands("sequence", *values), node
        except InvalidArgument as error:
            return self._broken(node, error)

    # ---- schedules

    def _is_unquoted(self, node: Node) -> bool:
        """Return whether a text is written without quotes."""
        begin = node.place.begin
        return isinstance(node, Text) and begin is not None and self.text[begin : begin + 1] not in ("'", '"', "")

    def as_schedule(self, value: Any, node: Node) -> Built:
        """Return a value of another kind as the schedule that it means. The correction is reported."""
        if self._is_unquoted(node):
            self.is_mended = False  # a length is reported as a length without quotes
            return BROKEN, node
        meant: Node | None = None
        if isinstance(value, NeighborLevel):
            meant, mend = Call("constant", (node,)), Mend("leaf", new=("constant",))
            found = f"{value} is a level, neither a number nor a schedule"
        elif isinstance(value, Curve):
            meant = Call("anneal", (), (Keyword("curve", node),))
            mend = Mend("leaf", new=("anneal", "curve"))
            found = f"{shown(value)} is neither a schedule nor a number"
        elif isinstance(value, Rule):
            meant, mend = Call("recurrence", (node,)), Mend("leaf", new=("recurrence",))
            found = f"{shown(value)} is neither a schedule nor a number"
        elif isinstance(value, tuple) and value and all(isinstance(one, Schedule) for one in value):
            items = node.items if isinstance(node, List) else ()
            meant = items[0] if len(items) == 1 else Call(">>", items)
            mend, found = Mend("leaf"), f"{shown(value)} is neither a schedule nor a number"
        elif isinstance(value, str) and value.strip() and (inner := leaf_of(_SCHEDULE, value, node, self.names)):
            meant, mend = inner
            found = f"{shown(value)} is neither a schedule nor a number"
        kind = InvalidArgument if isinstance(value, (str, tuple)) or value is None else ParseError
        site = f'"{shortened_text(self.text)}"'
        if meant is None or isinstance(meant, Text):
            found = f"{shown(value)} is neither a schedule nor a number"
            return self._broken(node, kind(site, found, write=EXAMPLE_LINE, is_example=True))
        if not (isinstance(value, str) and self.found):  # the quotes of the entire line are reported already
            self.report(kind(site, found), node.place, mend)
        return self.value(meant)


def _wrong_types(
    args: list[Built], kwargs: list[tuple[Keyword, Any]], params: Mapping[str, Param], order: tuple[Param, ...]
) -> list[tuple[Param, Any, Node]]:
    """Return the values of a call in data that have another type than their parameters."""
    last = len(order) - 1
    free = next((one for one in params.values() if one.free), None)
    pairs = [(order[min(place, last)], *one) for place, one in enumerate(args) if place <= last or order[last].several]
    named = [(params.get(key.name) or free, value, key.value) for key, value in kwargs]
    given = [*pairs, *((param, value, node) for param, value, node in named if param is not None)]
    return [one for one in given if one[1] is not BROKEN and not is_of_type(one[0], one[1])]


def _is_decimal_comma(before: Node, after: Node) -> bool:
    """Return whether two nodes are whole numbers with a comma, but no space, between them, as in `to=0,1`."""
    if not (isinstance(before, Number) and isinstance(after, Number) and before.place.end is not None):
        return False
    return after.place.begin == before.place.end + 1 and all(text_of(one).isdecimal() for one in (before, after))


def _may_be_level(node: Node) -> bool:
    """Return whether the tree of a text is a level, not a number alone or other text."""
    return not isinstance(node, Number) and _is_part_of_level(node)


def _is_part_of_level(node: Node) -> bool:
    if isinstance(node, Word):
        return node.name in NEIGHBOR_LEVELS
    if isinstance(node, Call) and node.name in BINDS:
        return all(map(_is_part_of_level, node.args))
    return isinstance(node, Number) or (isinstance(node, Call) and certain_name(node.name, ("absolute",)) is not None)


_SCHEDULE: Final = Param("", "schedule")
_CURVE: Final = Param("curve", "curve")


def _added(node: Node) -> Node:
    """Return the operand of a minus sign; other nodes are returned as they are."""
    return node.args[0] if isinstance(node, Call) and node.name == "-" and len(node.args) == 1 else node


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _applied(sign: str, left: Any, right: Any) -> Any:
    """Apply an operator. Two numbers are divided and raised as floats, because integer powers could take hours."""
    if sign not in ("/", "**") or not (_is_number(left) and _is_number(right)):
        return _APPLY[sign](left, right)
    try:
        made = _APPLY[sign](float(left), float(right))
    except OverflowError:
        raise OverflowError("the result is too large") from None
    if isinstance(made, complex):
        raise OverflowError("the result is not a real number")
    return made


def option_error(text: str, begin: int | None = None) -> ParseError | None:
    """Return the error for an option of another library in a line, `--lr-warmup-iters 5`; None if there is none.

    Args:
        text: the line.
        begin: the begin of the wrong word; by default of the first one.
    """
    first = re.search("[A-Za-z_]", text) if begin is None else None
    found = dashed_word_at(text, first.start() if first else begin or 0)
    if found is None:
        return None
    word, begin, end = found
    message, line = advice_for_name(word) or ("", "")
    site = f'"{shortened_text(text)}" at character {begin + 1}'
    return ParseError(site, message, write=line, is_example=True, text=text, span=(begin, end))


@cache
def _parameters(function: Any) -> tuple[Mapping[str, Param], tuple[Param, ...]]:
    """Return the parameters of a function by name, and those that are passed by position, in order."""
    params = params_of(function)
    return params, tuple(one for one in params.values() if one.form in _POSITIONAL)


_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


@final
class _CallRepair:
    """The repair of one call whose arguments do not fit.

    Each argument is corrected at most once: names first, then values, then the order. The call is tried again after
    each correction, because only the function knows whether its arguments fit together.
    """

    def __init__(
        self,
        builder: Builder,
        node: Call,
        function: Callable[..., Any],
        args: list[Built],
        kwargs: list[tuple[Keyword, Any]],
    ) -> None:
        self.builder, self.node, self.function = builder, node, function
        self.params, self.order = _parameters(function)
        self.args, self.kwargs = args, kwargs
        self.name = node.name
        self.prefix: Node | None = None
        self.own: Node | None = None

    def repaired(self) -> Built:
        """Return the value and the tree of the corrected call."""
        builder = self.builder
        is_known = self._with_known_keywords()
        is_typed = self.own is not None or not builder.is_data or self._with_right_types()
        if not is_known or not is_typed or any(value is BROKEN for value in self._values()):
            return BROKEN, self._call()
        if self.own is not None:
            return builder.value(self.own)
        for _ in range(_MOST_REPAIRS):
            try:
                made = self._made()
            except InvalidArgument as error:
                wrong = self._argument_of(error)
                sited = self._sited(error)
                named = sited.argument if builder.is_data and sited.argument in self._given() else None
                place = self.node.place if wrong is None and named is None else self._place(wrong or named or "")
                if wrong is not None and (readings := self._two_readings(self.params[wrong])):
                    builder.report(sited.changed(write="", is_example=False, instead=readings), place)
                    return BROKEN, self._call()
                mend = self._repair(wrong) or self._as_advised(error)
                if mend is None and (both := self._passed_twice() or self._in_two_lists()):
                    builder.report(sited.changed(write="", is_example=False, instead=both), place)
                    return BROKEN, self._call()
                about = wrong or (sited.argument if sited.argument in self.params else None)
                if (
                    mend is None
                    and about is not None
                    and (example := self._with_keyword(about, wrong) or self._with_choice(about))
                ):
                    sited = sited.changed(write=example, is_example=True)
                builder.report(sited, place, *([mend] if mend else []))
                if mend is None or any(value is BROKEN for value in self._values()):
                    return BROKEN, self._call()
                if self.own is not None:
                    return builder.value(self.own)
            else:
                call = self._call()
                if self.prefix is None:
                    return made, call
                return builder.value(Call(">>", (self.prefix, call)))
        return BROKEN, self._call()

    def _values(self) -> list[Any]:
        return [value for value, _ in self.args] + [value for _, value in self.kwargs]

    def _call(self) -> Call:
        args, kwargs = tuple(new for _, new in self.args), tuple(key for key, _ in self.kwargs)
        return replace(self.node, name=self.name, args=args, kwargs=kwargs)

    def _made(self) -> Any:
        """Call the function. Convert any error into an InvalidArgument."""
        positional, named = [value for value, _ in self.args], {key.name: one for key, one in self.kwargs}
        try:
            return plain_builder(self.function)(*positional, **named)
        except InvalidArgument:
            raise
        except _FAILURES as error:
            try:
                inspect.signature(self.function).bind(*positional, **named)
            except TypeError as mismatch:
                raise self._invalid_call(str(mismatch)) from None
            raise InvalidArgument(f"{self.name}(…)", str(error)) from None

    def _invalid_call(self, found: str) -> InvalidCall:
        return InvalidCall(f"{self.name}(…)", found)

    def _sited(self, error: InvalidArgument) -> InvalidArgument:
        """Return the error with the call that the user wrote: `cosine(to=…)`, not `anneal(to=…)` inside it."""
        example = example_call(self.function, self.name)
        site, given = error.call, self._given()
        refused = error.refused
        # Texts are compared, because comparing arrays does not return a single bool.
        same = [key for key, one in given.items() if refused is not None and shown(one) == shown(refused)]
        if len(same) == 1 and type(given[same[0]]) is type(refused):
            from paramsched.errors import CallSite

            site = replace(site or CallSite("", "", shown(refused)), argument=same[0])
        if site is not None and site.argument in self.params:
            error = error.changed(site=replace(site, call=self.name))
        if isinstance(error, UnreadableTable):
            return error  # its advice is about the file
        if error.instead and not error.write:
            return error  # the advice is a sentence, not a line
        return error.changed(write=example, is_example=True)

    def _given(self) -> dict[str, Any]:
        given = dict(zip(single_names(self.order), (value for value, _ in self.args), strict=False))
        return given | {key.name: value for key, value in self.kwargs}

    # ---- keywords

    def _with_known_keywords(self) -> bool:
        """Correct unknown keywords, and place arguments after a keyword. Return whether all are known."""
        if takes_any_keyword(self.params):
            return True
        if (own := line_of_own_call(self.name, self._given(), self.params)) is not None:
            return self._is_own_call(own)
        unknown = list[tuple[str, str]]()
        mends, sound, kwargs = list[Mend](), True, list[tuple[Keyword, Any]]()
        taken = {one.name for one in self.order[: len(self.args)]} | {key.name for key, _ in self.kwargs}
        firsts, changed = list[Keyword](), set[str]()
        named = {key.name: value for key, value in self.kwargs}
        for key, value in self.kwargs:
            if key.name == "":
                sound = self._place_late(key, value, kwargs, taken) and sound
                continue
            if key.name in self.params:
                kwargs.append((key, value))
                continue
            meant = meant_keyword(key, value, self.params, self.name, taken, named)
            firsts.append(key)
            unknown.append((key.name, meant.advice))
            if meant.name is None:
                sound = False
                mends.append(GRAMMAR)
                kwargs.append((key, value))
                continue
            mends.append(meant.mend)
            if meant.name == PREFIX:
                self.prefix = meant.value
                changed.add(key.name)
            elif meant.name == "anneal":
                self._become_anneal()
                kwargs.append((key, value))
            else:
                taken.add(meant.name)
                if meant.value is not key.value or not has_same_value(key.name, meant.name):
                    changed.add(key.name)
                new_value, new = (value, key.value) if meant.value is key.value else self.builder.value(meant.value)
                kwargs.append((key._replace(name=meant.name, value=new), new_value))
        names = [key.name for key, _ in kwargs]
        repeated = next((key for at, (key, _) in enumerate(kwargs) if key.name in names[:at]), None)
        self.kwargs = kwargs
        if firsts:
            of = f" of {self.name}" if self.builder.is_data else ""
            texts = [f'unknown argument "{shortened_text(name)}"{of}; {advice}' for name, advice in unknown]
            several = [[*zip(texts, firsts, mends, strict=True)]]
            if self.builder.is_data:  # each has its own place
                several = [[one] for one in several[0]]
            for group in several:
                found = joined_clauses([text for text, *_ in group])
                error = InvalidCall(found) if self.builder.is_data else self._invalid_call(found)
                error = error.changed(write=example_call(self.function, self.name), is_example=True)
                first = group[0][1]
                place = first.place
                if place.begin is not None:
                    place = Place("", place.begin, first.value.place.end)
                self.builder.report(error, place, *((mend for *_, mend in group) if sound else ()))
                if changed & {key.name for _, key, _ in group}:  # another name alone would change the meaning
                    self.builder.found[-1] = self.builder.found[-1].changed(replace=None)
        if repeated is not None:
            found = f'the argument "{repeated.name}" is repeated'
            place = Place("", repeated.place.begin, repeated.value.place.end)
            self.builder.report(self._repeated(found), place if place.begin is not None else repeated.place)
        return sound and repeated is None

    def _is_own_call(self, line: str) -> bool:
        """Report a call with arguments of another library; the call becomes `line`, which may be empty."""
        known = [key for key, _ in self.kwargs if key.name not in self.params]
        texts = [f'unknown argument "{shortened_text(one.name)}"' for one in known]
        reasons = [meant_keyword(one, None, self.params, self.name, (), {}).advice for one in known]
        found = joined_clauses(f"{text}; {reason}" for text, reason in zip(texts, reasons, strict=True))
        error = self._invalid_call(found)
        error = error.changed(write=example_call(self.function, self.name), is_example=True)
        place = known[0].place
        if place.begin is not None:
            place = Place("", place.begin, known[0].value.place.end)
        self.builder.report(error, place, *([Mend("peer")] if line else []))
        self.own = without_places(tree_of(line, self.builder.names).node) if line else None
        return bool(line)

    def _repeated(self, found: str) -> InvalidArgument:
        return self.builder._parse_error(self.node.place, found, "Pass each argument once")

    def _place_late(self, key: Keyword, value: Any, kwargs: list[tuple[Keyword, Any]], taken: set[str]) -> bool:
        """Find the parameter of an argument after a keyword: the only one that it fits."""
        builder, names = self.builder, [one.name for one in self.order]
        last = next((one.name for one, _ in reversed(kwargs) if one.name in names), "")
        following = [name for name in names[names.index(last) + 1 :] if name not in taken] if last else []
        leading = [name for name in names[len(self.args) :] if name not in taken][:1]
        able = [name for name in (*following[:1], *leading) if fits(self.params[name], value)]
        error = builder._parse_error(key.value.place, "positional argument after a keyword argument")
        last_key = kwargs[-1][0] if kwargs else None
        if able and last_key is not None and _is_decimal_comma(last_key.value, key.value):
            builder.report(error.changed(instead=self._without_comma(last_key, key, able[0], kwargs)), key.value.place)
            return False
        if not able:
            builder.report(error.changed(instead="Pass it by keyword"), key.value.place)
            return False
        builder.report(error, key.value.place, Mend("grammar", new=(able[0],)))
        if able[0] in leading and able[0] not in following[:1]:
            self.args.append((value, key.value))
            builder.mends[-1] = GRAMMAR
        else:
            kwargs.append((key._replace(name=able[0]), value))
        taken.add(able[0])
        return True

    def _without_comma(self, last: Keyword, late: Keyword, name: str, kwargs: list[tuple[Keyword, Any]]) -> str:
        """Return both readings of `cosine(to=0,1)`."""
        args, keys = tuple(new for _, new in self.args), tuple(key for key, _ in kwargs)
        decimal = f"{text_of(last.value)}.{text_of(late.value)}"
        with_point = last._replace(value=Number(float(decimal), decimal))
        one = text_of(Call(self.name, args, (*keys[:-1], with_point)))
        two = text_of(Call(self.name, args, (*keys, late._replace(name=name))))
        return f"With a decimal point it is {one}, as two values {two}"

    def _become_anneal(self) -> None:
        """Turn `linear(1, 0, curve=…)` into `anneal(1, 0, curve=…)`."""
        names = [one.name for one in self.order]
        self.kwargs = [(Keyword(name, new), value) for name, (value, new) in zip(names, self.args, strict=False)]
        self.name, self.function = "anneal", SHAPES["anneal"]
        self.params, self.order = _parameters(self.function)

    # ---- values

    def _with_right_types(self) -> bool:
        """Report each value of another type, and correct it. Return whether all have the right type then."""
        wrong = _wrong_types(self.args, self.kwargs, self.params, self.order)
        if wrong and (mend := self._as_list()) is not None:
            self.builder.report(self._of_type(f"{self.name} takes a list of values", WRONG_TYPE), self.node.place, mend)
            return not _wrong_types(self.args, self.kwargs, self.params, self.order)
        if wrong and (order := ordered(self.order, [value for value, _ in self.args])) is not None:
            param, value, node = wrong[0]
            place, found, code = wrong_type(param, value, node)
            self.builder.report(self._of_type(found, code), place, Mend("order"))
            self.args = [self.args[one] for one in order]
            return not _wrong_types(self.args, self.kwargs, self.params, self.order)
        sound = self._has_places() and self._has_required()
        for param, value, node in wrong:
            place, found, code = wrong_type(param, value, node)
            if readings := self._two_readings(param):
                self.builder.report(InvalidArgument(found, code=code, instead=readings), place)
                sound = False
                continue
            mend = self._as_index(param) or self._leaf(param, shares=True) or self._as_keyword(param)
            self.builder.report(self._of_type(found, code), place, *([mend] if mend else []))
            sound = sound and mend is not None
        return sound

    def _has_places(self) -> bool:
        """Report more values than the function has parameters. Return whether there are none."""
        if len(self.args) <= len(self.order) or any(one.several for one in self.order):
            return True
        names = ", ".join(one.name for one in self.order)
        most = f"at most {len(self.order)} {'value' if len(self.order) == 1 else 'values'}, {names}"
        found = f"{self.name} takes {most if names else 'no values'}; found {len(self.args)}"
        self.builder.report(self._of_type(found, WRONG_ARGUMENT), self.node.place)
        return False

    def _has_required(self) -> bool:
        """Report missing arguments, unless an unknown one may be meant. Return whether there are none."""
        given = self._given()
        missing = [f'"{one.name}"' for one in self.params.values() if one.required and one.name not in given]
        if not missing or any(name not in self.params for name in given):
            return True
        noun = "argument" if len(missing) == 1 else "arguments"
        self.builder.report(
            self._of_type(f"{self.name} needs the {noun} {' and '.join(missing)}", WRONG_ARGUMENT), self.node.place
        )
        return False

    def _of_type(self, found: str, code: str) -> InvalidArgument:
        example = example_call(self.function, self.name)
        return InvalidArgument(found, code=code, write=example, is_example=True)

    def _argument_of(self, error: InvalidArgument) -> str | None:
        """Return the argument that an error is about: the first whose value does not fit, or the one that it names."""
        for name, value in self._given().items():
            if name in self.params and not fits(self.params[name], value):
                return name
        several = next((one for one in self.order if one.several), None)
        if several is not None and not all(fits(several, value) for value, _ in self._of_several()):
            return several.name
        return None

    def _of_several(self) -> list[Built]:
        """Return the arguments of `*operands`."""
        return self.args[next(place for place, one in enumerate(self.order) if one.several) :]

    def _place(self, name: str) -> Place:
        for key, _ in self.kwargs:
            if key.name == name:
                return (
                    Place("", key.place.begin, key.value.place.end) if key.place.begin is not None else key.value.place
                )
        at = next(place for place, one in enumerate(self.order) if one.name == name)
        if self.order[at].several:
            return next(node.place for value, node in self._of_several() if not fits(self.order[at], value))
        return self.args[at][1].place

    def _repair(self, wrong: str | None) -> Mend | None:
        """Correct one value, the order or a missing list; return the correction, or None if there is none."""
        if (mend := self._as_list() or self._as_pairs() or self._as_multistep(wrong)) is not None:
            return mend
        if wrong is None:
            return None
        param = self.params[wrong]
        if (mend := self._as_index(param) or self._leaf(param, shares=False)) is not None:
            return mend
        if (order := ordered(self.order, [value for value, _ in self.args])) is not None:
            self.args = [self.args[place] for place in order]
            return Mend("order")
        numbers = sum(isinstance(value, (int, float)) for value, _ in self.args)  # three may be rates and lengths
        return self._leaf(param, shares=numbers <= _MOST_NUMBERS_WITH_SHARE) or self._as_keyword(param)

    def _as_index(self, param: Param) -> Mend | None:
        """Define a warmup that begins at `start="1/n"` by its index."""
        given, index = self._given(), "(t+1)/n"
        if param.name != "start" or not is_first_share(given["start"]) or "index" not in self.params:
            return None
        place = self.order.index(param)
        if "index" in given or len(self.args) > place + 1:
            return None
        del self.args[place:]
        self.kwargs = [(key, value) for key, value in self.kwargs if key.name != "start"]
        if param.default != 0.0:
            self.kwargs.insert(0, (Keyword("start", Number(0, "0")), 0))
        self.kwargs.append((Keyword("index", Text(index)), index))
        return Mend("peer")

    def _as_keyword(self, param: Param) -> Mend | None:
        """Pass the last positional value as the only other argument that it fits: `anneal(curves.rex, over=40)`."""
        if not self.args or len(self.args) > len(self.order) or self.order[len(self.args) - 1] is not param:
            return None
        value, node = self.args[-1]
        free = [one for one in self.params.values() if one.name not in self._given() or one is param]
        able = [one for one in free if fits(one, value) and one.kind != "any"]
        if len(able) != 1 or value is None or isinstance(value, (int, float)):
            return None
        if isinstance(value, str) and able[0].kind != "length":
            return None
        self.args.pop()
        self.kwargs.append((Keyword(able[0].name, node), value))
        return Mend("order", new=(able[0].name,))

    def _passed_twice(self) -> str:
        """Return both calls if a keyword names the last positional argument, else ""."""
        last = single_names(self.order)[len(self.args) - 1 :][:1] if self.args else []
        keys = tuple(key for key, _ in self.kwargs)
        others = tuple(key for key in keys if key.name not in last)
        if len(others) == len(keys):
            return ""
        args = tuple(new for _, new in self.args)
        by_place, by_name = (text_of(Call(self.name, *one)) for one in ((args, others), (args[:-1], keys)))
        return f"Keep one: {by_place}, or {by_name}"

    def _two_readings(self, param: Param) -> str:
        """Return both readings of a value in the place of a level which may be a length, or the reverse; or ""."""
        at = next((place for place, one in enumerate(self.order) if one.name == param.name), len(self.args))
        if at >= len(self.args):
            return ""
        value, node = self.args[at]
        is_shape = isinstance(value, str) and value in SHAPES.keys() & CONSTANTS and at == len(self.args) - 1
        if is_shape and param.kind == "level" and "curve" in self.params:  # warmup("5%", "cosine")
            args, keys = tuple(new for _, new in self.args[:at]), tuple(key for key, _ in self.kwargs)
            stages = Call(">>", (Call(self.name, args, keys), Call(value)))
            curved = Call(self.name, args, (*keys, Keyword("curve", Word(f"curves.{value}"))))
            return f"As a stage it is {text_of(stages)}, as a curve {text_of(curved)}"
        found = leaf_of(param, value, node, self.builder.names)
        if found is None:
            return ""
        if self.name in _RATES_FIRST and param.kind == "length" and isinstance(value, float) and value % 1:
            share = f", {text_of(found[0])}" if value < 1 else ""
            return f"A share of the run is text{share}; a rate has no place there"
        if param.kind not in ("level", "number") or not isinstance(value, str):
            return ""
        count = int(value) if value.isdecimal() else None
        if not fits(Param("over", "length"), value if count is None else count):
            return ""
        before, after = self.args[:at], self.args[at + 1 :]
        args, keys = tuple(new for _, new in before), tuple(key for key, _ in self.kwargs)
        as_number = text_of(Call(self.name, (*args, found[0], *(new for _, new in after)), keys))
        levels = [one for own, (one, _) in zip(self.order[at + 1 :], after, strict=False) if own.kind == "level"]
        if sum(one.kind == "length" for one in self.order) > 1 or any(_is_number(one) and one > 1 for one in levels):
            return f"A length has no place there, and a level is a number: {as_number}"
        free = [one.name for one in self.order if one.kind == "length" and one.name not in self._given()]
        if after or not free:
            return ""
        length = node if count is None else Number(count, value)
        with suppress(InvalidArgument, *_FAILURES):
            named = {key.name: one for key, one in self.kwargs} | {free[0]: self.builder.value(length)[0]}
            plain_builder(self.function)(*(one for one, _ in before), **named)
            as_length = text_of(Call(self.name, args, (*keys, Keyword(free[0], length))))
            return f"As a number it is {as_number}, as a length {as_length}"
        return ""

    def _with_keyword(self, about: str, wrong: str | None) -> str:
        """Return the call with its last numbers passed by keyword: `plateau("val_loss", factor=0.5, patience=5)`.

        The numbers may fit several arguments; the first ones that accept them are shown. A number outside of its range
        is shown as a count.
        """
        at = next((place for place, one in enumerate(self.order[: len(self.args)]) if one.name == about), None)
        numbers = [] if at is None else self.args[at:]
        if self.kwargs or not numbers or self.builder.is_data or not all(_is_number(value) for value, _ in numbers):
            return ""
        args, built = tuple(new for _, new in self.args[:at]), [one for one, _ in self.args[:at]]
        kinds = ("count",) if wrong is None else ("count", "number")
        able = [one.name for one in self.order[(at or 0) + 1 :] if one.kind in kinds]
        for names in combinations(able, len(numbers)):
            with suppress(InvalidArgument, *_FAILURES):
                given = dict(zip(names, numbers, strict=True))
                plain_builder(self.function)(*built, **{name: value for name, (value, _) in given.items()})
                return text_of(Call(self.name, args, tuple(Keyword(name, node) for name, (_, node) in given.items())))
        return ""

    def _with_choice(self, wrong: str) -> str:
        """Return the call with the first choice in place of an unknown one, so that its other arguments are kept."""
        kwargs = [(key, value) for key, value in self.kwargs if key.name != wrong]
        choice = next((one for one in self.params[wrong].choices if isinstance(one, str)), None)
        if len(kwargs) == len(self.kwargs) or choice is None or self.builder.is_data:
            return ""
        with suppress(InvalidArgument, *_FAILURES):
            named = {key.name: value for key, value in kwargs} | {wrong: choice}
            plain_builder(self.function)(*[value for value, _ in self.args], **named)
            keys = tuple(key._replace(value=Text(choice)) if key.name == wrong else key for key, _ in self.kwargs)
            return text_of(Call(self.name, tuple(new for _, new in self.args), keys))
        return ""

    def _as_advised(self, error: InvalidArgument) -> Mend | None:
        """Take the entire line that the function advises: `clamp(cosine(), 1, 0.5)`. The promise checks its numbers."""
        if error.is_example or not error.write:
            return None
        try:
            line = tree_of(error.write, self.builder.names).node
        except ParseError:  # the advice is not a line, but the argument to write
            return None
        if not isinstance(line, Call) or line.name not in (self.name, "anneal"):
            return None
        self.own = without_places(line)
        return Mend("order")

    def _leaf(self, param: Param, *, shares: bool) -> Mend | None:
        for place, (key, value) in enumerate(self.kwargs):
            if key.name == param.name:
                found = leaf_of(param, value, key.value, self.builder.names, shares=shares)
                if found is None:
                    return None
                made, new = self.builder.value(found[0], param)
                self.kwargs[place] = key._replace(value=new), made
                return found[1]
        at = next((place for place, one in enumerate(self.order) if one.name == param.name), None)
        if at is not None and param.several:
            at = next(at + more for more, (value, _) in enumerate(self._of_several()) if not fits(param, value))
        if at is None or at >= len(self.args):
            return None
        value, node = self.args[at]
        found = leaf_of(param, value, node, self.builder.names, shares=shares)
        if found is None:
            return None
        self.args[at] = self.builder.value(found[0], param)
        return found[1]

    def _as_multistep(self, wrong: str | None) -> Mend | None:
        """Call the shape that changes at a list of times: `step([30, 60])`."""
        every = self._given().get("every")
        if (self.name, wrong) != ("step", "every") or not (isinstance(every, tuple) and len(every) > 1):
            return None
        kwargs = tuple(key._replace(name="milestones") if key.name == "every" else key for key, _ in self.kwargs)
        self.own = replace(self._call(), name="multistep", kwargs=kwargs)
        is_named = any(key.name == "every" for key, _ in self.kwargs)
        gone, new = (("step", "every"), ("multistep", "milestones")) if is_named else (("step",), ("multistep",))
        return Mend("other", gone, new)

    def _in_two_lists(self) -> str:
        """Return both readings of times and one level more, `piecewise([100, 200], [1, 0.1, 0.01])`, else ""."""
        if self.name != "piecewise" or len(self.args) != 2 or self.kwargs:
            return ""
        (ends, first), (levels, second) = self.args
        if not (isinstance(first, List) and isinstance(second, List) and len(levels) == len(ends) + 1 > 1):
            return ""
        if not all(type(end) is int for end in ends) or not all(map(_is_number, levels)):
            return ""
        if [*ends] != sorted(set(ends)) or ends[0] <= 0:
            return ""
        lengths: list[Node] = [first.items[0], *(Text(f"until {end} steps") for end in ends[1:])]
        stages = [
            Call("constant", (level,), (Keyword("over", length),))
            for level, length in zip(second.items, lengths, strict=False)
        ]
        steps = Call(">>", (*stages, Call("constant", second.items[-1:])))
        times = (Number(0, "0"), *first.items)
        points = tuple(List(one, True) for one in zip(times, second.items, strict=True))
        return f"In steps it is {text_of(steps)}, between points {text_of(Call(self.name, (List(points),)))}"

    def _as_pairs(self) -> Mend | None:
        """Make pairs of two lists: `piecewise([0, 100], [1, 0.1])`."""
        if len(self.args) != 2 or not self.order or self.order[0].kind != "pairs":
            return None
        (firsts, first), (seconds, second) = self.args
        if not (isinstance(first, List) and isinstance(second, List) and len(firsts) == len(seconds) > 0):
            return None
        if self._may_be_transposed():
            return None
        pairs = tuple(zip(firsts, seconds, strict=True))
        if not all(fits(self.order[0].items[0], one) for one in pairs):
            return None
        nodes = zip(first.items, second.items, strict=True)
        self.args = [(pairs, List(tuple(List(one, True) for one in nodes)))]
        return Mend("order")

    def _may_be_transposed(self) -> bool:
        """Return whether the arguments are two lists of two in square brackets: two pairs, or times and levels."""
        nodes = [node for _, node in self.args]
        return len(nodes) == 2 and all(isinstance(one, List) and len(one.items) == 2 and not one.round for one in nodes)

    def _as_list(self) -> Mend | None:
        """Put brackets around the items of a list: `multistep(20, 70)`."""
        first = self.order[0] if self.order else None
        if first is None or first.kind not in ("list", "pairs") or len(self.args) < 2 or first.several:
            return None
        items, is_pairs = [value for value, _ in self.args], first.kind == "pairs"
        if not all(fits(first.items[0], one) and isinstance(one, (list, tuple)) is is_pairs for one in items):
            return None
        if is_pairs and self._may_be_transposed():
            return None
        self.args = [(tuple(items), List(tuple(new for _, new in self.args)))]
        return Mend("leaf")
