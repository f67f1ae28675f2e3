"""The semantics of combinators: lengths, filling stages, clocks, boundaries."""

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, parse, rules
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.cuts import skip, take
from paramsched.core.schedules.decays import exponential
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import multistep, step
from paramsched.core.schedules.pointwise import clamp, maximum, minimum
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.retimed import chain, every, shift, window
from paramsched.core.schedules.sequence import Sequence
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, MissingFact, Unresolved
from support.tables import table

RUN = Calendar(total=100, steps_per_epoch=10)


def values(schedule, *times, base=1.0):
    return [schedule(t, base) for t in times]


# ---------------------------------------------------------------- filling, fixed length, open-ended


@pytest.mark.parametrize(
    ("schedule", "fills", "length"),
    [
        (cosine(), True, None),
        (linear(over=10), False, 10),
        (warmup(0), False, 0),
        (constant(), False, None),
        (constant(over=5), False, 5),
        (step(5), False, None),
        (exponential(0.9), False, None),
        (multistep([5]), False, None),
        (warmup(10) * exponential(0.9), False, 10),
        (warmup(10) * linear(over=30), False, 30),
        (warmup(10) * cosine(), True, None),
        (step(5) + exponential(0.9), False, None),
        (minimum(warmup(10), 0.5), False, 10),
        (chain(warmup(10), cosine()), True, None),
        (clamp(linear(over=10), low=0.1), False, 10),
        (clamp(cosine(), low=0.1), True, None),
        (warmup(10) >> linear(over=20), False, 30),
        (warmup(10) >> cosine(), True, None),
        (warmup(10) >> step(5), False, None),
        (warmup(10) >> constant() >> linear(over=5), True, None),
        (window(step(5), 0, 20), False, 20),
        (window(linear(over=10), 5), False, 15),
        (window(cosine(), 5), True, None),
        (window(cosine(), 5, 50), False, 50),
        (shift(linear(over=10), 5), False, 15),
        (shift(cosine(), 5), True, None),
        (every(linear(over=10), 3), False, 10),
        (restarts(cosine(), 10), False, None),
        (restarts(cosine(), 10, 3), False, 30),
        (-linear(over=10), False, 10),
    ],
    ids=str,
)
def test_a_schedule_fills_the_run_has_a_length_or_is_open_ended(schedule, fills, length):
    assert schedule.fills is fills
    assert schedule.has_length is (length is not None)
    assert (None if schedule.length is None else schedule.length.updates) == length


# ---------------------------------------------------------------- sequence


def test_a_filling_stage_takes_the_remaining_time_at_any_position():
    for text, line in [
        ('warmup("2%") >> constant() >> linear(1, 0, over="20%")', "warmup(2) >> constant(over=78) >> linear(over=20)"),
        ("cosine() >> constant(0.1, 30)", "cosine(over=70) >> constant(0.1, 30)"),
        ('warmup("1 epoch") >> cosine()', "warmup(10) >> cosine(over=90)"),
        ("step(7) >> constant(0.1, 30)", "window(step(7), end=70) >> constant(0.1, 30)"),
    ]:
        assert str(resolve(parse(text), RUN)) == line


def test_nested_sequences_flatten():
    flat = warmup(1) >> constant(0.5, 2) >> constant(0.1)

    assert (warmup(1) >> (constant(0.5, 2) >> constant(0.1))) == flat
    assert len(flat.stages) == 3
    assert Sequence((flat, constant(0.2))).stages == (*flat.stages, constant(0.2))


def test_two_stages_without_a_length_are_rejected_by_name():
    with pytest.raises(InvalidArgument) as refusal:
        resolve(warmup("5%") >> cosine(to=0.1) >> constant(), RUN)

    assert 'warmup("5%") >> cosine(to=0.1) >> constant()' in refusal.value.site
    assert "cosine and constant both have no length" in refusal.value.found


def test_stages_longer_than_the_run_are_an_error_only_if_one_fills():
    with pytest.raises(InvalidArgument, match="no updates remain for cosine"):
        resolve(warmup(120) >> cosine(), RUN)

    assert resolve(warmup(120) >> linear(over=50), RUN)(60) == 0.5
    assert resolve(warmup(120) >> step(10), RUN)(60) == 0.5  # the run ends inside the warmup


