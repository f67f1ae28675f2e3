"""Calls of `paramsched resume` in this process."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from paramsched.cli import main


def resume(checkpoint: Path, *options: object) -> dict[str, Any]:
    """Return the JSON of the command, and its exit code as `exit`; without JSON, what it printed as `text`."""
    result = CliRunner().invoke(main, ["resume", str(checkpoint), "--json", *map(str, options)])
    try:
        return {**json.loads(result.stdout), "exit": result.exit_code}
    except ValueError:
        return {"text": result.output, "exit": result.exit_code}


def values(report: dict[str, Any], field: str = "lr", group: object = 0) -> list[float]:
    """Return the values of a field of a group, one for each update."""
    assert "rows" in report, report
    return [row["value"] for row in report["rows"] if (row["field"], row["group"]) == (field, group)]
