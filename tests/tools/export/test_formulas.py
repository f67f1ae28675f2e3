"""The formula of each operation in a part of the run: its text and its bounds, and the values of the text.

The answers are in `formulas.yaml`. `PYTHONPATH=tests python tests/tools/export/test_formulas.py` writes them.
"""

import math
from itertools import product
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from paramsched.core.curves import elementary
from paramsched.tools.export.symbols import Numbers, Piece, Split, Symbol, interval, parts_of, replaced
from paramsched.tools.export.writing import FunctionWriter, _is_safe, constant_lines
from support import answers
from support.tables import table

FILE = Path(__file__).with_name("formulas.yaml")
PIECES = {
    "updates": ((2, False), (20, False), True, 20, True),
    "updates, not split": ((2, False), (20, False), True, 20, False),
    "seconds": ((0, False), (2.5, False), False, 2.5, True),
    "an update": ((7, False), (8, False), True, 20, True),
    "a moment": ((2.0, False), (2.0, True), False, 2.5, True),
    "until after the run": ((2, False), (40, False), True, 20, True),
    "a long run": ((0, False), (300, False), True, 300, True),
}
_WITHOUT_VALUE = ("xp.as", "xp.b", "xp.full", "xp.isinf", "Numbers")
NAMES = {"np": np, "math": math, "Numbers": Numbers}


def formula_of(expression: str, piece: Piece) -> Any:
    """Return the formula of an expression, or its number."""
    t, base = piece.time("t"), piece.unknown("name", "base")
    with np.errstate(all="ignore"):
        return eval(expression, NAMES | {"t": t, "base": base, "xp": base.__array_namespace__()})


