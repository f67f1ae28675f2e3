"""Read a schedule from one line of text, or from the data of a file, without running any code in it.

The grammar is Python's: its parser makes the tree, and this module walks it. Whatever is no call, number, string, list
or operator of a schedule is refused, with its place. So are unknown names, with the nearest known one.
"""

import ast
import operator
import re
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache, partial, reduce
from inspect import BoundArguments, signature
from itertools import chain, islice, repeat
from keyword import iskeyword
from numbers import Real
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

from paramsched.base.codes import UNKNOWN_NAME, WRONG_TYPE
from paramsched.base.params import Param, params_of, readable
from paramsched.base.problem import TextLines
from paramsched.base.words import closest, shortened_text
from paramsched.core.answering import answering, unknown_argument
from paramsched.core.builders import SHAPES, example_call, refused_call
from paramsched.core.curves.curve import CONSTANTS, FAMILIES, Curve
from paramsched.core.messages.numbers import NumberKind, number_to_write
from paramsched.core.number_checks import is_finite_number
from paramsched.core.schedules.combinators import absolute
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.registry import combine_operands, operator_builder, refuse_two_readings_of_call
from paramsched.core.schedules.schedule import Schedule, line_of
from paramsched.core.time.duration import Duration
from paramsched.core.tracebacks import shortened
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


def fits(param: Param, value: Any) -> bool:
    """Return whether an argument takes a value of this type. Its range is checked by the function."""
    if value is None:
        return param.none or param.kind == "any"
    match param.kind:
        case "schedule":
            return isinstance(value, (Schedule, Absolute)) or is_finite_number(value)
        case "level":
            return isinstance(value, Absolute) or is_finite_number(value)
        case "number":
            return is_finite_number(value)
        case "count":
            return is_finite_number(value) and value == int(value)
        case "length":
            return isinstance(value, (str, Real, Duration)) and not isinstance(value, bool)
        case "curve":
            return isinstance(value, (Curve, str)) or (callable(value) and not isinstance(value, Schedule))
        case "text":
            return isinstance(value, str)
        case "choice":
            return any(type(value) is type(choice) and value == choice for choice in param.choices)
        case "bool":
            return isinstance(value, bool)
        case "list" | "pairs":
            items = param.items if len(param.items) > 1 else param.items[:1] * len(value) if _is_list(value) else ()
            return _is_list(value) and len(items) == len(value) and all(map(fits, items, value))
    return True


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]

MOST_BYTES = 1_000_000  # of a line, and of a file
MOST_WORDS = 15_000
"""The maximum number of names, operators and calls in the schedules of a plan; one with a hundred stages has 500."""
MOST_COMMAS = 100_000
MOST_DEPTH = 50
EXAMPLE_LINE = 'warmup("5%") >> cosine(to=0.1)'

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
_SYNTAX: Final = "a schedule's text consists of calls, numbers, strings, lists, >>, *, /, **, + and -"
_OPERATOR: Final = "unknown operator; stages are joined by >>, and the other operators are *, /, **, + and -"
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
        message = f"expected text, got {type(text).__name__}"
        raise ParseError(f"parse({shown(text)})", message, example=repr(EXAMPLE_LINE))
    return read_line(text, {builder.__name__: builder for builder in shapes})


@operator_builder("text")
def _stage_of_text(text: str) -> Schedule:
    """Return a stage that is written as text: `schedule >> "cosine()"`."""
    return read_line(text)


def parse_own(
    text: str, own: KnownNames = MappingProxyType({}), curves: Mapping[str, Any] = MappingProxyType({})
) -> Schedule:
    """Read a line that `str(schedule)` wrote. The limits of `parse` do not apply, because the text is trusted.

    Args:
        text: the line.
        own: further functions by name.
        curves: further curves by name.
    """
    line = _LineReader(text, known_names(own), curves=curves, limited=False)
    return as_schedule(line.whole(), text)


def parse_value(text: str) -> Any:
    """Read a call that this library wrote, such as that of a metric rule."""
    return _LineReader(text, known_names(), limited=False).whole()


def calls_function(text: str) -> bool:
    """Return whether a line calls a function of this library.

    >>> calls_function("cosine(to=0.1)"), calls_function("WarmupLR(5)"), calls_function("5 epochs")
    (True, False, False)
    """
    return any(f"{name}(" in text for name in _FUNCTIONS)


