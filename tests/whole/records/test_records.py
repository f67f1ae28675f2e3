"""What is read from each recorded input: the text of a valid one, or the code, the path and the argument of each error.

`whole/mistakes.yaml` has advice with the line that was wanted.

A recorded outcome changes only with a reason. To write the files again after such a change:
`PYTHONPATH=tests python tests/whole/records/test_records.py`.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.errors import ConfigError, InvalidArgument

LINES, PLANS = (Path(__file__).with_name(f"{stem}.jsonl") for stem in ("lines", "plans"))
VALID = "="


def records_of(file: Path) -> list[list[Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def outcome_of(written: Any) -> list[Any]:
    """Return a line, or the data of a plan file, with `"="` and its text, or with three values for each error."""
    try:
        return [written, VALID, str(ps.parse(written)) if isinstance(written, str) else ps.loads(written).text]
    except ConfigError as error:
        return [written, *(entry for problem in error.problems for entry in (problem.code, problem.path, ""))]
    except InvalidArgument as error:
        return [written, error.problem.code, "", error.problem.argument or ""]


@pytest.mark.parametrize("file", [LINES, PLANS], ids=lambda file: file.stem)
@pytest.mark.filterwarnings("ignore")
def test_each_recorded_input_has_the_recorded_outcome(file: Path) -> None:
    records = records_of(file)

    actual = [outcome_of(written) for written, *_ in records]

    assert [pair for pair in zip(actual, records, strict=True) if pair[0] != pair[1]] == []


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for path in (LINES, PLANS):
        rows = [outcome_of(written) for written, *_ in records_of(path)]
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
