"""Collect a row per engine and kind of training; `PARAMSCHED_ENGINE_TABLE=1` writes them to tests/engines/table.md."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[1] / "engines" / "table.md"
HEAD = """\
# Exact updates in every engine

The tests write this table: `PARAMSCHED_ENGINE_TABLE=1 make full ARGS="tests/engines tests/mmengine"`, where DeepSpeed
is installed too. Each cell contains *updates whose values equal the plan's trace bit for bit / completed updates*,
for the learning rate, weight decay and `betas[0]` of two groups. In a column with *skip*, one update per epoch has
infinite gradients, and a `GradScaler` skips it. *tokens*: the plan's clock counts tokens, the engine or the loop
reports the tokens of each batch, and accumulation is 4. *ramp*: the plan sets the batch size, which grows. "–": not
available in this engine, or shown in its first row.

| engine, wiring | processes | accumulation 1 | accumulation 4 | 1, skip | 4, skip | tokens | tokens, skip | ramp |
|---|---|---|---|---|---|---|---|---|
"""
RESUMED = """
## Resumed

The plan counts tokens, with accumulation 4 in one process (skorch, and MMEngine by samples: 1). A run stops after its
first part, and new objects resume it from the engine's own checkpoint. Each cell contains *exact updates / completed
updates* of both parts.

| engine | updates |
|---|---|
"""


@pytest.fixture
def check_resumed(record_property: Any) -> Any:
    """Return a function that compares a resumed run with its plan and records the row of the engine."""

    def check(engine: str, used: Sequence[Any], planned: Sequence[Any], update_count: int) -> None:
        exact = sum(values == right for values, right in zip(used, planned, strict=True))
        line = f"| {engine} | {exact} / {len(used)} |"
        record_property("resumed_row", line)

        assert (exact, len(used)) == (update_count, update_count)
        if os.environ.get("PARAMSCHED_ENGINE_TABLE") != "1":
            assert line in PAGE.read_text(encoding="utf-8").splitlines(), f"{PAGE.name} says how it is written anew"

    return check


@pytest.fixture
def add_row(record_property: Any) -> Any:
    """Return a function that records a row of the table."""
    return lambda line: record_property("engine_row", line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the rows, from the process that has all reports."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("PARAMSCHED_ENGINE_TABLE") != "1" or reporter is None or hasattr(session.config, "workerinput"):
        return
    noted = {
        (name, value)
        for reports in reporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
    }
    rows, resumed = (
        sorted(value for name, value in noted if name == property_name)
        for property_name in ("engine_row", "resumed_row")
    )
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(HEAD + "\n".join(rows) + "\n" + RESUMED + "\n".join(resumed) + "\n", encoding="utf-8")