_OWN_SHAPE: Final = (
    f"For example: {EXAMPLE_LINE}. Import the module of a shape of your own first (on the command line: "
    "--import the.module)"
)
_WORD: Final = r"(?<!\w)[^\W\d]\w*|[*/>(]|(?<![eE])[+]|(?<![eE,\[])(?<!, )-"
"""A name or an operator. Signs of numbers in a list are neither, because numbers are fast to read."""


def has_many_words(texts: Iterable[str]) -> bool:
    """Return whether schedules have so many names and operators that reading them would take seconds."""
    words = chain.from_iterable(map(re.finditer, repeat(_WORD), texts))
    return next(islice(words, MOST_WORDS, None), None) is not None


def known_names(own: KnownNames = MappingProxyType({})) -> KnownNames:
    """Return the functions that a line may call, with those in `own`."""
    return _FUNCTIONS.new_child({**own}) if own else _FUNCTIONS


def reserved_names() -> frozenset[str]:
    """Return the names that a line may contain, which no shape may have."""
    return frozenset({*_FUNCTIONS, *_SPACES})


def read_line(text: str, own: KnownNames = MappingProxyType({}), *, limited: bool = True) -> Schedule:
    """Return the schedule of a line."""
    line = _LineReader(text, known_names(own), limited=limited)
    return as_schedule(line.whole(), text)


