"""Examples in separate processes, as a user runs them; a test may kill the process."""

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
    """Return the environment of a run, in which the library is that of this checkout."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT / "src")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def start(script: Path, output: Path, *arguments: str) -> Program:
    """Start training into a folder."""
    return Program([str(script), "--output", str(output), *arguments], env=environment())


def run(script: Path, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Train to the end."""
    return programs.run([str(script), "--output", str(output), *arguments], env=environment())


def wait_for_checkpoint(process: Program, output: Path) -> None:
    """Wait until there is a checkpoint, or until the process has ended."""
    while process.poll() is None and not (output / "checkpoint.pt").exists():
        time.sleep(0.005)


def kill_at_random(process: Program, output: Path, number: int, seconds: float) -> None:
    """Kill a run of `seconds` at a random moment with the seed `number`; for even numbers, after a checkpoint."""
    if number % 2 == 0:  # because imports take half of such a short run
        wait_for_checkpoint(process, output)
        seconds /= 2
    try:
        process.communicate(timeout=random.Random(number).uniform(0, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