def test_a_stage_that_exactly_fills_the_run_leaves_no_update():
    schedule = resolve(warmup(100) >> cosine(), RUN)

    assert values(schedule, 99, 100, 500) == [0.99, 1.0, 1.0]


def test_an_open_last_stage_needs_no_horizon():
    schedule = resolve(warmup("1 epoch") >> step("2 epochs", 0.5), Calendar(steps_per_epoch=10))

    assert str(schedule) == "warmup(10) >> step(20, 0.5)"
    assert values(schedule, 9, 10, 29, 30, 10_000_000) == [0.9, 1.0, 1.0, 0.5, 0.0]


def test_a_filling_stage_needs_a_horizon():
    with pytest.raises(Unresolved, match="the length of the run is unknown"):
        resolve(warmup("1 epoch") >> cosine(), Calendar(steps_per_epoch=10))


def test_a_stage_includes_its_start_and_excludes_its_end():
    stairs = constant(1.0, 3) >> constant(2.0, 2) >> constant(3.0)

    assert stairs(np.arange(7)).tolist() == [1, 1, 1, 2, 2, 3, 3]
    assert stairs(2.999) == 1.0
    assert stairs.breakpoints(10) == (0, 3, 5, 10)


def test_a_stage_of_no_update_is_skipped():
    for schedule in (
        warmup(0) >> linear(1.0, 0.5, 10),
        constant(7.0, 0) >> linear(1.0, 0.5, 10),
        linear(1.0, 0.5, 10) >> constant(7.0, 0),
        linear(1.0, 0.5, 5) >> constant(7.0, 0) >> linear(0.75, 0.5, 5),
    ):
        assert schedule(0) == 1.0
        assert schedule(10) == schedule(11) == 0.5

    assert warmup(0)(0) == 1.0
    assert (warmup(0) >> warmup(0, 0.0, 0.5))(0) == 0.5


