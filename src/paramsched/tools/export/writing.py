"""Formulas as Python code with lines of at most 88 columns."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Final, final

import numpy as np

from paramsched.core.base.diagnostic import printable_lines
from paramsched.tools.export.symbols import Numbers, Operand, Symbol, interval, parts_of

WIDTH: Final = 88
_INFIX = {
    "bitwise_or": ("or", 1),
    "bitwise_and": ("and", 2),
    "less": ("<", 4),
    "less_equal": ("<=", 4),
    "greater": (">", 4),
    "greater_equal": (">=", 4),
    "equal": ("==", 4),
    "add": ("+", 5),
    "subtract": ("-", 5),
    "multiply": ("*", 6),
    "divide": ("/", 6),
    "floor_divide": ("//", 6),
    "remainder": ("%", 6),
}
"""The sign and the precedence of each operation that is written between its operands."""

_COMPARED, _SUM, _QUOTIENT = 4, 5, 6
_CHOICE, _NEGATION, _SIGNED, _POWER, _ATOM = 0, 3, 7, 8, 9
_BUILTIN = {"minimum": "min", "maximum": "max", "absolute": "abs", "round": "round", "int": "int"}
_LOCALS = ["s", "u", "v", "w", "x", "y", "z", "a", "b", "c", "d", "e", "f", "g", "h", "k", "p", "q", "r"]
_SHORT_TABLE = 30
_SHORT = 12  # columns of a formula that is repeated instead of named


def number_text(value: object) -> str:
    """Return a number as Python code.

    >>> number_text(0.1), number_text(math.pi / 2), number_text(np.int64(3)), number_text(1e300)
    ('0.1', 'math.pi / 2', '3', '1e300')
    >>> number_text(math.inf), number_text(-math.inf), number_text(math.nan)
    ('math.inf', '-math.inf', 'math.nan')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return "math.nan" if number != number else "math.inf" if number == math.inf else "-math.inf"
    return "math.pi / 2" if number == math.pi / 2 else repr(number).replace("e+", "e")


