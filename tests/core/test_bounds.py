"""Time and memory are bounded by the size of the input; excessive input raises an error of paramsched."""

import copy
import pickle

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.fields import numeric
from paramsched.core.plan import Plan
from paramsched.core.schedules import rules
from paramsched.core.schedules.leaves import MOST_DEPTH
from paramsched.errors import InvalidArgument, ParamschedError
from support.tables import table

pytestmark = pytest.mark.heavy

HUGE = 10**400
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


def test_a_recurrence_of_a_very_long_run_is_built_and_evaluated_fast():
    schedule = ps.shapes.recurrence(rules.linear(0.1, end=5), rules.exponential(0.9, end=100), until=10**12)

    assert schedule(10**12) == schedule(100) == schedule(99)
    assert str(ps.resolve(ps.shapes.recurrence(rules.step(3)), ps.Calendar(total=10**12))).endswith(
        "until=1000000000000)"
    )


def test_a_recurrence_without_an_end_is_rejected_for_distant_times():
    with pytest.raises(InvalidArgument, match="Give the rules an end"):
        ps.shapes.recurrence(rules.step(3, 0.5), until=10**12)(10**12)


def test_cached_columns_do_not_depend_on_the_order_of_calls():
    made = lambda: ps.shapes.recurrence(rules.linear(0.1, end=5), rules.cosine(over=3000), until=9000)  # noqa: E731

    backwards = made()
    expected = made()(np.arange(9001))

    assert [backwards(t) for t in (8000, 5000, 1024, 1023, 0)] == expected[[8000, 5000, 1024, 1023, 0]].tolist()


def test_a_large_phase_is_evaluated_without_iteration():
    assert ps.every(ps.linear(over=9), 4, phase=999999999999).breakpoints() == (0, 1, 5, 9)


@pytest.mark.parametrize("schedule", [ps.step(1), ps.every(ps.cosine(over=10**12), 2), ps.shapes.cyclic(3)])
def test_too_many_breakpoints_are_rejected(schedule, monkeypatch):
    monkeypatch.setattr("paramsched.core.schedules.base._MAX_POINTS", 1000)

    with pytest.raises(InvalidArgument, match="more than 1000 points"):
        schedule.breakpoints(10**12)


def test_a_trace_that_exceeds_the_memory_is_rejected():
    with pytest.raises(InvalidArgument, match="too many"):
        ps.trace(ps.Plan(lr=ps.cosine(), horizon=10**12), {"lr": 0.1})


@pytest.mark.parametrize("name", WRAPS)
def test_schedules_of_maximum_depth_work_in_every_operation(name):
    schedule, refusal = ps.linear(over=5), None
    while refusal is None and schedule.depth < 300:
        try:
            schedule = WRAPS[name](schedule)
        except InvalidArgument as error:
            refusal = error
    plan = ps.Plan(lr=schedule, horizon=10_000)

    assert pickle.loads(pickle.dumps(schedule)) == copy.copy(schedule) == schedule
    assert Plan.of_text(plan.text) == plan
    assert MOST_DEPTH - 2 <= schedule.depth <= MOST_DEPTH
    assert refusal.found == f"schedules nested more than {MOST_DEPTH} deep"
    assert np.isfinite(plan.resolve(ps.Calendar()).bindings[0].schedule(np.arange(10))).all()


@pytest.mark.parametrize("count", [3, 45, 200])
def test_many_bindings_of_one_field_are_chained(count):
    plan = ps.Plan(*[ps.Binding("lr", ps.linear(1, 0.5, over=i + 1)) for i in range(count)], horizon=1000)

    assert Plan.of_text(plan.text) == plan
    assert ps.trace(plan, {"lr": 1.0})["lr"][999] == 0.5**count


def test_the_text_of_three_chained_bindings_is_stable():
    plan = ps.Plan(*[ps.Binding("lr", ps.linear(over=i)) for i in (1, 2, 3)])

    assert str(plan) == "lr: chain(chain(linear(over=1), linear(over=2)), linear(over=3))"


