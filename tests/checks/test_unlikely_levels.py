"""Which multiples of base were probably meant in another sense, with the fragment to write; and lines that are right.

`PYTHONPATH=tests python tests/checks/test_unlikely_levels.py` writes `unlikely_levels.txt`.
"""

from pathlib import Path

import paramsched as ps
from support.advice import shown
from support.levels import problem_of_levels
from support.tables import table

FILE = Path(__file__).with_name("unlikely_levels.txt")
TITLE, *ROWS = FILE.read_text("utf-8").splitlines()


def problem_of(text, base, **facts):
    """Return the problem of the levels of a line in a run of 100 updates, without that of its floor."""
    (binding,) = ps.loads(text).bindings
    return problem_of_levels(binding, (base,) * (base is not None), **(facts or {"total": 100, "steps_per_epoch": 10}))


def problem_in_any_run(text, base=None):
    (binding,) = ps.loads(text).bindings
    return problem_of_levels(binding, (base,) * (base is not None))


def answer_to(row):
    line = row.split(" |")[0]
    problem = problem_of(line, 0.5)
    return f"{line} | {'' if problem is None else shown(problem)}".rstrip()


@table("row", ROWS)
def test_a_line_is_reported_with_its_values_and_the_fragment_to_write(row):
    assert answer_to(row) == row


@table(
    "stage",
    [
        "constant(0.0009)",
        "linear(0.0009, 0.0001)",
        "0.0009 * cosine()",
        "0.0009 * cosine() * step(10)",
        "table([0.0009, 0.0004])",
        "restarts(cosine(start=0.0009), 10)",
    ],
)
def test_a_stage_of_small_levels_is_right_if_it_continues_the_stage_before(stage):
    assert problem_of(f"lr: linear(1, 0.001, over=50) >> {stage}", 0.5) is None
    assert problem_of(f"lr: linear(1, 0.5, over=50) >> {stage}", 0.5) is not None


def test_a_target_and_a_base_of_0_have_no_trap_of_levels():
    assert problem_in_any_run("targets: {temperature: {initial: 1.0, schedule: 'constant(0.0001)'}}") is None
    assert problem_in_any_run("lr: constant(0.0001)", 0.0) is None


@table("length", ["10000 steps", "100 epochs", "10000 samples", "10000 tokens", "100%"])
def test_the_run_of_such_a_sum_converts_every_unit(length):
    whole = f"lr: warmup('{length}') + linear()"  # the sum of both is 1 at every update
    half = f"lr: warmup('{length}') + linear(over='200 epochs') + constant(0.0, over=5)"

    assert problem_in_any_run(whole) is None
    assert problem_in_any_run(half) is not None


if __name__ == "__main__":
    FILE.write_text("\n".join([TITLE, *map(answer_to, ROWS)]) + "\n", "utf-8")
