"""`geometric` from base to an absolute value: a line that is not affine, and has values only for a base above 0."""

import copy
import math
import pickle
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.schedules import values_by_base
from paramsched.core.schedules.span import evaluate, rows_at
from support.tables import table
from support.updates import probe, run

BASES = [1e-2, 1.6e-4, 1e-6, 3.0, 1e-300]
TO = 1e-6
INDICES = {"t/n": (0, 0), "(t+1)/n": (1, 0), "(t+1)/(n+1)": (1, 1), "t/(n-1)": (0, -1)}
LINES = [
    "geometric(to=absolute(1e-6))",
    "geometric(0.3, absolute(1e-6), index='(t+1)/n')",
    "warmup(7) >> geometric(to=absolute(1e-6))",
    "warmup(7) >> geometric(0.5, absolute(1e-6), 20) >> cosine()",
    "geometric(to=absolute(1e-5), over=20) >> geometric(to=absolute(1e-7))",
    "2 * geometric(to=absolute(1e-6)) * cosine(to=0.1)",
    "geometric(to=absolute(1e-6)) + linear()",
    "clamp(geometric(to=absolute(1e-9)), low=0.1)",
    "restarts(warmup(2) >> geometric(to=absolute(1e-6)), 11)",
    "take(geometric(to=absolute(1e-6)), 20) >> 0.5 * skip(geometric(to=absolute(1e-6)), 20)",
    "every(geometric(to=absolute(1e-6)), 4)",
    "geometric(to=absolute(1e-6)) * plateau('loss')",
]