def test_resolved_boundaries_do_not_drift():
    sevenths = resolve(parse(" >> ".join(f'constant({i}, "7%")' for i in range(14)) + " >> constant(14)"), RUN)

    assert [int(sevenths(t)) for t in range(100)] == [t // 7 for t in range(100)]


# ---------------------------------------------------------------- times inside a stage


def test_times_inside_a_stage_count_from_its_start():
    schedule = resolve(warmup(10) >> multistep([30, "5 epochs"], 0.5), RUN)

    assert schedule.breakpoints(100) == (0, 10, 40, 60, 100)


@pytest.mark.parametrize(
    "schedule",
    [
        constant(0.1, 50) >> window(multistep([60]), 0, 50),
        warmup(10) >> multistep([90]),
        warmup(10) >> multistep([5, 200]),
        warmup(10) >> (multistep([95]) * 0.5),
        restarts(multistep([20]), 20),
        window(multistep([30]), 0, 30),
    ],
    ids=str,
)
def test_the_error_for_a_milestone_after_its_stage_suggests_a_product(schedule):
    with pytest.raises(InvalidArgument) as refusal:
        resolve(schedule, RUN)

    assert "warmup(…) * multistep(…)" in refusal.value.instead
    assert "milestone" in refusal.value.found


@pytest.mark.parametrize(
    "schedule", [multistep([200]), warmup(10) * multistep([200]), shift(multistep([99]), 5)], ids=str
)
def test_a_milestone_after_the_run_is_accepted(schedule):
    assert resolve(schedule, RUN)(100) == 1.0


def test_percentages_refer_to_the_horizon_at_any_depth():
    schedule = resolve(warmup("10%") >> restarts(window(cosine(over="10%"), "5%"), "20%"), RUN)

    assert str(schedule) == "warmup(10) >> restarts(window(cosine(over=10), 5), 20)"


# ---------------------------------------------------------------- every


def test_every_epoch_changes_at_the_epochs_of_the_run():
    schedule = resolve(warmup(5) >> every(linear(), "epoch"), RUN)

    assert str(schedule) == "warmup(5) >> every(linear(over=95), 10, 5)"
    changes = np.flatnonzero(np.diff(schedule(np.arange(100)))) + 1
    assert [t for t in changes.tolist() if t > 5] == list(range(10, 100, 10))
    assert schedule(10) == 90 / 95


def test_another_period_counts_from_the_start_of_the_stage():
    schedule = resolve(warmup(5) >> every(linear(), "10 steps"), RUN)

    assert str(schedule) == "warmup(5) >> every(linear(over=95), 10)"


def test_every_epoch_inside_restarts_follows_the_epochs_of_the_run():
    schedule = resolve(restarts(every(linear(), "epoch"), "2.5 epochs"), RUN)

    values = schedule(np.arange(100))

    assert (np.flatnonzero(np.diff(values)) + 1).tolist() == [10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90]


def test_every_changes_only_at_its_boundaries():
    stairs = every(linear(1.0, 0.0, 10), 4)

    assert stairs(np.arange(10)).tolist() == pytest.approx([1.0] * 4 + [0.6] * 4 + [0.2] * 2)
    assert stairs(12) == stairs(100) == 0.0  # the final value starts at the first change after the end
    assert stairs.breakpoints() == (0, 4, 8, 10)


# ---------------------------------------------------------------- window, chain, shift, restarts


def test_chained_windows_keep_the_value_across_a_gap():
    schedule = chain(window(linear(1.0, 0.5, 10), 0, 10), window(linear(1.0, 0.0, 10), 20, 30))

    assert values(schedule, 0, 10, 15, 20, 25, 30, 99, base=2.0) == [2.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0]


def test_a_window_keeps_the_value_at_its_end():
    cut = window(linear(1.0, 0.0, 10), 5, 9)

    assert values(cut, 4, 5, 8, 9, 100, base=0.5) == pytest.approx([0.5, 0.5, 0.35, 0.3, 0.3])
    assert cut.breakpoints() == (0, 5, 9)


def test_a_window_that_opens_after_the_run_is_rejected():
    with pytest.raises(InvalidArgument, match="ends before it begins"):
        resolve(window(cosine(), 120), RUN)


def test_a_shift_keeps_the_first_value_and_fills_the_remaining_time():
    schedule = resolve(shift(linear(0.8, 0.0), "20%"), RUN)

    assert str(schedule) == "shift(linear(0.8, over=80), 20)"
    assert values(schedule, 0, 20, 60, 100) == [0.8, 0.8, 0.4, 0.0]
    with pytest.raises(InvalidArgument, match="longer than the remaining time"):
        resolve(shift(linear(), 120), RUN)


def test_restarts_with_a_fractional_period_lose_no_update():
    schedule = resolve(restarts(linear(1.0, 0.0), "33.5%"), RUN)

    assert str(schedule) == 'restarts(linear(over="33.5 steps"), "33.5 steps")'
    assert values(schedule, 0, 33, 34, 67, 100) == [1.0, 0.5 / 33.5, 33 / 33.5, 1.0, 0.5 / 33.5]


def test_restarts_shorter_than_an_update_take_one_update_each():
    schedule = resolve(restarts(linear(1.0, 0.0), "0.5 steps", times=4) >> constant(7.0), RUN)

    assert [stage.length for stage in schedule.stages[:1]] == [Duration.of(4)]
    assert values(schedule, 0, 3, 4) == [1.0, 1.0, 7.0]


def test_restarts_with_a_fractional_period_end_with_their_stage():
    schedule = resolve(restarts(linear(1.0, 0.0), "33.5%") >> constant(7.0, 30), RUN)

    assert (schedule(69) < 1.0, schedule(70)) == (True, 7.0)
    assert sum(stage.length.updates for stage in schedule.stages) == 100


def test_cycles_of_integral_length_are_equal_after_a_fractional_start():
    schedule = resolve(warmup("0.5%") >> restarts(linear(1.0, 0.0), 7), Calendar(total=100_001))

    assert str(schedule) == "warmup(501) >> restarts(linear(over=7), 7)"


def test_restarts_keep_their_final_value():
    saw = restarts(linear(1.0, 0.25, 4), 4, times=2)

    assert values(saw, 0, 4, 7, 8, 1000) == [1.0, 1.0, 0.4375, 0.25, 0.25]
    assert saw.breakpoints() == (0, 4, 8)


# ---------------------------------------------------------------- products and sums


def test_in_a_product_the_absolute_factor_receives_base():
    fixed = linear(1.0, absolute(0.1), 10)

    for schedule in (constant(0.5) * fixed, fixed * 0.5, 0.5 * fixed):
        assert values(schedule, 0, 10, base=2.0) == [1.0, 0.05]


def test_a_bare_number_is_a_constant():
    assert 0.5 * step(3) == constant(0.5) * step(3)
    assert step(3) + 1 == step(3) + constant(1.0)
    assert (1 - linear(over=10))(3) == pytest.approx(0.3)
    assert (step(3) >> 0.5) == (step(3) >> constant(0.5))


def test_text_has_the_operator_precedence_of_python():
    for text in (
        "constant(0.5) * (warmup(3) >> constant())",
        "constant(0.5) * (warmup(3) + step(5))",
        "warmup(3) - (step(5) - step(7))",
        "-(warmup(3) + step(5)) * step(7)",
        "-constant(-1.0) * step(5)",
        "constant(2.0) - constant(-1.0) * step(5)",
        "-warmup(3) >> step(5) + step(7)",
        "warmup(3) * -step(5)",
    ):
        schedule = parse(text)
        assert parse(str(schedule)) == schedule
        assert schedule == eval(text, {"constant": constant, "warmup": warmup, "step": step})


def test_minimum_maximum_and_clamp_are_pointwise():
    line = linear(1.0, 0.0, 10)

    assert values(minimum(line, 0.6, 0.5), 0, 8, base=2.0) == pytest.approx([1.0, 0.4])
    assert values(maximum(line, 0.6), 0, 8, base=2.0) == [2.0, 1.2]
    assert values(clamp(line, absolute(0.5), 0.75), 0, 9, base=2.0) == [1.5, 0.5]


@table("text", ["warmup(3) >> step", "warmup(3) / step(5)", "warmup(3) >> 'a'", "warmup(3) ** step"])
def test_operations_that_schedules_do_not_support_are_rejected(text):
    with pytest.raises(InvalidArgument):
        parse(text)


def test_combining_with_other_types_raises_an_error():
    for other in ("a", None, [1]):
        with pytest.raises((TypeError, InvalidArgument)):
            _ = warmup(3) * other
        with pytest.raises((TypeError, InvalidArgument)):
            _ = warmup(3) + other
        with pytest.raises((TypeError, InvalidArgument)):
            _ = warmup(3) >> other


# ---------------------------------------------------------------- positions of breakpoints


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (linear(over=10), (0, 10)),
        (warmup(5) >> cosine(over=10), (0, 5, 15)),
        (warmup(5) * linear(over=10), (0, 5, 10)),
        (constant(over=4), (0, 4)),
        (window(step(3), 0, 8), (0, 3, 6, 8)),
        (restarts(linear(over=3), 5, 2), (0, 3, 5, 8, 10)),
        (warmup(2) >> window(linear(over=3), 1, 9), (0, 2, 3, 6, 11)),
        (window(linear(over=4), 2, 9), (0, 2, 6, 9)),
        (shift(linear(over=4), 2), (0, 2, 6)),
        (restarts(warmup(2) >> linear(over=3), 5, 2), (0, 2, 5, 7, 10)),
        (minimum(warmup(3), constant(0.5, 9)), (0, 3, 9)),
    ],
    ids=str,
)
def test_breakpoints_are_where_the_formula_changes(schedule, points):
    assert schedule.breakpoints() == points


