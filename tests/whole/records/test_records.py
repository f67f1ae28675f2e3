"""What is read from each recorded input: the text of a valid one, or the code, the path and the argument of each error.

The advice of each recorded error is pasted as it is printed, and the reader accepts it: as a line, as a rule or a
curve, as an argument of the call that is wrong, or in place of the wrong part.

A recorded outcome changes only with a reason. To write the files again after such a change:
`PYTHONPATH=tests python tests/whole/records/test_records.py`.
"""

import ast
import contextlib
import inspect
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.core.schedules.registry import SHAPES
from paramsched.errors import ConfigError, InvalidArgument

LINES, PLANS = (Path(__file__).with_name(f"{kind}.jsonl") for kind in ("lines", "plans"))
VALID = "="

BUILDERS: dict[str, Any] = {**SHAPES, "absolute": ps.absolute, "plateau": ps.plateau}
AROUND = ("{}", "anneal(1, 0, 10, curve={})", "cosine() * {}")
"""The lines into which an example may be pasted, because some are no schedules."""


def error_of(line: str) -> InvalidArgument | None:
    try:
        ps.parse(line)
    except InvalidArgument as error:
        return error
    return None


def is_code(text: str) -> bool:
    """Return whether a text is accepted as a schedule, a curve, a level, or as code of a user."""
    if any(error_of(one.format(text)) is None for one in AROUND):
        return True
    with contextlib.suppress(InvalidArgument, NameError, SyntaxError, TypeError):
        return eval(text, {"ps": ps, **BUILDERS}) is not None
    return False


def with_argument(line: str, error: InvalidArgument, value: str) -> Iterator[str]:
    """Yield the line with another value of the argument that an error names, for each call that it may name."""
    call = error.problem.call
    if call is None or error.problem.argument is None:
        return
    for place in range(line.count("(")):
        tree = ast.parse(line.strip(), mode="eval")
        calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
        if place >= len(calls):
            return
        node = calls[place]
        name = ast.unparse(node.func)
        if name.rpartition(".")[2] != call.call.rpartition(".")[2]:
            continue
        kept = [keyword for keyword in node.keywords if keyword.arg != error.problem.argument]
        if len(kept) == len(node.keywords):
            names = list(inspect.signature(BUILDERS[name]).parameters)
            index = names.index(error.problem.argument)
            if index < len(node.args):
                node.args[index] = ast.parse(value, mode="eval").body
                yield ast.unparse(tree)
                continue
        node.keywords = [*kept, ast.keyword(error.problem.argument, ast.parse(value, mode="eval").body)]
        yield ast.unparse(tree)


def is_accepted(line: str, error: InvalidArgument, advised: str) -> bool:
    """Return whether an advised text can be pasted: alone, as the argument, or in place of the wrong part."""
    name, sign, value = advised.partition("=")
    is_argument = bool(sign) and name.isidentifier()
    if not is_argument and is_code(advised):
        return True
    value = value if is_argument else advised
    pasted = [*with_argument(line, error, value)]
    if (span := error.problem.span) is not None:
        pasted.append(f"{line[: span[0]]}{value}{line[span[1] :]}")
    left = [error_of(one) for one in pasted]
    return any(one is None or one.problem.found != error.problem.found for one in left)


def advised_in(error: InvalidArgument) -> list[str]:
    """Return the texts that the advice of an error offers."""
    advice = error.problem.advice
    if advice.startswith("For example: "):
        return [advice.removeprefix("For example: ")]
    both = re.fullmatch(r"Write (.+) for the value .+, or (.+) for .+ × base", advice)
    return [*both.groups()] if both else []


def records_of(file: Path) -> list[list[Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def outcome_of(given: Any) -> list[Any]:
    """Return a line, or the data of a plan file, with `"="` and its text, or with three values for each error."""
    try:
        return [given, VALID, str(ps.parse(given)) if isinstance(given, str) else ps.loads(given).text]
    except ConfigError as error:
        return [given, *(part for problem in error.problems for part in (problem.code, problem.path, ""))]
    except InvalidArgument as error:
        return [given, error.problem.code, "", error.problem.argument or ""]


@pytest.mark.parametrize("file", [LINES, PLANS], ids=lambda file: file.stem)
@pytest.mark.filterwarnings("ignore")
def test_each_recorded_input_has_the_recorded_outcome(file: Path) -> None:
    records = records_of(file)

    actual = [outcome_of(given) for given, *_ in records]

    assert [pair for pair in zip(actual, records, strict=True) if pair[0] != pair[1]] == []


@pytest.mark.filterwarnings("ignore")
def test_the_advice_of_each_recorded_line_is_accepted_where_it_is_pasted() -> None:
    errors = [(line, error_of(line)) for line, code, *_ in records_of(LINES) if code != VALID]
    actual = [(line, error, one) for line, error in errors if error is not None for one in advised_in(error)]

    refused = [(line, str(error), one) for line, error, one in actual if not is_accepted(line, error, one)]

    assert len(actual) > 100
    assert refused == []


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for path in (LINES, PLANS):
        rows = [outcome_of(given) for given, *_ in records_of(path)]
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
