"""The plain loop of the examples: it only constructs the scheduler, and it uses the planned values."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "plain_loop.py"


def test_the_plain_loop_uses_exactly_the_planned_values():
    ran = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True)

    assert "planned = used at 160 of 160 updates" in ran.stdout


def test_the_plain_loop_only_constructs_the_scheduler():
    text = EXAMPLE.read_text()

    assert text.count("Scheduler(") == 1
    assert "scheduler." not in text