@final
@dataclass
class FunctionWriter:
    """The statements that return the value of a formula.

    Args:
        name: name of the function, for the names of its constants.
        taken: names that local variables and constants must not have.
        constants: the tables that the formulas of the module need, by name.
    """

    name: str
    taken: frozenset[str]
    constants: dict[str, Numbers] = field(default_factory=dict)

    def statements(self, value: Operand, indent: int) -> list[str]:
        """Return the indented lines that compute and return a value."""
        return [" " * indent + one for one in self._statements(value, WIDTH - indent)]

    def _statements(self, value: Operand, width: int) -> list[str]:
        lines: list[str] = []
        names: dict[int, str] = {}
        numbered = (f"x{number}" for number in count(1))
        free = (name for name in chain(_LOCALS, numbered) if name not in self.taken)
        uses, sure = _uses_of(value), _always_used(value)
        for part in parts_of(value):
            if uses[id(part)] > 1 and (id(part) in sure or _is_safe(part)) and len(self.text(part, names)[0]) > _SHORT:
                self._name(part, names, lines, free, width)
        while len(line := f"return {self._result(value, names)}") > width:
            if not self._shorten(value, names, lines, free, width):
                return [*lines, "return (", f"    {line.removeprefix('return ')}", ")"]
        return [*lines, line]

    def _name(self, part: Symbol, names: dict[int, str], lines: list[str], free: Iterator[str], width: int) -> None:
        """Add the line that computes a part of the formula, after those of its own parts."""
        name = next(free)
        lines += self._assignment(name, part, names, free, width)
        names[id(part)] = name

    def _assignment(
        self, name: str, part: Operand, names: dict[int, str], free: Iterator[str], width: int
    ) -> list[str]:
        lines: list[str] = []
        while len(line := f"{name} = {self.text(part, names)[0]}") > width:
            if not self._shorten(part, names, lines, free, width):
                if isinstance(part, Symbol) and part.op == "where":
                    return [*lines, *self._condition(name, part, names, free, width)]
                return [*lines, f"{name} = (", f"    {line.removeprefix(f'{name} = ')}", ")"]
        return [*lines, line]

    def _condition(self, name: str, part: Symbol, names: dict[int, str], free: Iterator[str], width: int) -> list[str]:
        """Return the statement for a choice that is too long for an expression."""
        mask, *branches = part.args
        yes, no = (self._assignment(name, one, dict(names), free, width - 4) for one in branches)
        return [f"if {self.text(mask, names)[0]}:", *_indented(yes), "else:", *_indented(no)]

    def _shorten(
        self, value: Operand, names: dict[int, str], lines: list[str], free: Iterator[str], width: int
    ) -> bool:
        """Name the longest part of a formula that fits into a line, else the longest choice."""
        sure = _always_used(value)
        found = [
            (len(text) <= width - 6 and part.op != "where", len(text), part)
            for part in parts_of(value, names)
            if part is not value and (id(part) in sure or _is_safe(part))
            if len(text := self.text(part, names)[0]) > _SHORT
        ]
        found = [one for one in found if one[1] <= width - 6 or (one[2].op == "where" and id(one[2]) in sure)]
        if not found:
            return False
        self._name(max(found, key=lambda one: one[:2])[2], names, lines, free, width)
        return True

    def _result(self, value: Operand, names: Mapping[int, str]) -> str:
        """Return the text of a result, which is a float for every base."""
        if isinstance(value, Symbol) and (value.whole or value.op == "name"):
            return f"float({self.text(value, names)[0]})"
        return self.text(value if isinstance(value, Symbol) else float(value), names)[0]

    def text(self, value: Operand, names: Mapping[int, str]) -> tuple[str, int]:
        """Return the text of a formula and its precedence."""
        if not isinstance(value, Symbol):
            text = number_text(value)
            return text, _QUOTIENT if " / " in text else _SIGNED if text.startswith("-") else _ATOM
        if id(value) in names:
            return names[id(value)], _ATOM
        if value.line is not None and value.op != "name":
            return self._line_text(value)
        op, args = value.op, value.args
        if op == "name":
            return str(args[0]), _ATOM
        if op == "where":
            yes, mask, no = (self._within(one, names, _CHOICE + 1) for one in (args[1], args[0], args[2]))
            return f"{yes} if {mask} else {no}", _CHOICE
        if op == "invert":
            return f"not {self._within(args[0], names, _NEGATION)}", _NEGATION
        if op == "negative":
            return f"-{self._within(args[0], names, _SIGNED)}", _SIGNED
        if op == "take":
            return f"{self._table_name(args[0], 'VALUES')}[{self.text(args[1], names)[0]}]", _ATOM
        if op == "call":
            return f"{args[0]}({', '.join(self.text(arg, names)[0] for arg in args[1:])})", _ATOM
        if op == "power":
            low, high = self._within(args[0], names, _POWER + 1), self._within(args[1], names, _SIGNED)
            simple = all(map(_is_simple, args, (low, high)))
            return (f"{low}**{high}" if simple else f"{low} ** {high}"), _POWER
        if op == "count":
            return f"sum({self.text(args[0], names)[0]} >= x for x in {self._table_name(args[1], 'BOUNDS')})", _ATOM
        if (
            op == "bitwise_and"
            and {one.op for one in args} == {"greater", "less"}
            and args[0].args[0] is args[1].args[0]
        ):
            above, below = sorted(args, key=lambda one: str(one.op))
            low, x, high = (self._within(one, names, _SUM) for one in (above.args[1], above.args[0], below.args[1]))
            return f"{low} < {x} < {high}", _COMPARED
        if op in _INFIX:
            left, right = args
            # A product of two numbers has the same bits in both orders.
            if (
                op == "multiply"
                and isinstance(right, Symbol)
                and right.op == "name"
                and not (isinstance(left, Symbol) and left.op == "name")
            ):
                left, right = right, left
            sign, own = _INFIX[op]
            low = self._within(left, names, own + (own == _COMPARED))
            return f"{low} {sign} {self._within(right, names, own + 1)}", own
        called = _BUILTIN.get(op, f"math.{op}")
        return f"{called}({', '.join(self.text(arg, names)[0] for arg in args)})", _ATOM

    def _within(self, value: Operand, names: Mapping[int, str], least: int) -> str:
        text, own = self.text(value, names)
        return text if own >= least else f"({text})"

    def _line_text(self, value: Symbol) -> tuple[str, int]:
        """Return `t + 3`, `t - 3` or `20 - t`."""
        assert value.line is not None
        sign, offset = value.line
        time = next(part for part in parts_of(value) if part.op == "name").args[0]
        if sign < 0:
            return (f"{offset} - {time}", _SUM) if offset else (f"-{time}", _SIGNED)
        return (time, _ATOM) if not offset else (f"{time} {'-' if offset < 0 else '+'} {abs(offset)}", _SUM)

    def _table_name(self, table: Numbers, kind: str) -> str:
        """Return a short table as it is, and the name of the constant for a long one."""
        if len(text := table_text(table)) <= _SHORT_TABLE:
            return text
        content = table.values.tobytes()
        name = next((one for one, known in self.constants.items() if known.values.tobytes() == content), None)
        if name is None:
            first, number = f"{self.name.upper()}_{kind}", 1
            name = first
            while name in self.constants or name in self.taken:
                number += 1
                name = f"{first}_{number}"
            self.constants[name] = table
        return name


