"""The room `run/` has no circle of files, and an update runs a few of its lines."""

import ast
import json
from pathlib import Path

import pytest

from support import programs
from support.example_runs import environment
from support.source import tree_of

LIBRARY = Path(__file__).parents[3] / "src" / "paramsched"
FILES = sorted((LIBRARY / "core" / "run").glob("*.py"))


def imports_of(tree):
    """Return the modules of the package that a file imports anywhere, also in functions or for types only."""
    found = (node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    return {name.removeprefix("paramsched.core.run.") for name in found if name.startswith("paramsched.core.run.")}


def test_no_file_of_the_room_imports_one_that_imports_it():
    trees = {file.stem: tree_of(file) for file in FILES}
    left = {name: imports_of(tree) for name, tree in trees.items()}

    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        left = {name: imported for name, imported in left.items() if name not in free}
    assert left == {}, "a circle of files"


TRACED = """
import json, sys, torch, paramsched as ps
def made(to=0.1):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1), ps.Plan(lr=ps.warmup(5) >> ps.cosine(to=to))
def lines_of(call):
    found = set()
    def of_line(frame, event, _):
        found.add((frame.f_code.co_filename, frame.f_lineno)) if event == "line" else None
        return of_line
    sys.settrace(lambda frame, event, _: of_line if "paramsched" in frame.f_code.co_filename else None)
    call()
    sys.settrace(None)
    return sorted(found)
state = ps.Scheduler(*made(), total=100).state_dict()
optimizer, plan = made()
print(json.dumps(lines_of(lambda: ps.Scheduler(optimizer, plan, total=100))))
changed = ps.Scheduler(*made(0.2), total=100)
print(json.dumps(lines_of(lambda: changed.load_state_dict(state))))
"""


@pytest.mark.heavy
def test_the_start_of_a_plain_run_is_short_and_so_is_a_resume_with_another_plan():
    ran = programs.run(["-c", TRACED], env=environment())
    assert ran.returncode == 0, ran.stderr
    # The rules warn, and determine no value.
    lines, resumed = ([one for one in json.loads(row) if "/rules/" not in one[0]] for row in ran.stdout.splitlines())
    heart = {file for file, _ in lines if Path(file).parent.name == "scheduler"}

    # A plain start must not load the parts that only other runs need: what a reader must read to trust a run.
    # The record in the optimizer's checkpoint is read by one path, so a start needs the file of the saved state too.
    assert (len(heart) <= 16, len({file for file, _ in lines}) <= 45) == (True, True)
    assert (len(lines) <= 1050, len(resumed) <= 950) == (True, True)
