"""An example run as a user runs it: in a process of its own, which a test may kill."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PARAMSCHED_KILLS", "1"))


def environment() -> dict[str, str]:
    """The environment of a run: the library is that of this checkout."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT / "src")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def start(script: Path, output: Path, *arguments: str) -> subprocess.Popen[str]:
    """Begin to train into a folder."""
    return subprocess.Popen(
        [sys.executable, str(script), "--output", str(output), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(),
        # A test run in the background of a script ignores Ctrl-C, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(script: Path, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Train to the end."""
    process = start(script, output, *arguments)
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def wait_for_checkpoint(process: subprocess.Popen[str], output: Path) -> None:
    """Wait until there is one, or until the process has ended."""
    while process.poll() is None and not (output / "checkpoint.pt").exists():
        time.sleep(0.005)


def kill_at_random(process: subprocess.Popen[str], output: Path, number: int, seconds: float) -> None:
    """Kill a run that takes so long at a moment that its number says, every other time while it trains."""
    if number % 2 == 0:  # imports are half of so short a run
        wait_for_checkpoint(process, output)
        seconds /= 2
    try:
        process.communicate(timeout=random.Random(number).uniform(0, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