def table_text(table: Numbers) -> str:
    """Return a table of at least two values as a tuple in one line."""
    return f"({', '.join(map(number_text, table.values.tolist()))})"


def constant_lines(name: str, table: Numbers) -> list[str]:
    """Return the lines that define a table. A formatter would write each value in its own line."""
    if len(line := f"{name} = {table_text(table)}") <= WIDTH:
        return [line]
    return [
        "# fmt: off",
        f"{name} = (",
        *wrapped((f"{number_text(one)}," for one in table.values.tolist()), "    "),
        ")",
        "# fmt: on",
    ]


def literal(text: str) -> str:
    r"""Return a text as a string literal of Python. Control characters in it are escaped.

    >>> print(literal("lr/head"), literal('a"b'), literal("a\x1b"))
    "lr/head" 'a"b' "a\x1b"
    """
    written = repr(text)
    return written if '"' in written else f'"{written[1:-1]}"'


def in_docstring(text: str) -> str:
    r"""Return a text of a docstring as it is written between its quotes. Control characters in it are escaped twice.

    So the docstring has them as `printable` shows them.

    >>> print(in_docstring("a\x1b, C:\\temp"))
    a\\x1b, C:\\temp
    """
    return printable_lines(text).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def wrapped(words: Iterable[str], indent: str, first: str = "") -> list[str]:
    """Join words into lines of at most 88 columns, indented except for the words that the first line begins with."""
    lines = [first or indent]
    for word in words:
        if not lines[-1].strip():
            lines[-1] += word
        elif len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _is_simple(operand: Operand, text: str) -> bool:
    """Return whether a formatter removes the spaces around a power of the operand."""
    return not {"(", "[", " "}.intersection(text) and not (isinstance(operand, Symbol) and text.startswith("-"))


def _uses_of(value: Operand) -> dict[int, int]:
    uses: dict[int, int] = {}
    for part in parts_of(value):
        uses.setdefault(id(part), 0)
        for arg in () if part.line is not None else part.args:
            if id(arg) in uses:  # operands come first; numbers are not counted
                uses[id(arg)] += 1
    return uses


def _always_used(value: Operand) -> set[int]:
    """Return the parts of a formula that are computed whatever its conditions are, by `id`."""
    if not isinstance(value, Symbol):
        return set()
    args = value.args[:1] if value.op in ("where", "bitwise_and", "bitwise_or") else value.args
    return {id(value)}.union(*map(_always_used, args))


def _is_safe(value: Operand) -> bool:
    """Return whether a formula has a value at every time of the piece, so that it may precede a condition."""
    if isinstance(value, Symbol) and value.op == "where":  # its condition excludes the times without a value
        return _is_safe(value.args[0])
    return not isinstance(value, Symbol) or (
        all(map(_is_safe, value.args)) and (value.op not in _DOMAIN or _DOMAIN[value.op](*value.args))
    )


_DOMAIN: Mapping[str, Callable[..., bool]] = {
    **dict.fromkeys(("divide", "floor_divide", "remainder"), lambda _, y: not interval(y)[0] <= 0 <= interval(y)[1]),
    "sqrt": lambda x: interval(x)[0] >= 0,
    "log1p": lambda x: interval(x)[0] > -1,
    "power": lambda x, y: interval(x)[0] > 0 or (interval(x)[0] >= 0 and interval(y)[0] >= 0),
    "exp": lambda x: interval(x)[1] < 700,
    "expm1": lambda x: interval(x)[1] < 700,
}
