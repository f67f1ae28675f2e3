"""The plain loop of the examples: nothing is called but the constructor, and planned equals used."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "plain_loop.py"


def test_the_plain_loop_uses_exactly_what_is_planned():
    ran = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True)

    assert "planned = used at 160 of 160 updates" in ran.stdout


def test_the_plain_loop_calls_the_scheduler_nowhere_but_in_its_constructor():
    text = EXAMPLE.read_text()

    assert text.count("Scheduler(") == 1
    assert "scheduler." not in text
