"""The history that the Trainer of transformers writes beside its checkpoints, `trainer_state.json`."""

import json
from pathlib import Path
from typing import Any

from paramsched._fault import printable
from paramsched.audit.log_values import LoggedValues, UnreadableLog, make_column, path_text, update_number

_NAME_OF_FIELD = {"lr": "learning_rate"}
_INSTEAD = "Give trainer_state.json of a checkpoint, whose log_history has learning_rate"


def is_trainer_state(file: Path) -> bool:
    """Whether a file is one by its name or its begin: JSONL is a whole object in its first line."""
    if file.name == "trainer_state.json":
        return True
    with file.open("rb") as stream:
        head = stream.read(65536)
    return file.suffix == ".json" and head.lstrip()[:1] == b"{" and b'"log_history"' in head


def read_trainer_state(file: Path, fields: tuple[str, ...]) -> LoggedValues:
    """The fields that its rows have, by the step that they were logged at.

    Raises:
        UnreadableLog: no such file, or none of the fields in it.
    """
    rows = history_rows(file)
    made = []
    for field in fields:
        name = _NAME_OF_FIELD.get(field, field)
        said: list[tuple[int, Any]] = [
            (update_number(row.get("step"), file), row[name]) for row in rows if row.get(name) is not None
        ]
        if said:
            made.append(make_column(field, 0, said, file))
    if not made:
        raise UnreadableLog(path_text(file), f"no row has {', '.join(fields)}", _INSTEAD)
    return LoggedValues(path_text(file), tuple(made), (None,))


def history_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of its history; numbers stay the text they are written in.

    Raises:
        UnreadableLog: no such file.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"), parse_float=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableLog(path_text(file), f"no JSON ({printable(str(error))[:200]})", _INSTEAD) from None
    rows = data.get("log_history") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableLog(path_text(file), "no log_history of objects", _INSTEAD)
    return rows
