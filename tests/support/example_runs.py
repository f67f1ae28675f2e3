"""An example run as a user runs it: in a process of its own, which a test may kill."""

import os
import random
import subprocess
import time
from pathlib import Path

from support import programs
from support.programs import Program

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PARAMSCHED_KILLS", "1"))


def environment() -> dict[str, str]:
    """The environment of a run: the library is that of this checkout."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT / "src")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def start(script: Path, output: Path, *arguments: str) -> Program:
    """Begin to train into a folder."""
    return Program([str(script), "--output", str(output), *arguments], env=environment())


def run(script: Path, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Train to the end."""
    return programs.run([str(script), "--output", str(output), *arguments], env=environment())


def wait_for_checkpoint(process: Program, output: Path) -> None:
    """Wait until there is one, or until the process has ended."""
    while process.poll() is None and not (output / "checkpoint.pt").exists():
        time.sleep(0.005)


def kill_at_random(process: Program, output: Path, number: int, seconds: float) -> None:
    """Kill a run that takes so long at a moment that its number says, every other time while it trains."""
    if number % 2 == 0:  # imports are half of so short a run
        wait_for_checkpoint(process, output)
        seconds /= 2
    try:
        process.communicate(timeout=random.Random(number).uniform(0, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
