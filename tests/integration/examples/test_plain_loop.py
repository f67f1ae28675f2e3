<<<<<<< HEAD
"""The plain loop of the examples: it only constructs the scheduler, and it uses the planned values."""
=======
"""The plain loop of the examples: it calls only the constructor, and the used values equal the planned ones."""
>>>>>>> h/ex

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "plain_loop.py"


def test_the_plain_loop_uses_exactly_the_planned_values():
    ran = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True)

    assert "planned = used at 160 of 160 updates" in ran.stdout


<<<<<<< HEAD
def test_the_plain_loop_only_constructs_the_scheduler():
    text = EXAMPLE.read_text()
=======
def test_the_plain_loop_calls_only_the_constructor_of_the_scheduler():
    code = re.sub(r"#.*", "", EXAMPLE.read_text())
>>>>>>> h/ex

    assert code.count("Scheduler(") == 1
    assert "scheduler." not in code
