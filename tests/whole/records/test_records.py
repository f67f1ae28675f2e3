"""What is read from each recorded input: the text of a valid one, or the code, the path and the argument of each error.

The inputs are those of the tests, the docstrings and the pages. Messages may change; a recorded outcome changes only
with a reason. To write the files again after such a change: `python tests/whole/records/test_records.py`.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.readings import Outcome, outcome_of_line, outcome_of_plan
from support.spread import every

READERS: dict[str, Callable[[Any], Outcome | None]] = {
    "lines": outcome_of_line,
    "plans": outcome_of_plan,
}
SLICES = 8  # of the records, of which `make test` reads one


def file_of(kind: str) -> Path:
    return Path(__file__).with_name(f"{kind}.jsonl")


def records_of(kind: str) -> list[list[Any]]:
    with file_of(kind).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("number", every(SLICES, range(SLICES)))
@pytest.mark.parametrize("kind", READERS)
@pytest.mark.filterwarnings("ignore")
def test_each_recorded_input_has_the_recorded_outcome(kind: str, number: int) -> None:
    records = records_of(kind)[number::SLICES]

    found = [[given, *(READERS[kind](given) or ["not read"])] for given, *_ in records]

    assert [pair for pair in zip(found, records, strict=True) if pair[0] != pair[1]] == []


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, read in READERS.items():
        rows = [[given, *(read(given) or ["not read"])] for given, *_ in records_of(name)]
        file_of(name).write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