itself: list = []
itself.append(itself)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ps.cosine(to=HUGE),
        lambda: ps.cosine(over=HUGE),
        lambda: ps.constant(HUGE),
        lambda: HUGE * ps.cosine(),
        lambda: ps.step(10, HUGE),
        lambda: ps.shapes.cosine_restarts(10, HUGE),
        lambda: ps.every(ps.cosine(over=5), 2, HUGE),
        lambda: ps.restarts(ps.cosine(over=5), 5, HUGE),
        lambda: ps.shapes.recurrence(rules.step(HUGE)),
        lambda: ps.shapes.recurrence(rules.step(3, end=float("inf"))),
        lambda: ps.shapes.recurrence(rules.cosine(over=float("nan"))),
        lambda: ps.shapes.recurrence(rules.polynomial(HUGE)),
        lambda: ps.shapes.recurrence(rules.step(3), until=float("inf")),
        lambda: ps.shapes.noam(HUGE, 100),
        lambda: ps.plateau(patience=HUGE),
        lambda: ps.plateau(factor=HUGE),
        lambda: ps.curves.power(HUGE),
        lambda: ps.curves.tanh(-HUGE, HUGE),
        lambda: ps.cosine(over=5)(HUGE),
        lambda: ps.cosine(over=5)(3, HUGE),
        lambda: ps.Calendar(total=HUGE),
        lambda: ps.Calendar(steps_per_epoch=HUGE),
        lambda: ps.Calendar(tokens_per_step=HUGE),
        lambda: ps.Calendar(total="1e18 epochs", steps_per_epoch=10**18),
        lambda: ps.Plan(lr=ps.cosine(), horizon=HUGE),
        lambda: ps.Target("x", HUGE),
        lambda: ps.Target("x", float("nan")),
        lambda: ps.multistep(itself),
        lambda: ps.piecewise(itself),
        lambda: ps.cosine(to=itself),
        lambda: ps.cosine(over=itself),
        lambda: ps.minimum(itself),
        lambda: ps.parse("cosine(over=0x" + "f" * 5000 + ")"),
        lambda: ps.parse("8 >> -1"),
        lambda: ps.parse("'\ud800'"),
        lambda: ps.parse("cosine(curve='\ud800')"),
    ],
)
def test_numbers_and_lists_of_any_size_raise_errors_of_paramsched(make):
    with pytest.raises(ParamschedError) as refusal:
        make()

    assert len(str(refusal.value)) < 600


def test_an_integer_metric_of_any_size_can_be_observed():
    rule = ps.plateau(patience=0)

    assert rule.observe(rule.observe(rule.init(), 1.0), HUGE).factor == 0.1
    assert rule.observe(rule.init(), -HUGE).factor == 0.1


def test_group_keys_that_are_not_text_are_skipped():
    group = {"lr": 0.1, 3: 0.5, (1, 2): 0.1, None: 1.0}

    assert numeric(group) == ["lr"]
    with pytest.raises(ParamschedError, match="unknown field"):
        ps.trace(ps.Plan(rate=ps.cosine(), horizon=5), group)


def test_an_empty_array_of_times_has_no_values():
    for line in ("warmup(10) >> cosine(to=0.1, over=90)", "cosine(start=0.5, to=1.0, over=9)", "linear(0.2, 0.1, 9)"):
        assert ps.parse(line)(np.array([], dtype=int), 0.1).size == 0


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
    (change,) = ps.diff(ps.Plan(lr=ps.cosine()), ps.Plan(lr=ps.cosine(to=0.1)), ps.Calendar(total=10**15))

    assert change.by == pytest.approx(0.1)


@table(
    "make",
    [
        lambda: ps.restarts(ps.cosine(over=10), 10, mult=1e19),
        lambda: ps.linear(over=10)([1, [2, 3]]),
        lambda: ps.linear(over=10)(3, None),
    ],
)
def test_extreme_and_malformed_values_are_rejected(make):
    with pytest.raises(ParamschedError):
        make()


def test_a_cycle_longer_than_the_integer_range_is_evaluated():
    assert ps.restarts(ps.linear(over=10), 10, mult=10**18)(5) == 0.5
