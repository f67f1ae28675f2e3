"""The whole message of each recorded wrong input: what is wrong, and the line to write or an example.

The inputs are a choice of the records that executes the same lines of `core/advice`, `core/plan` and `core/schedules`
as all of them. To write the file again after a change of messages: `python tests/whole/records/test_messages.py`.
"""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.core import files as config
from paramsched.errors import ConfigError, InvalidArgument
from support.readings import called

FILE = Path(__file__).with_name("messages.jsonl")
READERS: dict[str, Callable[[Any], object]] = {
    "line": ps.parse,
    "plan": lambda data: config.loads(data, format="native"),
    "call": called,
}


def message_of(kind: str, given: Any) -> str:
    try:
        READERS[kind](given)
    except (InvalidArgument, ConfigError) as error:
        return str(error).replace(f"{Path.cwd()}{os.sep}", "")  # a file is named with its folder
    return "valid"


def records() -> list[list[Any]]:
    return [json.loads(row) for row in FILE.read_text("utf-8").splitlines()]


@pytest.mark.filterwarnings("ignore")
def test_each_wrong_input_has_its_message() -> None:
    expected = records()

    found = [[kind, given, message_of(kind, given)] for kind, given, _ in expected]

    assert [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]] == []


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    rows = [[kind, given, message_of(kind, given)] for kind, given, _ in records()]
    FILE.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
