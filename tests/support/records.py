"""The record of a run in a state of a Scheduler or of an optimizer, as data that a test can read and change."""

import json
from collections.abc import Mapping
from typing import Any

KEY = "paramsched"


def record_in(state: Mapping[str, Any], group: int = 0) -> dict[str, Any]:
    """Return the record in a state of a Scheduler or of an optimizer, or in a group."""
    holder = state["param_groups"][group] if "param_groups" in state else state
    record: dict[str, Any] = json.loads(holder[KEY])
    return record


def with_record(state: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy of a state whose record has other entries."""
    if "param_groups" in state:
        first, *rest = state["param_groups"]
        return {**state, "param_groups": [with_record(first, **changes), *rest]}
    return {**state, KEY: json.dumps(record_in(state) | changes)}
