"""Read a schedule from one line of text, or from the data of a file, without running any code in it.

The grammar is Python's: its parser makes the tree, and this module walks it. Whatever is no call, number, string, list
or operator of a schedule is refused, with its place. So are unknown names, with the nearest known one.
"""

import ast
import operator
import re
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial, reduce
from inspect import BoundArguments
from itertools import chain, islice, repeat
from keyword import iskeyword
from numbers import Real
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

from paramsched.base.messages import name_is_taken
from paramsched.base.params import Param, params_of, readable
from paramsched.base.problem import TextLines
from paramsched.base.words import closest, shortened_text
from paramsched.core.calls.builders import SHAPES, example_call
from paramsched.core.calls.checked_calls import answering, shortened
from paramsched.core.calls.messages.numbers import NumberKind
from paramsched.core.calls.number_checks import is_finite_number
from paramsched.core.curves.curve import CONSTANTS, FAMILIES, Curve
from paramsched.core.schedules.combinators import absolute
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.messages import text as messages
from paramsched.core.schedules.messages.text import EXAMPLE_LINE as EXAMPLE_LINE
from paramsched.core.schedules.messages.text import ErrorRange
from paramsched.core.schedules.registry import (
    combine_operands,
    misfit_of_call,
    operator_builder,
    refuse_two_readings_of_call,
    signature_of,
)
from paramsched.core.schedules.schedule import Schedule, line_of
from paramsched.core.time.duration import Duration
from paramsched.errors import CallSite, InvalidArgument, ParseError, shown

_KINDS: Final = {
    "schedule": "a schedule", "level": "a level", "length": "a length", "curve": "a curve",
    "number": "a number", "count": "an integer", "text": "text", "bool": "True or False", "list": "a list",
    "pairs": "a list of pairs",
}  # fmt: skip

_NUMBERS: Final[Mapping[str, NumberKind]] = {"number": "number", "level": "level", "count": "count"}


def expected(param: Param) -> str:
    """Return what an argument takes, for messages."""
    return _KINDS.get(param.kind, "one of " + ", ".join(map(repr, param.choices)))


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_length(value: Any) -> bool:
    return isinstance(value, (str, Real, Duration)) and not isinstance(value, bool)


def _is_curve(value: Any) -> bool:
    return isinstance(value, (Curve, str)) or (callable(value) and not isinstance(value, Schedule))


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "schedule": lambda value: isinstance(value, (Schedule, AbsoluteValue)) or is_finite_number(value),
    "level": lambda value: is_finite_number(value) or isinstance(value, AbsoluteValue),
    "number": is_finite_number,
    "count": lambda value: is_finite_number(value) and value == int(value),
    "length": _is_length,
    "curve": _is_curve,
    "text": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
}
"""Whether an argument of a kind takes the type of a value."""


def fits(param: Param, value: Any) -> bool:
    """Return whether an argument takes a value of this type. Its range is checked by the function."""
    if value is None:
        return param.none or param.kind == "any"
    is_of_kind = _TYPES.get(param.kind)
    if is_of_kind is not None:
        return is_of_kind(value)
    if param.kind == "choice":
        return any(type(value) is type(choice) and value == choice for choice in param.choices)
    if param.kind in ("list", "pairs"):
        return _is_list(value) and _fits_items(param, value)
    return True


def _fits_items(param: Param, values: Sequence[Any]) -> bool:
    items = param.items if len(param.items) > 1 else param.items[:1] * len(values)
    return len(items) == len(values) and all(map(fits, items, values))


KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]

MOST_BYTES = 1_000_000  # of a line, and of a file
MOST_WORDS = 15_000
"""The maximum number of names, operators and calls in the schedules of a plan; one with a hundred stages has 500."""
MOST_COMMAS = 100_000
MOST_DEPTH = 50

