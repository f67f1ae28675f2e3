"""Processes of a test: each runs a module of this folder with the arguments of its rank."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from support.programs import Program

TESTS = Path(__file__).parents[2]


def start(module: str, *arguments: object, **variables: str) -> Program:
    """Start a module of this folder; the variables are added to the environment."""
    paths = [str(TESTS.parent / "src"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"} | variables
    return Program(["-m", f"core.run.{module}", *map(str, arguments)], env=environment)


def run(module: str, ranks: Iterable[Sequence[object]]) -> None:
    """Run a process with each of these arguments to the end; require that none fails."""
    started = [start(module, *arguments) for arguments in ranks]
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0] * len(started), said


def results(folder: Path, count: int) -> list[Any]:
    """Return what each rank wrote to `<rank>.json`."""
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(count)]