def as_schedule(value: Any, text: str) -> Schedule:
    """Return the schedule that the value of a text means: a number is a constant, a metric rule is a factor of it."""
    if isinstance(value, Schedule):
        return value
    site = f'"{shortened_text(text)}"'
    if value is not None and not isinstance(value, (bool, str, tuple)):
        try:
            return line_of(value, site) if not hasattr(value, "observe") else 1.0 * value
        except (TypeError, AttributeError):
            pass
    raise ParseError(site, f"expected a schedule, got {shown(value)}", example=EXAMPLE_LINE)


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
class _LineReader:
    """A reader of one line."""

    def __init__(
        self,
        text: str,
        names: KnownNames,
        *,
        curves: Mapping[str, Any] = MappingProxyType({}),
        limited: bool = True,
    ) -> None:
        self.text, self.names, self.curves, self.limited, self.depth = text, names, curves, limited, 0

    def whole(self) -> Any:
        """Return the value of the line."""
        if self.limited and len(self.text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise ParseError(
                shortened_text(self.text), f"a line has at most {MOST_BYTES:,} bytes; a plan is a short text"
            )
        if self.limited and (has_many_words([self.text]) or self.text.count(",") > MOST_COMMAS):
            message = f"a line has at most {MOST_WORDS:,} names and operators, and {MOST_COMMAS:,} commas"
            raise ParseError(shortened_text(self.text), f"{message}; a plan is a short text")
        if not self.text.strip():
            raise self.error_at(0, len(self.text), "the text is empty")
        if escape := re.search(_ESCAPE, self.text):
            raise self.error_at(escape.start(), escape.start() + 2, r"a backslash in a text is written \\")
        try:
            tree = _tree_of(f"(\n{self.text}\n)")
            if tree.lineno == 1:  # of the brackets around the text: it closes them, or has a comma
                raise self.refused(0)
            return self.value(tree)
        except SyntaxError as error:
            line, column = (error.lineno or 2) - 2, max((error.offset or 1) - 1, 0)
            is_after = line >= len(self.lines.begins)
            place = len(self.text) if is_after else self.lines.offset_of(line + 1, column + 1) if line >= 0 else 0
            raise self.refused(place) from None
        except (RecursionError, MemoryError, ValueError) as error:  # of Python's parser
            if isinstance(error, InvalidArgument):
                raise
            message = "it is nested too deep, has a number that is too long, or a character that no text has"
            raise self.error_at(0, len(self.text), message) from None

    # ---- places and errors

    @cached_property
    def lines(self) -> TextLines:
        """The lines as Python's parser counts them."""
        return TextLines(self.text)

    def span(self, node: Any) -> tuple[int, int]:
        """Return the range of a node in the text, which the parser read from its second line on."""
        begin = self.lines.offset_of_node(node.lineno - 1, node.col_offset)
        return begin, self.lines.offset_of_node(node.end_lineno - 1, node.end_col_offset)

    def error_at(self, begin: int, end: int, message: str, *, example: str = EXAMPLE_LINE, **data: Any) -> ParseError:
        """Return the error about a range of the text."""
        site = f'"{shortened_text(self.text[begin:end])}" at character {begin + 1}'
        return ParseError(site, message, example=example, text=self.text, span=(begin, end), **data)

    def at(self, node: Any, message: str, **data: Any) -> ParseError:
        """Return the error about a node."""
        return self.error_at(*self.span(node), message, **data)

    def unknown(self, node: Any, name: str, kind: str, known: Iterable[str]) -> ParseError:
        """Return the error about an unknown name."""
        from paramsched.base.foreign_names import answer_to_name

        if (answer := answer_to_name(name)) is not None:
            return self.at(node, answer, code=UNKNOWN_NAME)
        near = closest(name, tuple(known))
        hint = f'; did you mean "{near}"?' if near else ""
        advice = _OWN_SHAPE if kind == "schedule" and not near else ""
        return self.at(node, f'unknown {kind} "{shortened_text(name)}"{hint}', code=UNKNOWN_NAME, advice=advice)

    def refused(self, place: int) -> ParseError:
        """Return the error about a text that Python's parser refuses at a place: the first reason that is known."""
        opened: list[int] = []
        for match in re.finditer(_TOKEN, self.text):
            begin, end, part = match.start(), match.end(), match[0]
            match match.lastgroup:
                case "quote":
                    return self.error_at(begin, len(self.text), "the quote is not closed")
                case "open":
                    opened.append(begin)
                case "close" if not opened or self.text[opened.pop()] + part not in ("()", "[]", "{}"):
                    return self.error_at(begin, end, f"{part} closes no bracket")
                case "length" if not iskeyword(part.strip("0123456789_.eE+- ")):
                    length = " ".join(part.split())
                    example = EXAMPLE_LINE if part == self.text.strip() else f'"{length}"'  # a length is no line
                    return self.error_at(begin, end, "a length with a unit is text in quotes", example=example)
                case "zeros":
                    return self.error_at(begin, end, "a number begins with a zero, or has a comma")
                case "sign" if not part.isspace():
                    return self.error_at(begin, end, f"{part!r} is not a character of a schedule's text")
        if opened:
            return self.error_at(opened[-1], opened[-1] + 1, "the bracket is not closed")
        if (join := self._false_join()) is not None:
            return join
        place = min(place, max(len(self.text) - 1, 0))
        end = next(
            (one.end() for one in re.compile(_TOKEN).finditer(self.text, place) if one.start() == place), place + 1
        )
        return self.error_at(place, end, f"something is missing or is too much here; {_SYNTAX}")

    def _false_join(self) -> ParseError | None:
        """Return the error about two stages that `->`, `=>`, `|>` or a comma joins; None if there are none."""
        depth = 0
        for match in re.finditer(_FALSE_JOIN, self.text):
            depth += (match[0] in "([{") - (match[0] in ")]}")
            before, after = self.text[: match.start()].rstrip(), self.text[match.end() :].lstrip()
            if depth == 0 and match[0] in ("->", "=>", "|>", ",") and before.endswith(")") and after:
                message = f"stages are joined by >>, not by {match[0]}"
                return self.error_at(*match.span(), message, example=f"{before} >> {after}")
        return None

    # ---- values

    def value(self, node: ast.expr) -> Any:
        """Return the value of a node."""
        self.depth += 1
        if self.limited and self.depth > MOST_DEPTH:
            raise self.at(node, f"it is nested deeper than {MOST_DEPTH} levels")
        try:
            return self._value(node)
        finally:
            self.depth -= 1

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str(value)):
                if not re.compile(_LITERAL).fullmatch(self.text, *self.span(node)):
                    raise self.at(node, "there is no comma or operator between two texts")
                return value
            case ast.Constant(value=value) if value is None or isinstance(value, (bool, int, float)):
                if value == 0 and isinstance(value, int) and node.end_col_offset != node.col_offset + len(str(value)):
                    raise self.at(node, "a number begins with a zero, or has a comma")  # 10,000 is 10 and 000
                return value
            case ast.Name(id=name):
                return self._word(node, name)
            case ast.Attribute(value=ast.Name(id=space), attr=name) if space in _SPACES:
                constants, functions = _SPACES[space]
                if name in self.curves:
                    return self.curves[name]
                if name in constants:
                    return constants[name]
                if name in functions:
                    raise self.at(node, f"{space}.{name} needs arguments in brackets")
                raise self.unknown(node, name, space.removesuffix("s"), [*constants, *functions])
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return tuple(map(self.value, items))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply(node, operator.neg, self._operand(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._operand(operand)
            case ast.BinOp():
                return self._operation(node)
            case ast.Compare() | ast.BoolOp():
                raise self.at(node, _OPERATOR)
            case ast.Call():
                return self._call(node)
        raise self.at(node, _SYNTAX)

    def _word(self, node: ast.Name, name: str) -> Any:
        if name in self.names:
            write = example_call(self.names[name], name)
            raise self.at(node, f"{name} is a function and needs brackets", example=write, code=UNKNOWN_NAME)
        raise self.unknown(node, name, "name", self.names)

    def _operand(self, node: ast.expr) -> Any:
        value = self.value(node)
        if value is None or isinstance(value, (bool, str, tuple)):
            raise self.at(node, f"{shown(value)} is neither a number nor a schedule")
        return value

    def _operation(self, node: ast.BinOp) -> Any:
        kind, rest, left = type(node.op), list[tuple[type, ast.expr]](), node.left
        if kind not in _PRECEDENCES:
            raise self.at(node, _OPERATOR)
        rest.append((kind, node.right))
        same = _PRECEDENCES[kind]  # a chain of operators that bind alike is not nested
        while isinstance(left, ast.BinOp) and _PRECEDENCES.get(type(left.op)) == same and same != _PRECEDENCES[ast.Pow]:
            rest.append((type(left.op), left.right))
            left = left.left
        total, rest = self._operand(left), rest[::-1]
        if kind is ast.RShift and is_finite_number(total):
            raise self.at(left, f"{shown(total)} is a number; every stage but the last needs a length")
        operators, nodes = zip(*rest, strict=True)
        operands = [total, *map(self._operand, nodes)]
        if kind is ast.RShift:
            return self._apply(node, combine_operands, "sequence", *operands)
        if len(operators) > MOST_DEPTH and ast.Div in operators:
            raise self.at(node, f"a chain with / has at most {MOST_DEPTH} operators")
        values = [*zip(operators, operands[1:], strict=True)]
        can_negate = ast.Sub not in operators or all(isinstance(operand, Schedule) for operand in operands)
        if len(values) > _FEW and ast.Div not in operators and can_negate:
            operands = [total, *(-value if operation is ast.Sub else value for operation, value in values)]
            return self._apply(node, join_all, "product" if kind is ast.Mult else "sum", *operands)
        for operation, value in values:
            total = self._apply(node, _OPERATORS[operation], total, value)
        return total

    def _apply(self, node: ast.expr, function: Callable[..., Any], *values: Any) -> Any:
        try:
            found = joined(function, *values)
        except InvalidArgument as error:
            raise error.at(self.text, *self.span(node)) from error.__cause__
        return found

    def _call(self, node: ast.Call) -> Any:
        match node.func:
            case ast.Name(id=name):
                function, known, kind = self.names.get(name), iter(self.names), "schedule"
            case ast.Attribute(value=ast.Name(id=space), attr=last) if space in _SPACES:
                name, (_, functions) = f"{space}.{last}", _SPACES[space]
                function, known, kind = functions.get(last), iter(functions), space.removesuffix("s")
            case ast.Attribute(value=ast.Name() | ast.Attribute(), attr=name):
                if name in self.names:
                    raise self.at(node.func, f"names of schedules have no module in front: {name}(…)")
                raise self.unknown(node.func, name, "schedule", self.names)
            case _:
                raise self.at(node.func, _SYNTAX)
        if function is None or not (self.text.isascii() or self.text[slice(*self.span(node.func))].isascii()):
            raise self.unknown(node.func, name.rpartition(".")[2], kind, known)
        for argument in (*node.args, *node.keywords):
            if isinstance(argument, ast.Starred) or getattr(argument, "arg", "") is None:
                raise self.at(argument, _SYNTAX)
        names = [str(key.arg) for key in node.keywords]
        if len(set(names)) < len(names):
            counts = Counter(names)
            twice = next(key for key in reversed(node.keywords) if counts[str(key.arg)] > 1)
            raise self.at(twice, f'the argument "{twice.arg}" is repeated')
        places: dict[str, Any] = dict(zip(params_of(function), node.args, strict=False))
        places |= {str(key.arg): key for key in node.keywords}
        args = [self.value(one) for one in node.args]
        kwargs = {str(key.arg): self.value(key.value) for key in node.keywords}
        try:
            return call(function, name, args, kwargs)
        except InvalidArgument as error:
            refused = [one for one, value in zip(node.args, args, strict=True) if value is error.problem.refused]
            at = refused[0] if refused else places.get(error.problem.argument or "", node)
            raise error.at(self.text, *self.span(at)) from error.__cause__


def _is_plain(value: Any) -> bool:
    return not value.metric_rules if isinstance(value, Schedule) else is_finite_number(value)


def join_all(name: str, *operands: Any) -> Any:
    """Apply `*` ("product") or `+` ("sum") to all operands. In pairs, many of them take quadratic time."""
    function = _JOINING[name]
    first = next((at for at, operand in enumerate(operands[:-1]) if isinstance(operand, Schedule)), None)
    if len(operands) <= _FEW or first is None or not all(map(_is_plain, operands[:-1])):
        return reduce(partial(joined, function), operands)  # an error names the two operands that do not fit
    schedule = combine_operands(name, reduce(function, operands[: first + 1]), *operands[first + 1 : -1])
    return function(schedule, operands[-1])  # which may have a metric rule


def joined(function: Callable[..., Any], *values: Any) -> Any:
    """Apply an operator. Whatever is wrong with its operands is an InvalidArgument."""
    found: Any = NotImplemented
    reason = "the operator has no result for these operands"
    try:
        found = function(*values)
    except InvalidArgument:
        raise
    except ZeroDivisionError:
        reason = "division by zero"
    except OverflowError:
        reason = "the result is too large"
    except (TypeError, ArithmeticError, ValueError):
        pass
    if found is NotImplemented or isinstance(found, complex):
        raise InvalidArgument(" and ".join(map(shown, values[-2:])), reason)
    return found


def call(function: Callable[..., Any], name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a registered function. Names, the number of arguments and their types are checked before.

    Raises:
        InvalidArgument: an argument is wrong; the error has an example of the call.
    """
    args = list(args)
    bound = bound_arguments(function, name, args, kwargs).arguments
    try:
        return function(*args, **kwargs)
    except InvalidArgument as error:
        if error.problem.argument is None and (argument := _argument_of(error, bound, params_of(function))) is not None:
            error = error.changed(site=CallSite(name, argument, got=shown(bound[argument])))
        raise (error if error.problem.advice else error.changed(example=example_call(function, name))) from None
    except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError) as error:
        message = f"{type(error).__name__}: {error}"
        is_of_user = function.__module__.partition(".")[0] != "paramsched"  # whose frames show the cause
        raise InvalidArgument(f"{name}(…)", message, example=example_call(function, name)) from (
            shortened(error) if is_of_user else None
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
    for key in kwargs:
        if key not in params and not any(one.free for one in params.values()):
            raise unknown_argument(name, key, params, kwargs[key])
    try:
        bound = _signature_of(function).bind(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise refused_call(name, function, error) from None
    for key, value in bound.arguments.items():
        if (param := params.get(key)) is not None:
            for one in value.values() if param.free else value if param.several else (value,):
                refuse_type(function, name, param, one)
    return bound


_signature_of: Final = lru_cache(maxsize=1024)(signature)  # which takes longer than the rest of a call


def refuse_type(function: Callable[..., Any], name: str, param: Param, value: Any) -> None:
    """Raise InvalidArgument for a value whose type its parameter does not take."""
    if not fits(param, value):
        message, example = f"expected {expected(param)}, got {shown(value)}", example_call(function, name)
        site = CallSite(name, param.name)
        advice = number_to_write(value, param.name, _NUMBERS[param.kind]) if param.kind in _NUMBERS else ""
        raise InvalidArgument(site, message, advice, code=WRONG_TYPE, refused=value, example=example)


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