LONG_CYCLES = restarts(step(1000, 0.5), 5000, mult=2.0)  # too long to compute the breakpoints of a cycle once
STAGES = warmup(5) >> take(step(3), 7) >> constant(0.5)


@table(
    ("schedule", "until", "points"),
    [
        (LONG_CYCLES, 16000, (0, *range(1000, 5001, 1000), *range(7000, 15001, 2000), 16000)),
        (skip(LONG_CYCLES, 6000), 5000, (0, 1000, 3000, 5000)),
        (restarts(step(1000, 0.5), 5000), 11500, (*range(0, 11001, 1000), 11500)),
        (restarts(step(1000, 0.5), 5000, 2), None, tuple(range(0, 10001, 1000))),
        (recurrence(rules.step(5, 0.5, begin=2, end=12), until=30), 14, (0, 2, 7, 12, 14)),
        (recurrence(rules.multistep([4, 10], 0.5, begin=1), until=30), 30, (0, 1, 5, 11, 30)),
        (recurrence(rules.multistep([2], 0.5, begin=1, end=5, by=3), until=30), 16, (0, 3, 6, 9, 12, 15, 16)),
        (recurrence(rules.linear(0.0, begin=3, end=8), until=20), 20, (0, 3, 7, 8, 20)),
        (recurrence(rules.table([1.0, 1.0, 0.5])), 12, (0, 2, 12)),
        (recurrence(rules.step(70_000, 0.5)), 200_000, (0, 70_000, 140_000, 200_000)),
        (STAGES, 20, (0, 5, 8, 11, 12, 20)),
        (STAGES, 8, (0, 5, 8)),
        (skip(STAGES, 5), 20, (0, 3, 6, 7, 20)),
        (skip(STAGES, 12), 20, (0, 20)),
        (every(linear(over=10), 3, 1), 12, (0, 2, 5, 8, 10)),
        (shift(step(4), 3), 12, (0, 3, 7, 11, 12)),
        (window(step(4), 3, 10), 12, (0, 3, 7, 10)),
        (window(step(4), 3, 10), 5, (0, 3, 5)),
    ],
)
def test_breakpoints_up_to_a_time_are_where_the_formula_changes(schedule, until, points):
    assert schedule.breakpoints(until) == points