def text_of(expression: str, piece: Piece) -> str:
    """Return the text, the bounds and the type of an expression, where to divide the piece, or the error."""
    try:
        value = formula_of(expression, piece)
    except Split as signal:
        return f"split at {signal.cut[0]}{', included' * signal.cut[1]}"
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        return type(error).__name__
    if isinstance(value, Numbers):
        return f"table {value!r}"
    low, high = interval(value)
    kind = value.dtype if isinstance(value, Symbol) else type(value).__name__
    return f"{FunctionWriter('f', frozenset()).text(value, {})[0]}; {low:.6g} to {high:.6g}; {kind}"


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the text of its expression in each piece, or in lines of at most these columns."""
    if "columns" in question:
        piece = Piece(*PIECES["updates, not split"])
        value, writer = formula_of(question["of"], piece), FunctionWriter("f", frozenset(("t", "base")))
        return question | {"lines": dedent("\n".join(writer.statements(value, 88 - question["columns"]))) + "\n"}
    return {
        "of": question["of"],
        "text": {name: text_of(question["of"], Piece(*piece)) for name, piece in PIECES.items()},
    }


QUESTIONS = [question for question in answers.read(FILE) if "text" in question]


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


def test_a_text_has_the_values_of_its_operations():
    compared = 0
    for question in QUESTIONS:
        for name, times in (("updates, not split", range(2, 20, 6)), ("an update", [7])):
            text, bounds, _ = question["text"][name].partition(";")
            if not bounds or any(word in question["of"] for word in _WITHOUT_VALUE):
                continue
            for t, base in product(times, (-2.5, 0.5, 3.0, 9.0)):
                try:
                    with np.errstate(all="ignore"):
                        planned = eval(question["of"], NAMES | {"t": np.int64(t), "base": np.float64(base), "xp": np})
                        found = eval(text, {"t": t, "base": base, "math": math})
                except (ZeroDivisionError, OverflowError, ValueError):
                    continue  # NumPy has infinity or NaN where Python has an error
                same = found == planned or isinstance(found, complex)
                assert same or abs(found / planned - 1) < 1e-15, question
                compared += 1
    assert compared > 1500


def test_a_formula_at_one_time_is_a_number_with_the_value_of_its_text():
    compared = 0
    for question in QUESTIONS:
        text, bounds, _ = question["text"]["updates, not split"].partition(";")
        if not bounds or "base" in question["of"] or "F_" in text:  # F_VALUES is a table of the module
            continue
        piece = Piece(*PIECES["updates, not split"])
        time = piece.time("t")
        formula = eval(question["of"], NAMES | {"t": time, "xp": time.__array_namespace__()})
        for t in (2, 5, 7, 9, 19):
            try:
                with np.errstate(all="ignore"):
                    found = replaced(formula, {id(time): np.int64(t)})
                    planned = eval(text, {"t": t, "math": math})
            except (ZeroDivisionError, OverflowError, ValueError, IndexError):
                continue  # Python has an error where NumPy has infinity or NaN, and a table its last value
            assert not isinstance(found, Symbol), question
            assert found == planned or abs(found / planned - 1) < 1e-15, question
            compared += 1
    assert compared > 300


@pytest.mark.parametrize("columns", [18, 30, 48])
def test_a_formula_in_short_lines_has_the_values_of_its_text(columns):
    compared = 0
    for of in {question["of"]: None for question in answers.read(FILE)}:
        try:
            value = formula_of(of, Piece(*PIECES["updates, not split"]))
        except (TypeError, AttributeError, ValueError, IndexError):
            continue  # no formula, as recorded
        if not isinstance(value, Symbol):
            continue
        writer = FunctionWriter("f", frozenset(("t", "base")))
        text = writer.text(value, {})[0]
        lines = writer.statements(value, 88 - columns)
        tables = "\n".join(line for name, one in writer.constants.items() for line in constant_lines(name, one))
        names = {"math": math}
        exec("\n".join([tables, "def f(t, base):", *lines]), names)
        for at, by in product((2, 4, 9, 19), (-2.5, 0.5, 3.0)):
            try:
                planned = float(eval(text, names | {"t": at, "base": by}))
            except (ZeroDivisionError, OverflowError, ValueError, IndexError, TypeError):
                continue  # NumPy has another value, or a power is complex
            assert names["f"](at, by) == planned or planned != planned, (of, lines)
            compared += 1
    assert compared > 1000


@table(
    ("steps", "piece", "inexact", "cut"),
    [
        ("t // 4", "updates", 0, 4),
        ("t // 4", "updates", 4, 4),
        ("t // 4", "updates", 5, None),
        ("(t + 2) // 4", "updates", 0, None),
        ("(t + 2) // 4", "updates", 1, 6),
        ("(t - 2) // 4", "updates", 1, 6),
        ("(19 - t) // 4", "updates", 1, None),
        ("t * 2 // 8", "updates", 1, None),
        ("t", "updates", 3, None),
        ("t // 4", "updates, not split", 1, None),
        ("t // 4", "until after the run", 5, 4),
        ("t // 4", "until after the run", 6, None),
        ("t // 18", "a long run", 16, 18),
        ("t // 17", "a long run", 16, None),
    ],
)
def test_a_piece_is_divided_into_steps_if_python_rounds_one_of_their_powers_differently(steps, piece, inexact, cut):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elementary, "power_of_number", lambda x, y: x**y * (1 + 2.0**-40 * (y == inexact)))
        text = text_of(f"0.5 ** ({steps})", Piece(*PIECES[piece]))

    assert text.startswith("0.5" if cut is None else f"split at {cut}"), text


@pytest.mark.parametrize(("size", "lines"), [(50, 1), (51, 5)])
def test_a_table_is_one_line_of_at_most_88_columns(size, lines):
    written = constant_lines("N" * size, Numbers(np.arange(1.0, 8.0)))

    assert (len(written[0]) <= 88, len(written)) == (True, lines), written


def parts_with(op, of):
    """Return the formulas of an operation in a run of 20 updates from 0."""
    value = formula_of(of, Piece((0, False), (20, False), True, 20, False))
    return [part for part in parts_of(value) if part.op == op]


@table(
    ("op", "of", "safe"),
    [
        ("sqrt", "xp.sqrt(t / 3)", True),
        ("sqrt", "xp.sqrt((t - 1) / 3)", False),
        ("log1p", "xp.log1p((t - 1) / 3)", True),
        ("log1p", "xp.log1p((t - 3) / 3)", False),
        ("exp", "xp.exp(t * 36.5)", True),
        ("exp", "xp.exp(t * 37.5)", False),
        ("expm1", "xp.expm1(t * 36.5)", True),
        ("expm1", "xp.expm1(t * 37.5)", False),
        ("divide", "2.0 / (t + 1)", True),
        ("divide", "2.0 / t", False),
        ("divide", "2.0 / (t - 19)", False),
        ("divide", "2.0 / (t - 20)", True),
        ("floor_divide", "7 // (t + 1)", True),
        ("floor_divide", "7 // t", False),
        ("power", "(t / 3) ** (t / 7)", True),
        ("power", "(t / 3) ** (t / 7 - 1)", False),
        ("power", "((t + 1) / 3) ** (t / 7 - 1)", True),
        ("power", "((t - 1) / 3) ** (t / 7)", False),
        ("multiply", "base * xp.sqrt(t - 3)", False),
        ("where", "xp.where(t < 5, 2.0 / t, xp.sqrt(t))", True),
        ("where", "xp.where(2.0 / t < 5, t, 3)", False),
    ],
)
def test_a_formula_precedes_a_condition_only_if_it_has_a_value_at_every_time(op, of, safe):
    assert _is_safe(parts_with(op, of)[-1]) is safe


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
