"""`take` and `skip`: the run they are planned for, their lengths, and invalid arguments."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import following, parse
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.cuts import depends_on_horizon, is_resolved_in, skip, take, with_unit, without_unit
from paramsched.core.schedules.decays import exponential
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.lengths import Span
from paramsched.core.schedules.periods import multistep, step
from paramsched.core.schedules.recipes import overlay
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table

RUN = Calendar(total=100, steps_per_epoch=10)


@pytest.mark.parametrize(
    ("line", "resolved"),
    [
        ("take(cosine(), 30) >> linear()", "take(cosine(over=100), 30) >> linear(over=70)"),
        ('take(warmup("5%") >> cosine(), 30, of=200)', "take(warmup(10) >> cosine(over=190), 30)"),
        ('take(cosine(), "30%", of="200%")', "take(cosine(over=200), 30)"),
        ('take(cosine(), "3 epochs", of="5 epochs")', "take(cosine(over=50), 30)"),
        ("warmup(10) >> take(cosine(), 30) >> linear()", "warmup(10) >> take(cosine(over=90), 30) >> linear(over=60)"),
        ("warmup(10) >> take(cosine(), 30, 50)", "warmup(10) >> take(cosine(over=50), 30)"),
        ("window(take(cosine(), 30), 0, 60)", "window(take(cosine(over=60), 30), end=60)"),
        ("restarts(take(cosine(), 5), 20)", "restarts(take(cosine(over=20), 5), 20)"),
        ("take(take(cosine(), 30) >> linear(), 50, 80)", "take(take(cosine(over=80), 30) >> linear(over=50), 50)"),
        ("warmup(10) >> skip(cosine(), 10)", "warmup(10) >> skip(cosine(over=100), 10)"),
        (
            "warmup(10) >> skip(cosine(), 10) >> linear(over=30)",
            "warmup(10) >> skip(cosine(over=70), 10) >> linear(over=30)",
        ),
        ("skip(cosine(), 1)", "skip(cosine(over=101), 1)"),
        (
            "warmup(10) >> skip(cosine(), 30, of=50) >> linear()",
            "warmup(10) >> skip(cosine(over=50), 30) >> linear(over=70)",
        ),
        (
            'warmup(10) >> skip(warmup("5%") >> cosine(), 10, of="200%")',
            "warmup(10) >> skip(warmup(10) >> cosine(over=190), 10)",
        ),
        ('skip(every(linear(), "epoch"), 3)', "skip(every(linear(over=103), 10, 7), 3)"),
        ("skip(restarts(cosine(), 30), 45)", "skip(restarts(cosine(over=30), 30), 45)"),
    ],
    ids=str,
)
def test_a_part_is_planned_for_the_enclosing_run_or_its_own(line, resolved):
    assert str(resolve(parse(line), RUN)) == resolved


@pytest.mark.parametrize(
    ("schedule", "fills", "length"),
    [
        (take(cosine(), 30), False, 30),
        (take(linear(over=10), 30), False, 30),
        (take(constant(), 30, of=50), False, 30),
        (skip(cosine(), 30), True, None),
        (skip(cosine(), 30, of=50), False, 20),
        (skip(linear(over=50), 30), False, 20),
        (skip(linear(over=20), 30), False, 0),
        (skip(exponential(0.9), 30), False, None),
        (skip(exponential(0.9), 30, of=50), False, None),
    ],
    ids=str,
)
def test_a_part_fills_the_run_has_a_length_or_is_open_ended(schedule, fills, length):
    assert schedule.fills is fills
    assert schedule.has_length is (length is not None)
    assert (None if schedule.length is None else schedule.length.updates) == length


def test_boundaries_of_a_part_are_rounded_up_once_relative_to_the_run():
    schedule = resolve(parse('warmup("1.5 steps") >> skip(linear(over="10.2 steps"), "1.2 steps") >> constant()'), RUN)

    # The clock of the line starts at 0.3, so its first update is 1. It ends at 10.5, before update 11.
    assert str(schedule) == "warmup(2) >> skip(linear(over=10), 1) >> constant()"


@pytest.mark.parametrize("by", ["30%", "30 steps", "3 epochs"])
def test_a_finished_part_takes_no_time_before_another_stage(by):
    schedule = resolve(warmup(10) >> skip(linear(1.0, 0.5, over=20), by) >> constant(0.2), RUN)

    assert schedule([9, 10, 99]).tolist() == [0.9, 0.2, 0.2]


@table("at", [20, 21, 80, 100])
def test_a_finished_part_at_the_end_of_a_sequence_keeps_its_value(at):
    old = linear(1.0, 0.5, over=20)

    scaled = resolve(take(old, at) >> 0.5 * skip(old, at), RUN)

    assert scaled([0, 19, at - 1, at, at + 1, 1000]).tolist() == [*old([0, 19, at - 1]).tolist(), 0.25, 0.25, 0.25]
    assert resolve(scaled, RUN) == scaled


def test_a_final_stage_of_no_updates_has_no_effect():
    assert (warmup(10) >> constant(0.5, over=0))(10) == 1.0


def test_skip_can_shift_a_clock_that_counts_from_one():
    assert skip(step(3, 0.5), 1)([0, 1, 2, 4, 5]).tolist() == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_part_keeps_its_last_value_after_the_cut():
    assert take(step(3, 0.5), 4)([2, 3, 4, 6, 10**9]).tolist() == [1.0, 0.5, 0.5, 0.5, 0.5]


def test_a_milestone_may_be_before_or_after_a_part():
    old = multistep([20, 200], 0.5)

    assert str(resolve(take(old, 10) >> skip(old, 10), RUN)) == f"take({old}, 10) >> skip({old}, 10)"
    assert str(resolve(take(old, 50) >> skip(old, 50), RUN)) == f"take({old}, 50) >> skip({old}, 50)"


def test_parts_keep_the_breakpoints_of_the_full_schedule():
    whole = warmup(10) >> linear(over=20) >> constant(0.0)

    assert take(whole, 15).breakpoints() == (0, 10, 15)
    assert skip(whole, 5).breakpoints(100) == (0, 5, 25, 100)
    assert (take(whole, 15) >> skip(whole, 15)).breakpoints(100) == (0, 10, 15, 30, 100)


def test_times_are_limited_to_the_range_of_a_clock():
    far = skip(skip(step(10**18, 0.5), 10**18), 10**18)

    assert far(0) == far(10**18) == 0.5
    assert far(np.array([0, 10**18])).tolist() == [0.5, 0.5]


def test_a_part_of_a_schedule_without_a_length_must_be_resolved_first():
    with pytest.raises(Unresolved):
        take(cosine(), 5, of=100)(3)
    assert resolve(take(cosine(), 5, of=100), Calendar())(5) == cosine(over=100)(5)
    with pytest.raises(Unresolved):
        resolve(take(cosine(), 5), Calendar())


@pytest.mark.parametrize("name", ["take", "skip"])
def test_a_run_of_no_updates_is_rejected(name):
    with pytest.raises(InvalidArgument, match="must be greater than 0"):
        parse(f"{name}(cosine(), 5, of=0)")
    with pytest.raises(InvalidArgument, match="the run must be longer than 0"):
        resolve(parse(f'{name}(cosine(), 5, of="1 epoch - 10 steps")'), RUN)


@pytest.mark.parametrize("line", ["take(cosine(), -1)", 'skip(cosine(), "-5%")'])
def test_the_length_of_a_part_must_not_be_negative(line):
    with pytest.raises(InvalidArgument, match="a length must not be negative"):
        parse(line)


def test_parts_are_equal_in_code_text_and_plans():
    plan = Plan(lr=take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(0.3, over="1000 steps"), horizon=9000)

    assert str(plan).splitlines()[1] == (
        'lr: take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(0.3, over=1000)'
    )
    assert Plan.of_text(plan.text) == plan


def test_an_overlay_does_not_shift_the_curve():
    plan = resolve(parse('overlay(warmup("10%"), step("30 steps"))'), RUN)

    assert str(plan) == "warmup(10) >> skip(step(30), 10)"
    assert plan([5, 10, 29, 30]).tolist() == [0.5, 1.0, 1.0, 0.1]


def test_an_overlay_ends_at_the_value_of_the_curve():
    plan = resolve(overlay(warmup(10, 0.001, to=following), cosine()), RUN)

    assert plan(10) == cosine(over=100)(10)
    assert str(plan) == f"linear(0.001, {plan(10)!r}, 10) >> skip(cosine(over=100), 10)"


def test_an_overlay_of_no_length_is_rejected():
    with pytest.raises(InvalidArgument, match="expected a schedule with a length"):
        overlay(cosine(), step(5))


def test_an_overlay_equals_the_schedule_of_bert():
    """BERT uses a polynomial decay from update 0, replaced by base * t / warmup in the first updates."""
    run, up = 1000, 100

    own = resolve(overlay(warmup("10%"), linear()), Calendar(total=run))

    peer = [1e-4 * t / up if t < up else 1e-4 * (1 - t / run) for t in range(run + 1)]
    np.testing.assert_allclose(own(np.arange(run + 1), 1e-4), peer, rtol=1e-14, atol=1e-18)


@pytest.mark.parametrize("part", ['take({}, "1 epoch", of="2 epochs")', 'skip({}, "1 epoch", of="2 epochs")'])
@pytest.mark.parametrize("whole", ['shift(linear(), "0.5 epochs")', 'shift(constant(), "1.5 epochs")'])
def test_a_part_of_a_longer_run_is_resolved_once(part, whole):
    facts = Calendar(total=1, steps_per_epoch=4)

    resolved = resolve(parse(part.format(whole)), facts)

    assert resolve(resolved, facts) == resolved


@table(
    ("line", "counted", "is_resolved"),
    [
        ('recurrence(rules.step(5, by="4096 tokens"))', "recurrence(rules.step(5, by=4096))", True),
        ('recurrence(rules.step(5, by="1 token"))', "recurrence(rules.step(5))", True),
        ('recurrence(rules.step(5, by="epoch"))', 'recurrence(rules.step(5, by="epoch"))', False),
        ("recurrence(rules.step(5))", "recurrence(rules.step(5))", False),
        ("recurrence(rules.step(5, by=7))", "recurrence(rules.step(5, by=7))", False),
        (
            'recurrence(rules.schedule(linear(over="50 tokens"), by="1 token"))',
            "recurrence(rules.schedule(linear(over=50)))",
            True,
        ),
        (
            'recurrence(rules.schedule(linear(over="50 tokens"), by="10 tokens"))',
            'recurrence(rules.schedule(linear(over="50 tokens"), by=10))',
            False,
        ),
        ('warmup("4 tokens") >> constant()', "warmup(4) >> constant()", True),
        ('warmup("4 tokens") >> constant(over=5)', "warmup(4) >> constant(over=5)", False),
        ('multistep(["5 tokens", "6 samples"])', 'multistep([5, "6 samples"])', False),
        ('warmup("1.5 tokens") >> constant()', 'warmup("1.5 steps") >> constant()', False),
        ('warmup("until 5 tokens")', 'warmup("until 5 steps")', False),
    ],
)
def test_lengths_on_a_clock_become_counts_and_lengths_again(line, counted, is_resolved):
    schedule = parse(line)

    assert str(without_unit(schedule, "tokens")) == counted
    assert is_resolved_in(schedule, "tokens") is is_resolved
    assert ps.Plan(lr=schedule, clock="tokens", horizon="100 tokens").is_resolved is is_resolved
    if is_resolved:
        assert with_unit(without_unit(schedule, "tokens"), "tokens") == schedule


@table(
    ("line", "depends"),
    [
        ('warmup("5%")', True), ("cosine()", True), ("warmup(5) >> constant()", False), ('multistep([5, "5%"])', True),
        ('recurrence(rules.schedule(linear(over="5%")))', True), ("recurrence(rules.schedule(linear()))", True),
        ("recurrence(rules.schedule(linear(over=5)))", False), ("take(cosine(), 5)", True),
        ("take(cosine(), 5, of=9)", False), ('take(cosine(), "5%", of=9)', True), ("skip(cosine(), 5)", True),
        ("skip(linear(over=9), 5)", False), ("skip(cosine(), 5, of=9)", False), ("as_factor(cosine())", True),
        ("as_factor(linear(over=5))", False), ('like("lr")', False), ('like("lr") * cosine()', True),
        ('maximum(like("lr"), constant())', False), ("warmup(5) >> skip(take(cosine(), 5, of=9), 2)", False),
        ('warmup(5) >> maximum(cosine(over=5), window(constant(), 0, "5%"))', True),
    ],
)  # fmt: skip
def test_a_schedule_depends_on_the_horizon_by_percentages_and_open_lengths(line, depends):
    assert depends_on_horizon(parse(line)) is depends


@given(st.integers(0, 12), st.integers(0, 12))
def test_the_length_of_a_part_is_what_remains(by, size):
    schedule = skip(linear(over=size), by)

    assert schedule.length.updates == max(size - by, 0)
    assert schedule._held_from() == max(size - by, 0)
    assert [schedule(t) for t in range(14)] == [linear(over=size)(t + by) for t in range(14)]
    assert take(linear(over=size), by)._held_from() == min(size, by)


class Epochs:
    """Units of a run whose epochs have 4 updates if they start before update 20, and 6 later."""

    varies = updates_vary = True

    def exact(self, duration, *, begin=Fraction(0)):
        return duration.terms[0][1] * (4 if begin < 20 else 6)

    def count_text(self, count):
        return str(count)

    def for_run(self, length):
        return self, Fraction(0)


@table(
    ("begin", "before"),
    [(0, 8), (8, 8), ("21/2", 8), (27, 8), ("55/2", "15/2"), (30, 10), (32, 12), ("65/2", 12), (50, 12)],
)
def test_a_length_before_a_time_ends_at_that_time_if_it_can(begin, before):
    span = Span(Epochs(), Fraction(begin), None, None)

    assert span.before(Duration.of("2 epochs")) == Fraction(before)