@given(st.sampled_from(BASES), st.sampled_from([TO, 0.5]), st.integers(1, 400), st.sampled_from([*INDICES]))
def test_the_values_are_those_of_the_formula(base, to, total, index):
    schedule = ps.resolve(ps.shapes.geometric(to=ps.absolute(to), index=index), total=total)
    later, longer = INDICES[index]
    for t in {0, 1, total // 3, total - 1, total, 2 * total}:
        whole = total + longer
        u = Decimal(min(t + later, whole)) / whole if whole else Decimal(1)
        with localcontext(prec=40):
            exact = (Decimal(base).ln() * (1 - u) + Decimal(to).ln() * u).exp()
        # The rounding of the exponents counts as often as the logarithms of the levels are large.
        assert schedule(t, base) == pytest.approx(
            float(exact), rel=4e-16 * (2 + abs(math.log(base) - math.log(to))), abs=0
        )
        assert min(base, to) <= schedule(t, base) <= max(base, to)


@pytest.mark.parametrize("level", [float, ps.absolute])
@pytest.mark.parametrize("sign", [1, -1])
@example(-12.0, 0.0, 40, "t/n")
@given(st.floats(-300, 0), st.floats(-3, 3), st.integers(2, 400), st.sampled_from([*INDICES]))
def test_a_fall_between_two_levels_keeps_its_digits(level, sign, exponent, size, total, index):
    start = sign * 10**size
    to = sign * 10 ** (size + exponent)
    schedule = ps.shapes.geometric(level(start), level(to), over=total, index=index)
    later, longer = INDICES[index]
    for t in {0, total // 3, 4 * total // 5, total - 1, total}:
        whole = total + longer
        u = Decimal(min(t + later, whole)) / whole
        with localcontext(prec=40):
            exact = Decimal(start) * (Decimal(to) / Decimal(start)) ** u
        assert schedule(t) == pytest.approx(float(exact), rel=4e-16 * (2 + abs(math.log(to / start))), abs=0)


def test_the_values_are_those_of_nerfstudio():
    """`ExponentialDecayScheduler` without a pre-warmup, and 3D Gaussian Splatting's `get_expon_lr_func`."""
    for first, last in ((1.6e-4, 1.6e-6), (1e-2, 1e-4), (5e-4, 1e-6)):
        schedule = ps.resolve(ps.shapes.geometric(to=ps.absolute(last)), total=30_000)
        for step in (0, 1, 777, 15_000, 29_999, 30_000, 40_000):
            t = np.clip(step / 30_000, 0, 1)
            expected = np.exp(np.log(first) * (1 - t) + np.log(last) * t)
            assert schedule(step, first) == pytest.approx(expected, rel=40 * 2.0**-52)


@table("line", LINES[:-1])
def test_a_value_has_the_same_bits_however_it_is_computed(line):
    schedule = ps.resolve(ps.parse(line), total=100)
    times = np.arange(130)
    rows = rows_at(schedule, times, np.array(BASES[:4]))
    together = schedule(times[:, np.newaxis], np.array(BASES[:4]))
    order = np.random.default_rng(0).permutation(times)
    for place, base in enumerate(BASES[:4]):
        values = evaluate(schedule, times, base)
        assert [schedule(int(t), base) for t in times] == values.tolist()
        assert evaluate(schedule, order, base).tolist() == values[order].tolist()
        assert rows[:, place].tolist() == together[:, place].tolist() == values.tolist()
        assert values_by_base(schedule, times)(base).tolist() == values.tolist()


@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
@pytest.mark.parametrize("number_type", [float, torch.tensor])
@table("line", LINES)
def test_a_run_a_seek_and_a_resume_use_the_values_of_the_trace(line, number_type):
    plan = ps.Plan(lr=line, total=60)
    bases = [0.1, 0.003, 0.1]
    start = [
        {"lr": number_type(base) if number_type is float else number_type(base, dtype=torch.float64)} for base in bases
    ]
    optimizer = probe(*copy.deepcopy(start))
    resumed = probe(*copy.deepcopy(start))
    scheduler = ps.Scheduler(optimizer, plan)
    again = ps.Scheduler(resumed, plan)
    run(optimizer, 25)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    run(optimizer, 35)
    run(resumed, 35)

    trace = ps.trace(plan, [{"lr": base} for base in bases])
    expected = [[float(trace["lr", index][t]) for index in range(3)] for t in range(60)]
    assert [[float(group["lr"]) for group in groups] for groups in optimizer.used] == expected
    assert [[float(group["lr"]) for group in groups] for groups in resumed.used] == expected[25:]
    for t in (59, 3, 30):
        scheduler.seek(t)
        again.seek(t)
        assert [scheduler.value("lr", index) for index in range(3)] == expected[t]
        assert [float(group["lr"]) for group in resumed.param_groups] == expected[t]


@table("line", LINES)
def test_it_reads_back_equal(line):
    schedule = ps.Plan(lr=line).bindings[0].schedule
    for version in (schedule, ps.Plan(lr=line, total=60).resolve().bindings[0].schedule):
        plan = ps.Plan(lr=version)
        assert ps.loads(ps.dump(plan)) == ps.Plan.of_text(plan.text) == pickle.loads(pickle.dumps(plan)) == plan


@pytest.mark.parametrize("base", [0.0, -0.1])
@table("line", LINES)
def test_a_base_that_is_not_above_0_is_refused_with_its_group(line, base):
    plan = ps.Plan(lr=line, total=60)
    optimizer = probe({"lr": 0.1}, {"lr": base, "name": "head"})
    before = [dict(group) for group in optimizer.param_groups]

    for attach in (lambda: ps.Scheduler(optimizer, plan), lambda: ps.trace(plan, optimizer)):
        with pytest.raises(ps.errors.PlanError, match="lr of group 'head'"):
            attach()
    assert [dict(group) for group in optimizer.param_groups] == before
    with pytest.raises(ps.errors.InvalidArgument):
        ps.Values({"lr": line}, bases={"lr": base}, total=60)
    problems = ps.check(plan, groups=[{"lr": base}])
    assert [problem.path for problem in problems if problem.severity == "error"] == ["$.lr"]
    ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", line, groups=0), total=60))


@pytest.mark.parametrize("where", ["added", "target", "edited"])
def test_a_base_that_appears_later_is_refused_before_a_write(where):
    plan = ps.Plan(lr=LINES[0], total=60)
    optimizer = probe({"lr": 0.1})
    if where == "target":
        with pytest.raises(ps.errors.PlanError, match="target 'kl'"):
            ps.Scheduler(optimizer, ps.Plan(ps.Binding(ps.Target("kl", 0), LINES[0]), total=9))
        return
    ps.Scheduler(optimizer, plan)
    run(optimizer, 3)
    if where == "added":
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.0})
        with pytest.raises(ps.errors.PlanError, match="lr of group 1"):
            optimizer.step()
        assert optimizer.param_groups[1]["lr"] == 0.0
        return
    state = copy.deepcopy(optimizer.state_dict())
    loaded = probe({"lr": 0.1})
    state["param_groups"][0]["lr"] = 0.0
    loaded.load_state_dict(state)
    with pytest.raises(ps.errors.PlanError, match="lr of group 0"):
        ps.Scheduler(loaded, plan, on_base="code")
    assert loaded.param_groups[0]["lr"] == 0.0
