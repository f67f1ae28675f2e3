"""Open levels: stages connect, and a written level is another value. What could mean two levels is refused."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.definition import Over, planner
from paramsched.core.schedules.span import PlannedSchedule, Span
from paramsched.core.time import Duration
from support.tables import table

RUN = ps.RunFacts(total=100, steps_per_epoch=10)

CONNECTED = {
    "cosine(to=0.1, over=80) >> linear(over=20)": {79: 0.1003469, 80: 0.1, 90: 0.05, 100: 0},
    "0.1 * warmup(20) >> cosine(over=80)": {10: 0.05, 20: 0.1, 60: 0.05, 100: 0},
    "warmup(10) >> 0.5 * cosine(over=90)": {5: 0.25, 10: 0.5, 100: 0},
    "warmup(10) >> cosine(start=0.5, over=90)": {5: 0.25, 10: 0.5},
    "warmup(10) >> exponential(0.9)": {5: 0.5, 10: 1, 11: 0.9},
    "warmup(10) >> constant(over=40) >> linear(over=50)": {5: 0.5, 10: 1, 49: 1, 75: 0.5},
    "warmup(10, to=0.5) >> constant(over=40) >> linear(over=50)": {5: 0.25, 10: 0.5, 49: 0.5, 75: 0.25},
    "constant(over=10) >> warmup(5) >> cosine(over=85)": {0: 1, 12: 1, 15: 1},
    "constant(0, over=10) >> warmup(5) >> cosine(over=85)": {5: 0, 12: 0.4, 15: 1},
    "constant(1, over=10) >> cosine(over=90)": {5: 1, 10: 1, 55: 0.5},
    "cosine(to=0.2, over=50) >> warmup(10) >> constant()": {50: 0.2, 55: 0.6, 60: 1},
    "cosine(to=0.2, over=50) >> warmup(10) >> linear(start=0.4, over=40)": {55: 0.3, 60: 0.4},
    "warmup(10) >> warmup(10) >> cosine(over=80)": {5: 0.5, 10: 1, 15: 1},
    "linear(to=0.5, over=50) >> constant(over=20) >> polynomial(2, over=30)": {50: 0.5, 69: 0.5, 85: 0.125},
    "linear(to=0.25, over=50) >> geometric(to=0.0625, over=50)": {50: 0.25, 75: 0.125, 100: 0.0625},
    "step(10, 0.5) * constant(over=20) >> linear(over=80)": {15: 0.5, 20: 0.25, 60: 0.125},
    "window(inverse_sqrt(10), end=30) >> cooldown(70)": {30: 0.5, 65: 0.25},
    "take(cosine(over=100), 50) >> linear(over=50)": {50: 0.5, 75: 0.25},
    "overlay(warmup(20), linear(over=100))": {10: 0.4, 20: 0.8, 60: 0.4},
    "warmup(10) >> linear(start=0.5, over=90, index='(t+1)/n')": {5: 0.25, 10: 0.5 * 89 / 90},
    "warmup(10) >> 0.5 * linear(over=90, index='(t+1)/n')": {5: 0.25, 10: 0.5 * 89 / 90},
    "warmup(10) >> take(linear(over=90, index='(t+1)/n'), 80)": {5: 0.5, 10: 89 / 90},
    "linear(to=0.5, over=50, index='(t+1)/n') >> constant()": {49: 0.5, 50: 0.5},
    "cosine(to=absolute(0.2), over=50) >> linear(over=50)": {50: 0.2, 75: 0.1},
    "0.5 * (warmup(10) >> cosine(to=0.1, over=40) >> linear(over=50))": {10: 0.5, 50: 0.05, 75: 0.025},
    "linear(to=0.5, over=50) >> restarts(linear(over=25), 25)": {50: 1, 75: 1},
    "linear(to=0.5, over=50) >> 2 * linear(over=50)": {50: 2, 75: 1},
    "minimum(linear(to=0.5, over=50), 0.8) >> linear(over=50)": {10: 0.8, 50: 0.5, 75: 0.25},
    "linear(0.9, 0.6, over=50) >> linear(0.3, 0.2, over=0) >> linear(over=50)": {50: 0.6, 75: 0.3},
    "constant(7, over=0) >> linear(over=100)": {0: 1, 50: 0.5},
    "restarts(exponential(0.5, 5) * constant(over='2.5 steps') >> linear(over='2.4 steps'), '4.9 steps')": {
        3: 0.5**0.5 * (1 - 0.5 / 2.4),
        7: 0.5 ** (2.1 / 5),
    },
}


@table(("line", "values"), list(CONNECTED.items()))
def test_a_stage_begins_where_the_stage_before_ends(line, values):
    schedule = ps.parse(line)
    resolved = ps.resolve(schedule, facts=RUN)

    for t, value in values.items():
        assert schedule(t) == pytest.approx(value, rel=1e-6, abs=1e-12), t
    times = np.arange(120)
    assert schedule(times).tobytes() == resolved(times).tobytes()
    assert ps.resolve(ps.parse(str(resolved)), facts=RUN) == resolved


@table("base", [1.0, 0.1, 3e-4, -0.5, 0.0])
@pytest.mark.parametrize(
    "before", ["inverse_sqrt(37)", "exponential(0.99)", "cosine(0.9, 0.17, 1000)", "noam(512, 40)"]
)
def test_a_stage_starts_at_exactly_the_float_at_which_the_stage_before_ends(before, base):
    schedule = ps.resolve(ps.parse(f"window({before}, end=77) >> linear(over=10)"), facts=RUN)

    assert schedule(77, base) == schedule.args["stages"][0](77, base)
    assert np.array_equal(schedule(np.arange(77), base), schedule.args["stages"][0](np.arange(77), base))


def test_a_schedule_that_cannot_be_resolved_is_not_resolved():
    schedule = ps.parse("geometric(to=-1.0, over=10)")

    with pytest.raises(ps.errors.InvalidArgument):
        ps.resolve(schedule, facts=RUN)
    assert not schedule.is_resolved


WRITTEN = [
    ("cosine()", "cosine(start=1.0)"),
    ("linear(over=20)", "linear(start=1.0, over=20)"),
    ("warmup(20)", "warmup(20, 0.0)"),
    ("warmup(20)", "warmup(20, to=1.0)"),
    ("warmup(20, 0.1)", "warmup(20, 0.1, 1.0)"),
    ("constant()", "constant(1.0)"),
    ("geometric()", "anneal(1.0, 0.01, curve=curves.exponential(0.01))"),
    ("linear(over=20)", "linear(0.1, 1.0, 20)"),
]


@table(("open_text", "written_text"), WRITTEN)
def test_a_written_level_is_printed_and_is_another_value(open_text, written_text):
    opened = ps.parse(open_text)
    written = ps.parse(written_text)

    assert (str(opened), str(written)) == (open_text, written_text)
    assert opened != written
    for schedule in (opened, written):
        assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == ps.parse(str(schedule)) == schedule
        plan = ps.Plan(lr=schedule)
        assert ps.loads(ps.dump(plan)) == ps.Plan.of_text(plan.text) == plan


REFUSED = {  # the line with a place for the start; what continues and what begins anew, and its levels
    "constant(0.1, over=10) >> cosine({}over=90)": {"start=0.1": 0.1, "start=1.0": 1},
    "constant(0.1, over=10) >> warmup(5{}) >> cosine(over=85)": {"start=0.1": 0.1, "start=0.0": 0},
    "constant(0.1, over=10) >> constant({}over=90)": {"value=0.1": 0.1, "value=1.0": 1},
    "constant(0.1, over=10) >> geometric({}over=90)": {"start=0.1": 0.1, "start=1.0": 1},
    "constant(2, over=10) >> polynomial(2, {}over=90)": {"start=2.0": 2, "start=1.0": 1},
    "constant(absolute(0.3), over=10) >> linear({}over=90)": {"start=absolute(0.3)": 0.3, "start=1.0": 1},
    "2 * (constant(0.1, over=10) >> cosine({}over=90))": {"start=0.1": 0.2, "start=1.0": 2},
    "take(constant(0.1), 10) >> cosine({}over=90)": {"start=0.1": 0.1, "start=1.0": 1},
    "take(warmup(5) >> constant(0.1), 10) >> cosine({}over=90)": {"start=0.1": 0.1, "start=1.0": 1},
    "constant(0.1, over=10) >> overlay(warmup(5{}), cosine(over=90))": {"start=0.1": 0.1, "start=0.0": 0},
    "restarts(constant(0.1, over=10) >> linear({}over=10), 20)": {"start=0.1": 0.1, "start=1.0": 1},
    "absolute(constant(0.1, over=10) >> linear({}over=90))": {"start=0.1": 0.1, "start=1.0": 1},
}


@table(("line", "levels"), list(REFUSED.items()))
def test_an_open_start_after_a_written_constant_is_refused_with_both_levels(line, levels):
    with pytest.raises(ps.errors.AmbiguousLevel) as refused:
        ps.resolve(ps.parse(line.format("")), facts=RUN)

    for fragment, level in levels.items():
        assert f"{fragment} to " in refused.value.problem.advice
        written = f", {fragment}" if "5{}" in line else f"{fragment}, "
        assert ps.resolve(ps.parse(line.format(written)), facts=RUN)(10) == pytest.approx(level)


@table("form", ["yaml", "python"])
def test_a_change_of_a_constant_is_refused_with_both_levels(form):
    plan = ps.Plan(lr="warmup(5) >> constant(0.1)", total=100)
    if form == "yaml":
        plan = ps.loads(ps.dump(plan))

    with pytest.raises(ps.errors.AmbiguousLevel) as refused:
        plan.change(50, lr="linear()").resolve()

    for level in (0.1, 1.0):
        assert f"start={level} to " in refused.value.problem.advice
        assert plan.change(50, lr=f"linear(start={level})").resolve().bindings[0].schedule(50) == level


def test_a_line_that_follows_another_keeps_its_levels_beside_other_stages():
    plan = ps.Plan(lr="cosine()", weight_decay='constant(0.5, over=50) >> like("lr")', total=100)

    _, line = plan.resolve().bindings

    assert (line.schedule(49), line.schedule(50), line.schedule(75)) == (0.5, 1.0, pytest.approx(0.5))


def test_scaling_keeps_the_level_at_which_a_changed_plan_continues():
    plan = ps.Plan(lr="cosine(to=0.2, over=50) >> constant()", total=100).change(60, lr="linear()")

    values = ps.trace(plan.scale(80, lr=0.5), {"lr": 1.0})["lr"]

    assert values[[59, 60, 70, 79]].tolist() == pytest.approx([0.2, 0.2, 0.15, 0.105])
    assert values[[80, 90]].tolist() == pytest.approx([0.05, 0.025])


# ---- levels that are not known


@planner(hidden=True, affine=False)
def squared_base(call: Schedule, span: Span, over: Over) -> PlannedSchedule:
    """value(t) = base squared."""
    length = span.exact_length(over)
    return PlannedSchedule(
        call.with_args(over=Duration.of_updates(length)),
        length,
        Fraction(0),
        lambda t, base: 0 * t + base.value**2,
    )


UNKNOWN = [
    ps.parse("minimum(cosine(over=10), absolute(0.1)) >> linear(over=10)"),
    ps.parse("clamp(cosine(over=10), absolute(0.1)) >> constant()"),
    ps.parse("warmup(10) >> maximum(cosine(over=10), absolute(0.1))"),
    ps.parse("window(exponential(1e9), end=90) >> linear(over=10)"),
    squared_base(10) >> ps.linear(over=10),
]


@table("schedule", UNKNOWN)
def test_a_level_that_is_not_known_must_be_written(schedule):
    with pytest.raises(ps.errors.InvalidArgument) as refused:
        ps.resolve(schedule, facts=RUN)

    name, _, level = refused.value.problem.advice.rpartition(" ")[2].partition("=")
    place = 0 if name == "to" else 1
    stages = list(schedule.args["stages"])
    stages[place] = stages[place].with_args(**{name: float(level)})
    ps.resolve(stages[0] >> stages[1], facts=RUN)
