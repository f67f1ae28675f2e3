"""Time and memory are bounded by the size of the input; excessive input raises an error of paramsched."""

import copy
import pickle
import sys
import time
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import settings

import paramsched as ps
from paramsched.core.plan import Plan
from paramsched.core.schedules.schedule import MOST_NESTED
from paramsched.errors import InvalidArgument
from support import extreme_lines, programs
from support.tables import table

pytestmark = pytest.mark.heavy

WRAPS = {
    "shift": lambda s: ps.shapes.shift(s, 1),
    "chain": lambda s: ps.shapes.chain(s),
    "window": lambda s: ps.shapes.window(s, 0, 5000),
    "minimum": lambda s: ps.minimum(s, 1.0),
    "clamp": lambda s: ps.clamp(s, low=0.0),
    "every": lambda s: ps.every(s, 2),
    "restarts": lambda s: ps.restarts(s, 500, 1),
    "negative": lambda s: -(1 + s),
    "sequence": lambda s: ps.shapes.chain(ps.warmup(1) >> s),
}


@pytest.mark.parametrize("schedule", [ps.step(1), ps.every(ps.cosine(over=10**12), 2), ps.shapes.cyclic(3)])
def test_too_many_breakpoints_are_rejected(schedule, monkeypatch):
    monkeypatch.setattr("paramsched.core.schedules.schedule._MAX_POINTS", 1000)

    with pytest.raises(InvalidArgument, match="more than 1000 points"):
        schedule.breakpoints(10**12)


@pytest.mark.parametrize("name", WRAPS)
def test_schedules_of_maximum_depth_work_in_every_operation(name):
    schedule = ps.linear(over=5)
    refusal = None
    while refusal is None and schedule.depth < 300:
        try:
            schedule = WRAPS[name](schedule)
        except InvalidArgument as error:
            refusal = error
    plan = ps.Plan(lr=schedule, total=10_000)

    assert pickle.loads(pickle.dumps(schedule)) == copy.copy(schedule) == schedule
    assert Plan.of_text(plan.text) == plan
    assert MOST_NESTED - 2 <= schedule.depth <= MOST_NESTED
    assert refusal.problem.found == f"schedules nested more than {MOST_NESTED} deep"
    assert np.isfinite(plan.resolve().bindings[0].schedule(np.arange(10))).all()


itself: list = []
itself.append(itself)


@table(
    ("schedule", "expected"),
    [
        (ps.stairs(1, 0, 10**12, over=5), (0, 1, 2, 3, 4, 5)),
        (ps.stairs(1, 0, 10**12, over=5) >> ps.constant(), (0, 1, 2, 3, 4, 5, 9)),
        (ps.skip(ps.restarts(ps.step(4), 10**9), 10**9 - 3), (0, 3, 7, 9)),
        (ps.table([1.0, 0.5], every=4), (0, 4, 8)),
    ],
)
def test_breakpoints_are_computed_only_up_to_the_requested_update(schedule, expected):
    assert schedule.breakpoints(until=9) == expected


def test_plans_of_any_length_are_compared_at_selected_updates():
    (change,) = ps.diff(ps.Plan(lr=ps.cosine()), ps.Plan(lr=ps.cosine(to=0.1)), total=10**15)

    assert change.by == pytest.approx(0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit of the address space")
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
def test_short_lines_with_extreme_numbers_stay_within_two_seconds_and_200_megabytes(seed):
    count = 20 * settings().max_examples

    result = programs.run([extreme_lines.__file__, str(seed), str(count)])

    assert (result.returncode, result.stderr) == (0, "")
    *problems, summary = result.stdout.splitlines()
    assert not problems, "\n".join(problems)
    assert int(summary.split()[0]) > count / 3  # not all lines are refused


LONG_RUNS = [
    ("restarts(stairs(1.0, 0.5, 2), times=200, mult=1.01)", 10**6),
    ("restarts(linear(), times=3000, mult=1.001)", 10**7),
    ("overlay(warmup(2000000000), stairs(0.1, 1.0, 1000000000, over=1000000000))", 10**12),
    ('(every(linear(2.0, 0.1, over=0), 1, 3)) * restarts(power_law(0.5, 1), "100%", times=1000000000000)', 10**12),
    (" * ".join(f"restarts(cosine(), {size}, mult=1.001)" for size in (6, 14, 18, 5, 1, 7, 19)), 10**9),
    (" * ".join(["step(10)"] * 27), 100_000),
    ("restarts(" * 20 + "step(1)" + ", 1)" * 20, 10**9),
]


@table(("line", "total"), LONG_RUNS)
@pytest.mark.filterwarnings("ignore:.* of the total, so the run ends first")
@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
def test_a_long_run_of_a_short_line_is_checked_started_and_compared_at_a_few_updates(line, total):
    plan = ps.Plan(lr=line, total=total)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    begin = time.process_time()

    ps.check(plan)
    ps.Scheduler(optimizer, plan)
    ps.diff(plan, ps.Plan(lr="cosine()", total=total), steps_per_epoch=1)

    assert time.process_time() - begin < 3  # a second each
    assert ps.loads(ps.dump(plan.resolve())) == plan.resolve()


def test_nested_cycles_of_parts_of_a_token_are_checked_in_a_second():
    line = "cosine_restarts(7, 1.001)"
    cycles = [
        ("1.1M tokens", "1e18"), (4097, "1.0123456789012345"), ("0.001%", "1e18"), ("1e-9 epochs", "1.01"),
        ("1.1M tokens", "1.5"), ("33.3%", "1.01"), ("1/3 tokens", "1e18"), (4097, "1"),
    ]  # fmt: skip
    for period, mult in cycles:
        line = f"restarts({line}, {period!r}, mult={mult})"
    plan = ps.Plan(lr=line, total="1e12 tokens", clock="tokens")
    begin = time.process_time()

    ps.check(plan, steps_per_epoch=12345, tokens_per_step=1000)

    assert time.process_time() - begin < 3  # a second, on a machine that does nothing else


@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
def test_a_start_on_a_clock_of_amounts_takes_no_memory_for_each_update():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    plan = ps.Plan(lr="exponential(0.999999, 10000)", clock="tokens", total=10**12)
    tracemalloc.start()

    ps.Scheduler(optimizer, plan, tokens_per_step=1000)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6