def test_breakpoints_of_an_open_ended_schedule_require_until():
    with pytest.raises(InvalidArgument, match="until"):
        step(5).breakpoints()

    assert step(5).breakpoints(12) == (0, 5, 10, 12)
    with pytest.raises(Unresolved):
        warmup("5%").breakpoints()


def test_a_unit_without_its_fact_is_reported_first():
    with pytest.raises(MissingFact, match="steps_per_epoch"):
        resolve(warmup("1 epoch") >> cosine(), Calendar(total=100))


ROUNDED = {"exact": ("33.33 steps", 34, 67), "nearest": ("33", 33, 68), "floor": ("33", 33, 68)}


@pytest.mark.parametrize("lengths", ROUNDED)
def test_inner_boundaries_are_rounded_and_the_end_is_that_of_any_stage(lengths):
    share, end, rest = ROUNDED[lengths]
    share = share if share.isdecimal() else f'"{share}"'
    form = f'with_lengths({{}}, "{lengths}")' if lengths != "exact" else "with_lengths({})"
    first, run = form.format(f"warmup({share})"), Calendar(total=101)

    for line, resolved, length in (
        (f'with_lengths(warmup("33%"), "{lengths}")', first, end),
        (f'with_lengths(warmup("33%"), "{lengths}") >> cosine()', f"{first} >> cosine(over={rest})", 101),
        (f'with_lengths(cosine(), "{lengths}") >> linear(over="33%")', None, 101),
        (f'with_lengths(constant(), "{lengths}")', form.format("constant()"), None),
        (f'warmup(10) >> with_lengths(linear(over="33%") >> cosine(0.5), "{lengths}")', None, 101),
    ):
        schedule = resolve(parse(line), run)
        assert resolved is None or str(schedule) == resolved
        assert (None if schedule.length is None else schedule.length.updates) == length
        times = np.arange(101)
        for kind in (np.int32, np.float32):
            assert schedule(times.astype(kind)).tolist() == schedule(times).tolist()
    assert parse('with_lengths(warmup("2.5 steps") >> linear(over="3.25 steps"))').length == Duration.of(6)


@table("stage", ["take(exponential(0.97), 12)", "take(0.3 + 0.7 * cosine(over=30), 12)"])
def test_a_stage_with_lengths_has_the_bits_of_the_stage_also_beside_a_stage_that_is_not_affine(stage):
    line = "warmup(5) >> {} >> minimum(linear(over=20), constant(absolute(0.02)))"
    plain, wrapped = (parse(line.format(one)) for one in (stage, f"with_lengths({stage})"))
    alone, times = parse(stage), np.arange(12)

    for base in (0.1, 0.3, 7.3):
        assert np.array_equal(plain(times + 5, base=base), alone(times, base=base))
        assert np.array_equal(wrapped(times + 5, base=base), alone(times, base=base))