_FUNCTIONS: Final[ChainMap[str, Callable[..., Any]]] = ChainMap({"absolute": absolute}, SHAPES)
_SPACES: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "curves": (CONSTANTS, FAMILIES),
}


def _power(operand: Any, exponent: Any) -> Any:
    """Return a power; of large integers as a float, because the digits of 9**9**9 fill the memory."""
    is_large = isinstance(operand, int) and isinstance(exponent, int) and (abs(operand) > 2**63 or abs(exponent) > 64)
    return pow(float(operand) if is_large else operand, exponent)


_JOINING: Final[Mapping[str, Callable[..., Any]]] = {"product": operator.mul, "sum": operator.add}
_OPERATORS: Final[Mapping[type, Callable[..., Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: _power,
}  # fmt: skip
_PRECEDENCES: Final[Mapping[type, int]] = {
    ast.RShift: 0, ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.Pow: 3,
}  # fmt: skip
_FEW: Final = 8  # operators up to which an error names the two operands that do not fit
# Patterns are compiled at their first use, because that takes a tenth of the import of the library.
_LITERAL: Final = r"""(?s:[rRuU]?(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))"""
_ESCAPE: Final = r"""\\(?![\\'"abfnrtv0-7xuUN])"""
_TOKEN: Final = (
    rf"""(?s:(?P<text>{_LITERAL})|(?P<quote>["'])|(?P<open>[(\[{{])|(?P<close>[)\]}}])"""
    r"""|(?P<length>\d[\d_.]*+(?:[eE][+-]?\d++)?+\s*+(?:%(?!\s*+[\w("])|(?![eE][+-]?\d)[^\W\d]\w*+(?!\s*+[\w(.])))"""
    r"""|(?P<zeros>0\d[\d_]*+(?![\w.]))|(?P<word>[\w.]++)|(?P<sign>[^\x00-\x7f]|[\x00-\x08\x0e-\x1f\x7f]))"""
)
"""The parts of a text that say why Python's parser refuses it."""
_FALSE_JOIN: Final = rf"(?s:{_LITERAL}|->|=>|\|>|[,()\[\]{{}}])"
"""The texts, brackets and signs that may join stages in other notations."""


@readable
@answering
def parse(text: str, *, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule:
    """Read a schedule from its one-line text; `parse(str(schedule)) == schedule`.

    The text is a Python expression made of the names of schedules, numbers, strings, lists, `>>`, `*`, `/`, `**`,
    `+` and `-`. It is not evaluated as Python code. A number alone, other than 0 and 1, is refused, because it could be
    a value or a multiple of base.

    Args:
        text: at most 1 MB, with at most 15,000 names and operators, nested at most 50 levels deep.
        shapes: additional functions that build a schedule. The text may call them by their names.

    Raises:
        ParseError: the text is not such an expression, or it contains an unknown name.
        InvalidArgument: an argument is invalid. For both errors, `error.span` is the range of the wrong part.

    >>> print(parse(" warmup( over = '5 %' )>>cosine( to=.1 )"))
    warmup("5%") >> cosine(to=0.1)
    """
    if not isinstance(text, str):
        raise messages.not_text(text)
    return read_line(text, named_shapes(shapes))


def named_shapes(shapes: Iterable[Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return the functions of a user that build schedules, by their names."""
    if not isinstance(shapes, Iterable):
        raise messages.shapes_are_not_a_list(shapes)
    by_name = dict[str, Callable[..., Any]]()
    for builder in shapes:
        name = getattr(builder, "__name__", "")  # a partial or an instance has none
        if not callable(builder) or not name.isidentifier():
            raise messages.shape_without_a_name(builder)
        if by_name.setdefault(name, builder) is not builder:
            raise name_is_taken(f"shapes=[{name}]")
    return by_name


@operator_builder("text")
def _stage_of_text(text: str) -> Schedule:
    """Return a stage that is written as text: `schedule >> "cosine()"`."""
    return read_line(text)


def parse_own(
    text: str, named_functions: KnownNames = MappingProxyType({}), curves: Mapping[str, Any] = MappingProxyType({})
) -> Schedule:
    """Read a line that `str(schedule)` wrote. The limits of `parse` do not apply, because the text is trusted.

    Args:
        text: the line.
        named_functions: further functions by name.
        curves: further curves by name.
    """
    line = _TextOfSchedule(text, known_names(named_functions), curves=curves, limited=False)
    return as_schedule(line.whole(), text)


def parse_value(text: str) -> Any:
    """Read a call that this library wrote, such as that of a metric rule."""
    return _TextOfSchedule(text, known_names(), limited=False).whole()


def calls_function(text: str) -> bool:
    """Return whether a line calls a function of this library.

    >>> calls_function("cosine(to=0.1)"), calls_function("WarmupLR(5)"), calls_function("5 epochs")
    (True, False, False)
    """
    return any(f"{name}(" in text for name in _FUNCTIONS)


_WORD: Final = r"(?<!\w)[^\W\d]\w*|[*/>(]|(?<![eE])[+]|(?<![eE,\[])(?<!, )-"
"""A name or an operator. Signs of numbers in a list are neither, because numbers are fast to read."""


def has_many_words(texts: Iterable[str]) -> bool:
    """Return whether schedules have so many names and operators that reading them would take seconds."""
    words = chain.from_iterable(map(re.finditer, repeat(_WORD), texts))
    return next(islice(words, MOST_WORDS, None), None) is not None


def known_names(named_functions: KnownNames = MappingProxyType({})) -> KnownNames:
    """Return the functions that a line may call, with those in `named_functions`."""
    return _FUNCTIONS.new_child({**named_functions}) if named_functions else _FUNCTIONS


def reserved_names() -> frozenset[str]:
    """Return the names that a line may contain, which no shape may have."""
    return frozenset({*_FUNCTIONS, *_SPACES})


def read_line(text: str, named_functions: KnownNames = MappingProxyType({})) -> Schedule:
    """Return the schedule of a line."""
    return as_schedule(_TextOfSchedule(text, known_names(named_functions)).whole(), text)


def as_schedule(value: Any, text: str) -> Schedule:
    """Return the schedule that the value of a text means: a number is a constant, a metric rule is a factor of it."""
    if isinstance(value, Schedule):
        return value
    if value is not None and not isinstance(value, (bool, str, tuple)):
        try:
            return line_of(value, f'"{shortened_text(text)}"') if not hasattr(value, "observe") else 1.0 * value
        except (TypeError, AttributeError):
            pass
    raise messages.not_a_schedule(text, value)


_ATTEMPTS: Final = 10


def _tree_of(text: str) -> ast.expr:
    """Return the tree of an expression.

    Python 3.11 may raise a SystemError if another thread parses at the same time, so the attempt is repeated.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(SystemError):
            return ast.parse(text, mode="eval").body
    return ast.parse(text, mode="eval").body


@final
class _TextOfSchedule:
    """A reader of one line."""

    def __init__(
        self,
        text: str,
        names: KnownNames,
        *,
        curves: Mapping[str, Any] = MappingProxyType({}),
        limited: bool = True,
    ) -> None:
        self.text = text
        self.names = names
        self.curves = curves
        self.limited = limited
        self.depth = 0

    def whole(self) -> Any:
        """Return the value of the line."""
        if self.limited:
            self._refuse_long_text()
        if not self.text.strip():
            raise messages.text_is_empty(self.whole_part)
        escape = re.search(_ESCAPE, self.text)
        if escape is not None:
            raise messages.single_backslash(ErrorRange(self.text, escape.start(), escape.start() + 2))
        try:
            tree = _tree_of(f"(\n{self.text}\n)")
            if tree.lineno == 1:  # of the brackets around the text: it closes them, or has a comma
                raise self.refused(0)
            return self.value(tree)
        except SyntaxError as error:
            raise self.refused(self._place_of(error)) from None
        except (RecursionError, MemoryError, ValueError) as error:  # of Python's parser
            if isinstance(error, InvalidArgument):
                raise
            raise messages.too_much_for_the_parser(self.whole_part) from None

    def _refuse_long_text(self) -> None:
        """Raise for a text that takes seconds to read."""
        if len(self.text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise messages.too_many_bytes(self.text, MOST_BYTES)
        if has_many_words([self.text]) or self.text.count(",") > MOST_COMMAS:
            raise messages.too_many_words(self.text, MOST_WORDS, MOST_COMMAS)

    def _place_of(self, error: SyntaxError) -> int:
        """Return the place in the text at which Python's parser refuses it."""
        line = (error.lineno or 2) - 2
        column = max((error.offset or 1) - 1, 0)
        if line >= len(self.lines.begins):
            return len(self.text)
        return self.lines.offset_of(line + 1, column + 1) if line >= 0 else 0

    # ---- places and errors

    @cached_property
    def lines(self) -> TextLines:
        """The lines as Python's parser counts them."""
        return TextLines(self.text)

    @property
    def whole_part(self) -> ErrorRange:
        """The entire text."""
        return ErrorRange(self.text, 0, len(self.text))

    def text_part(self, node: Any) -> ErrorRange:
        """Return the part of the text that a node is, which the parser read from its second line on."""
        begin = self.lines.offset_of_node(node.lineno - 1, node.col_offset)
        return ErrorRange(self.text, begin, self.lines.offset_of_node(node.end_lineno - 1, node.end_col_offset))

    def unknown(self, node: Any, name: str, noun: str, names: Iterable[str]) -> ParseError:
        """Return the error about an unknown name."""
        from paramsched.base.foreign_names import answer_to_name

        text_part = self.text_part(node)
        answer = answer_to_name(name)
        if answer is not None:
            return messages.name_of_another_library(text_part, answer)
        near = closest(name, tuple(names))
        if near is not None:
            return messages.misspelled_name(text_part, noun, name, near)
        return (
            messages.unknown_schedule(text_part, name)
            if noun == "schedule"
            else messages.unknown_name(text_part, noun, name)
        )

    def refused(self, index: int) -> ParseError:
        """Return the error about a text that Python's parser refuses at a place: the first reason that is known."""
        opened: list[int] = []
        for match in re.finditer(_TOKEN, self.text):
            error = self._refused_token(match, opened)
            if error is not None:
                return error
        if opened:
            return messages.bracket_is_not_closed(ErrorRange(self.text, opened[-1], opened[-1] + 1))
        error = self._false_join()
        if error is not None:
            return error
        index = min(index, max(len(self.text) - 1, 0))
        tokens = re.compile(_TOKEN).finditer(self.text, index)
        end = next((token.end() for token in tokens if token.start() == index), index + 1)
        return messages.incomplete(ErrorRange(self.text, index, end))

    def _refused_token(self, match: re.Match[str], opened: list[int]) -> ParseError | None:
        """Return the error about one token; None if it is valid. The places of open brackets are kept in `opened`."""
        token = match[0]
        text_part = ErrorRange(self.text, *match.span())
        match match.lastgroup:
            case "quote":
                return messages.quote_is_not_closed(ErrorRange(self.text, text_part.begin, len(self.text)))
            case "open":
                opened.append(text_part.begin)
            case "close" if not opened or self.text[opened.pop()] + token not in ("()", "[]", "{}"):
                return messages.closes_no_bracket(text_part, token)
            case "length" if not iskeyword(token.strip("0123456789_.eE+- ")):
                is_entire = token == self.text.strip()
                return messages.length_without_quotes(text_part, " ".join(token.split()), is_entire=is_entire)
            case "zeros":
                return messages.begins_with_zero(text_part)
            case "sign" if not token.isspace():
                return messages.foreign_character(text_part, token)
        return None

    def _false_join(self) -> ParseError | None:
        """Return the error about two stages that `->`, `=>`, `|>` or a comma joins; None if there are none."""
        depth = 0
        for match in re.finditer(_FALSE_JOIN, self.text):
            depth += (match[0] in "([{") - (match[0] in ")]}")
            before = self.text[: match.start()].rstrip()
            after = self.text[match.end() :].lstrip()
            if depth == 0 and match[0] in ("->", "=>", "|>", ",") and before.endswith(")") and after:
                return messages.joined_by_another_sign(ErrorRange(self.text, *match.span()), match[0], before, after)
        return None

    # ---- values

    def value(self, node: ast.expr) -> Any:
        """Return the value of a node."""
        self.depth += 1
        if self.limited and self.depth > MOST_DEPTH:
            raise messages.nested_too_deep(self.text_part(node), MOST_DEPTH)
        try:
            return self._value(node)
        finally:
            self.depth -= 1

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):  # first, because a table has thousands
            return self._constant(node)
        match node:
            case ast.Name(id=name):
                return self._word(node, name)
            case ast.Attribute(value=ast.Name(id=space), attr=name) if space in _SPACES:
                return self._member(node, space, name)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return tuple(map(self.value, items))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply(node, operator.neg, self._operand(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._operand(operand)
            case ast.BinOp():
                return self._operation(node)
            case ast.Compare() | ast.BoolOp():
                raise messages.unknown_operator(self.text_part(node))
            case ast.Call():
                return self._call(node)
        raise messages.not_in_the_grammar(self.text_part(node))

    def _constant(self, node: ast.Constant) -> Any:
        value = node.value
        if value is None or isinstance(value, float):
            return value
        if isinstance(value, str):
            text_part = self.text_part(node)
            if not re.compile(_LITERAL).fullmatch(self.text, text_part.begin, text_part.end):
                raise messages.no_operator_between_texts(text_part)
            return value
        if not isinstance(value, int):
            raise messages.not_in_the_grammar(self.text_part(node))
        if value == 0 and node.end_col_offset != node.col_offset + len(str(value)):
            raise messages.begins_with_zero(self.text_part(node))  # 10,000 is 10 and 000
        return value

    def _member(self, node: ast.Attribute, space: str, name: str) -> Any:
        """Return a value of a namespace, such as `curves.cosine`."""
        constants, functions = _SPACES[space]
        if name in self.curves:
            return self.curves[name]
        if name in constants:
            return constants[name]
        if name in functions:
            raise messages.needs_arguments(self.text_part(node), f"{space}.{name}")
        raise self.unknown(node, name, space.removesuffix("s"), [*constants, *functions])

    def _word(self, node: ast.Name, name: str) -> Any:
        if name in self.names:
            raise messages.needs_brackets(self.text_part(node), name, example_call(self.names[name], name))
        raise self.unknown(node, name, "name", self.names)

    def _operand(self, node: ast.expr) -> Any:
        value = self.value(node)
        if value is None or isinstance(value, (bool, str, tuple)):
            raise messages.not_an_operand(self.text_part(node), value)
        return value

    def _chain_of(self, node: ast.BinOp) -> tuple[ast.expr, list[type], list[ast.expr]]:
        """Return the first operand of a chain of operators that bind alike, which is not nested, and those after it.

        Returns:
            The first operand, the operators, and the operand after each operator.
        """
        node_class = type(node.op)
        if node_class not in _PRECEDENCES:
            raise messages.unknown_operator(self.text_part(node))
        operators = [node_class]
        operands = [node.right]
        precedence = _PRECEDENCES[node_class]
        left = node.left
        while isinstance(left, ast.BinOp) and _PRECEDENCES.get(type(left.op)) == precedence != _PRECEDENCES[ast.Pow]:
            operators.append(type(left.op))
            operands.append(left.right)
            left = left.left
        return left, operators[::-1], operands[::-1]

    def _operation(self, node: ast.BinOp) -> Any:
        first, operators, nodes = self._chain_of(node)
        node_class = type(node.op)
        total = self._operand(first)
        if node_class is ast.RShift and is_finite_number(total):
            raise messages.number_as_stage(self.text_part(first), total)
        operands = list(map(self._operand, nodes))
        if node_class is ast.RShift:
            return self._apply(node, combine_operands, "sequence", total, *operands)
        if len(operators) > MOST_DEPTH and ast.Div in operators:
            raise messages.chain_too_long(self.text_part(node), MOST_DEPTH)
        can_negate = ast.Sub not in operators or all(isinstance(operand, Schedule) for operand in (total, *operands))
        pairs = list(zip(operators, operands, strict=True))
        if len(operators) > _FEW and ast.Div not in operators and can_negate:
            signed = [-operand if operation is ast.Sub else operand for operation, operand in pairs]
            return self._apply(node, join_all, "product" if node_class is ast.Mult else "sum", total, *signed)
        for operation, operand in pairs:
            total = self._apply(node, _OPERATORS[operation], total, operand)
        return total

    def _apply(self, node: ast.expr, function: Callable[..., Any], *values: Any) -> Any:
        try:
            return applied(function, *values)
        except InvalidArgument as error:
            raise self._placed(error, node) from error.__cause__

    def _placed(self, error: InvalidArgument, node: Any) -> InvalidArgument:
        """Return an error with the place of a node, unless it has a narrower one."""
        text_part = self.text_part(node)
        return error.located(self.text, text_part.begin, text_part.end)

    def _call(self, node: ast.Call) -> Any:
        function, name = self._function_of(node.func)
        self._check_names(node)
        nodes: dict[str, ast.AST] = dict(zip(params_of(function), node.args, strict=False))
        nodes |= {str(keyword.arg): keyword for keyword in node.keywords}
        args = list(map(self.value, node.args))
        kwargs = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        try:
            return call(function, name, args, kwargs)
        except InvalidArgument as error:
            for argument, value in zip(node.args, args, strict=True):
                if value is error.problem.refused:
                    raise self._placed(error, argument) from error.__cause__
            raise self._placed(error, nodes.get(error.problem.argument or "", node)) from error.__cause__

    def _function_of(self, node: ast.expr) -> tuple[Callable[..., Any], str]:
        """Return the function that a call names, with its name in the text."""
        match node:
            case ast.Name(id=name):
                function = self.names.get(name)
                last = name
                noun = "schedule"
                names = self.names
            case ast.Attribute(value=ast.Name(id=space), attr=last) if space in _SPACES:
                names = _SPACES[space][1]
                function = names.get(last)
                name = f"{space}.{last}"
                noun = space.removesuffix("s")
            case ast.Attribute(value=ast.Name() | ast.Attribute(), attr=name):
                if name in self.names:
                    raise messages.module_in_front(self.text_part(node), name)
                raise self.unknown(node, name, "schedule", self.names)
            case _:
                raise messages.not_in_the_grammar(self.text_part(node))
        text_part = self.text_part(node)
        if function is None or not (self.text.isascii() or self.text[text_part.begin : text_part.end].isascii()):
            raise self.unknown(node, last, noun, names)
        return function, name

    def _check_names(self, node: ast.Call) -> None:
        """Raise for `*arguments` and for an argument that is passed twice."""
        for argument in (*node.args, *node.keywords):
            if isinstance(argument, ast.Starred) or getattr(argument, "arg", "") is None:
                raise messages.not_in_the_grammar(self.text_part(argument))
        counts = Counter(keyword.arg for keyword in node.keywords)
        for keyword in reversed(node.keywords):
            if counts[keyword.arg] > 1:
                raise messages.argument_twice(self.text_part(keyword), keyword.arg)


def _is_plain(value: Any) -> bool:
    return not value.metric_rules if isinstance(value, Schedule) else is_finite_number(value)


def join_all(name: str, *operands: Any) -> Any:
    """Apply `*` ("product") or `+` ("sum") to all operands. In pairs, many of them take quadratic time."""
    function = _JOINING[name]
    first = next((index for index, operand in enumerate(operands[:-1]) if isinstance(operand, Schedule)), None)
    if len(operands) <= _FEW or first is None or not all(map(_is_plain, operands[:-1])):
        return reduce(partial(applied, function), operands)  # an error names the two operands that do not fit
    schedule = combine_operands(name, reduce(function, operands[: first + 1]), *operands[first + 1 : -1])
    return function(schedule, operands[-1])  # which may have a metric rule


def applied(function: Callable[..., Any], *operands: Any) -> Any:
    """Return the result of an operator. Whatever is wrong with its operands is an InvalidArgument."""
    try:
        result = function(*operands)
    except InvalidArgument:
        raise
    except ZeroDivisionError:
        raise messages.division_by_zero(operands) from None
    except OverflowError:
        raise messages.result_too_large(operands) from None
    except (TypeError, ArithmeticError, ValueError):
        raise messages.no_result(operands) from None
    if result is NotImplemented or isinstance(result, complex):
        raise messages.no_result(operands)
    return result


def call(function: Callable[..., Any], name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a registered function. A wrong name, number or type of arguments is reported before a wrong value.

    Raises:
        InvalidArgument: an argument is wrong; the error has an example of the call.
    """
    args = list(args)
    checks_its_types = str(function.__module__).partition(".")[0] == "paramsched"  # a doctest has no module
    if not checks_its_types:
        bound_arguments(function, name, args, kwargs)
    try:
        return function(*args, **kwargs)
    except InvalidArgument as error:
        bound = bound_arguments(function, name, args, kwargs).arguments
        argument = _argument_of(error, bound, params_of(function)) if error.problem.argument is None else None
        if argument is not None:
            error = error.changed(site=CallSite(name, argument, got=shown(bound[argument])))
        raise (error if error.problem.advice else error.changed(example=example_call(function, name))) from None
    except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError) as error:
        bound_arguments(function, name, args, kwargs)
        raise messages.function_raised(name, error, example_call(function, name)) from (
            None if checks_its_types else shortened(error)  # whose frames show the cause
        )


def bound_arguments(
    function: Callable[..., Any], name: str, args: Iterable[Any], kwargs: Mapping[str, Any]
) -> BoundArguments:
    """Return the arguments of a call by name. Names, the number of arguments and their types are checked.

    Raises:
        InvalidArgument: an argument is wrong; the error has an example of the call.
    """
    params = params_of(function)
    args = list(args)
    refuse_two_readings_of_call(name, args, kwargs)
    misfit = misfit_of_call(function, args, kwargs, name)
    if misfit is not None:
        raise misfit
    bound = signature_of(function).bind(*args, **kwargs)
    for key, value in bound.arguments.items():
        if key not in params:
            continue
        param = params[key]
        values = value.values() if param.free else value if param.several else (value,)
        for argument in values:
            refuse_type(function, name, param, argument)
    return bound


def refuse_type(function: Callable[..., Any], name: str, param: Param, value: Any) -> None:
    """Raise InvalidArgument for a value whose type its parameter does not take."""
    if not fits(param, value):
        example = example_call(function, name)
        raise messages.wrong_type(name, param.name, value, expected(param), _NUMBERS.get(param.kind), example)


def _argument_of(error: InvalidArgument, arguments: Mapping[str, Any], params: Mapping[str, Param]) -> str | None:
    """Return the argument that a function refused without its name: a value, or a length that cannot be read."""
    for key, value in arguments.items():
        if error.problem.refused is not None and error.problem.refused is value:
            return key
        if key in params and params[key].kind == "length" and value is not None:
            try:
                Duration.of(value)
            except InvalidArgument:
                return key
    return None
