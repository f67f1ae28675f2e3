"""The plain loop of the examples: it calls only the constructor, and the used values equal the planned ones."""

import re
from pathlib import Path

from support.programs import run

EXAMPLE = Path(__file__).parents[3] / "examples" / "plain_loop.py"


def test_the_plain_loop_uses_exactly_the_planned_values():
    ran = run([str(EXAMPLE)])

    assert ran.returncode == 0, ran.stderr
    assert "planned = used at 160 of 160 updates" in ran.stdout


def test_the_plain_loop_only_constructs_the_scheduler():
    code = re.sub(r"#.*", "", EXAMPLE.read_text())

    assert code.count("Scheduler(") == 1
    assert "scheduler." not in code
