"""Values that other packages read from a plan: amounts, units of time, totals, texts."""

import sys

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan import trace as traced_times
from paramsched.core.plan.follow import followed_targets
from paramsched.core.plan.group_matching import overlap_of
from paramsched.core.plan.optimizers import ALONE, errors_of
from paramsched.core.plan.resolve import TimeUnit, known_total
from paramsched.core.plan.run_amounts import (
    MAX_CONSUMED,
    ConstantAmounts,
    EvenProgress,
    ReportedProgress,
    lacking_amount,
)
from paramsched.core.plan.trace import recorded_amounts
from paramsched.core.plan.value_ranges import range_of
from paramsched.errors import InvalidArgument, MissingDependency, MissingFact, StateError
from support.tables import table
from support.updates import probe


@table("total", [1, 3, 7, 1000])
def test_even_progress_is_t_of_the_length(total):
    run = EvenProgress(total)
    amounts = [run.amount_at(t) for t in range(total + 3)]

    assert run.amounts_from(0, 0, total + 3).tolist() == amounts
    assert run.amounts_from(2, amounts[2], total).tolist() == amounts[2 : total + 2]
    assert amounts[0] == 0
    assert amounts[total:] == [1, 1, 1]
    assert amounts[total // 2] == pytest.approx(total // 2 / total, abs=1e-9)
    for amount in (-1, 0, 0.25, 0.5, amounts[total // 2], amounts[total - 1], 1):
        assert run.updates_until(amount) == next(t for t, one in enumerate(amounts) if one >= amount)


def test_reported_progress_is_known_before_the_run_only():
    run = ReportedProgress()

    assert (run.amount_at(0), run.updates_until(0), run.updates_until(-1)) == (0.0, 0, 0)
    assert run.amounts_from(5, 0.25, 3).tolist() == [0.25] * 3
    for call in (lambda: run.amount_at(1), lambda: run.updates_until(0.5)):
        with pytest.raises(MissingFact, match=r"report\(progress="):
            call()


@table("first", [0, MAX_CONSUMED // 7 - 4, MAX_CONSUMED // 7 - 3, MAX_CONSUMED // 7 - 2])
def test_constant_amounts_are_exact_up_to_the_largest(first):
    run = ConstantAmounts("tokens", ps.Calendar(tokens_per_step=7).tokens_per_step)

    assert [int(one) for one in run.amounts_from(first, 7 * first + 2, 3)] == [7 * (first + t) + 2 for t in range(3)]


@table(
    ("clock", "lacks", "value"),
    [("progress", "progress, which is", "…"), ("tokens", "amount of tokens, which", "n")],
)
def test_what_a_checkpoint_without_an_amount_lacks(clock, lacks, value):
    found = lacking_amount(clock)

    assert found[0].startswith(lacks)
    assert found[1] == value


EVEN = TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0]))
UNEVEN = TimeUnit("tokens", np.array([0, 10, 30]), np.array([0.0, 50.0, 250.0]))


@table(
    ("unit", "updates", "amounts"),
    [
        (EVEN, [0, 450, 900], [0, 10, 20]),
        (UNEVEN, [0, 5, 10, 20, 30], [0, 25, 50, 150, 250]),
        (EVEN.until(900), [900], [20]),
        (EVEN.until(1800), [900, 1800], [20, 40]),
        (UNEVEN.until(50), [10, 30, 50], [50, 250, 450]),
    ],
)
def test_a_unit_of_time_converts_both_ways(unit, updates, amounts):
    assert unit.at(updates).tolist() == amounts
    assert unit.update_of(amounts).tolist() == updates
    assert unit.is_even == (unit.name == "epochs")


def test_a_unit_is_extended_only_by_a_longer_run():
    assert EVEN.until(900) is EVEN
    assert UNEVEN.until(20) is UNEVEN
    assert UNEVEN.until(31).updates.tolist() == [0, 10, 31]


@table(
    ("plan", "facts", "total"),
    [
        (ps.Plan(lr="linear()", horizon=10), {}, 10),
        (ps.Plan(lr="linear()"), {}, None),
        (ps.Plan(lr="linear()", horizon="100 tokens", clock="tokens"), {}, None),
        (ps.Plan(lr="linear()", horizon="100 tokens", clock="tokens"), {"tokens_per_step": 9}, 12),
    ],
)
def test_the_total_of_a_plan_is_known_or_none(plan, facts, total):
    calendar = ps.Calendar(**facts)
    assert known_total(plan if total is None else plan.resolve(calendar), calendar) == total


def test_followed_targets_are_those_that_a_line_names():
    text = "targets: {a: {initial: 1, schedule: linear()}, b: {initial: 1, schedule: linear()}}\nhorizon: 9\n"
    plan = ps.loads(text + 'lr: 0.5 * like("a")\nweight_decay: like("lr")\n')

    assert followed_targets(plan.bindings) == {"a"}


LOSS = ps.Plan(lr='constant() * plateau("loss", patience=0, factor=0.5)', weight_decay='plateau("error")', horizon=9)


def test_metrics_are_replayed_for_the_rules_that_watch_them():
    events = [(1, {"loss": 1.0}), (2, {"loss": 1.0, "error": 3.0}), (2, {"error": 2.0}), (4, {"loss": 0.5})]
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, LOSS)
    for t, metrics in events:
        while scheduler.t < t:
            optimizer.step()
        scheduler.observe(**metrics)

    assert ps.extend.replay(LOSS, events) == scheduler.states
    assert ps.extend.replay(LOSS, []) == ps.Scheduler(probe(), LOSS).states


@table(
    ("events", "said"),
    [
        ([(2, {"loss": 1.0}), (1, {"loss": 1.0})], r"\[\(1, …\)\]\): it comes after update 2"),
        ([(-1, {"loss": 1.0})], "it comes after update 0"),
        ([(1, {"loss": 1.0, "x": 1, "acc": 2})], "no rule watches acc, x"),
        ([(1, 2)], "expected pairs"),
        ([1], "expected pairs"),
        (3, "expected pairs"),
        ([("x", {})], "expected pairs"),
        ([(1, {"loss": "a"})], r"observe\(loss=…\): expected a number, got str"),
        ([(1, {"loss": [1]})], "expected a number, got list"),
    ],
)
def test_events_that_are_none_of_a_run_are_refused(events, said):
    with pytest.raises(InvalidArgument, match=said):
        ps.extend.replay(LOSS, events)


def test_a_trace_has_its_facts_rules_and_text():
    calendar = ps.Calendar(steps_per_epoch=3)
    trace = ps.trace(LOSS, {"lr": 0.5, "weight_decay": 0.1}, calendar)

    assert (trace.calendar, trace.metric_rules) == (calendar, LOSS.metric_rules)
    assert trace.amounts.tolist() == list(range(9))
    assert [(unit.name, unit.at([3, 9]).tolist()) for unit in trace.time_units()] == [("epochs", [1, 3])]
    assert repr(trace) == "<Trace of 9 updates: lr[0], weight_decay[0]>"
    assumed = trace.with_assumed_bases([("lr", 0)])
    assert [(trace.base(name, 0).value, assumed.base(name, 0).value) for name in ("lr", "weight_decay")] == [
        (0.5, None), (0.1, 0.1),
    ]  # fmt: skip


def test_a_diff_shows_its_changes():
    other = ps.Plan(lr="linear()", horizon=9)

    assert repr(ps.diff(other, other)) == "<Diff without a change>"
    assert repr(ps.diff(other, ps.Plan(lr="cosine()", horizon=9))) == "<Diff lr: linear() -> cosine()>"


@table(
    ("selector", "other", "optimizers", "found"),
    [
        ("head", "head", (), "INSIDE"),
        ("head", "h*", (), "INSIDE"),
        ("head", "layer_*", (), "APART"),
        ("head", "body", (), "APART"),
        ("layer_*", "layer_3", (), "UNKNOWN"),
        ("layer_*", "head", (), "APART"),
        ("layer_*", "*", (), "UNKNOWN"),
        ("a, b", "a, b, c", (), "INSIDE"),
        ("a, b", "a", (), "UNKNOWN"),
        ("a, b", "c, d", (), "APART"),
        (0, 0, (), "INSIDE"),
        (0, 1, (), "APART"),
        (0, "a", (), "UNKNOWN"),
        ("a", 0, (), "UNKNOWN"),
        ("lr=1", "b", (), "UNKNOWN"),
        ("b", "lr=1", (), "UNKNOWN"),
        ("x/head", "x", ("x", "y"), "INSIDE"),
        ("x/head", "x/h*", ("x", "y"), "INSIDE"),
        ("x/head", "x/body", ("x", "y"), "APART"),
        ("x/head", "y/head", ("x", "y"), "APART"),
        ("x/head", "y", ("x", "y"), "APART"),
        ("x/head", "head", ("x", "y"), "INSIDE"),
        ("*/head", "x/head", ("x", "y"), "UNKNOWN"),
        ("*/head", "*/body", ("x", "y"), "APART"),
    ],
)
def test_two_selectors_overlap_or_are_apart(selector, other, optimizers, found):
    assert overlap_of(selector, other, optimizers).name == found


@table(
    ("clock", "amounts", "found"),
    [
        ("tokens", [0.0, 4096.0], [0, 4096]),
        ("tokens", [3, 3, 5], [3, 3, 5]),
        ("tokens", [], []),
        ("seconds", [], []),
        ("seconds", [0, 0.25], [0.0, 0.25]),
        ("seconds", np.array([1, 2]), [1.0, 2.0]),
        ("progress", [0, 0.123456789012, 1], [0.0, 0.123456789, 1.0]),
        ("tokens", [MAX_CONSUMED - 1], [MAX_CONSUMED - 1]),
    ],
)
def test_recorded_amounts_are_integers_except_seconds_and_progress(clock, amounts, found):
    got = recorded_amounts(clock, amounts)

    assert got.tolist() == found
    assert got.dtype == (np.int64 if clock == "tokens" else np.float64)


@table(
    ("clock", "amounts", "said"),
    [
        ("tokens", [0, 1.5], "amount 1 is 1.5; expected an integer number of tokens, at least 0"),
        ("tokens", [-1], "amount 0 is -1; expected"),
        ("tokens", [MAX_CONSUMED], "amount 0 is 4611686018427387904; expected"),
        ("seconds", [0.5, float("nan")], "amount 1 is nan; expected a number of seconds"),
        ("seconds", [0.5, 0.25], "amount 1 is 0.25, less than the previous one"),
        ("progress", [0.5, 1.0000001], "expected a fraction of the run from 0 to 1"),
        ("progress", [0.5, 2], "expected a fraction of the run from 0 to 1"),
        ("tokens", [[1, 2]], "expected a list of numbers"),
        ("tokens", [True], "expected a list of numbers"),
        ("tokens", 5, r"expected a list of numbers, got 5\. For example: amounts=\[0, 4096, 8192\]"),
        ("seconds", ["x"], r"For example: amounts=\[0\.0, 0\.25, 0\.5\]"),
    ],
)
def test_amounts_that_are_none_of_a_run_are_refused(clock, amounts, said):
    with pytest.raises(InvalidArgument, match=said):
        recorded_amounts(clock, amounts)


LONG = 3_000_000_000
CONSTANT = ps.Plan(lr="constant(1.0)", horizon=LONG)


@table(
    ("lr", "first"),
    [
        ("constant(0.5, 1) >> constant(1.0)", 0),
        (f"constant(1.0, {LONG - 1}) >> constant(0.5)", LONG - 1),
        (f"constant(1.0, {LONG // 3}) >> constant(0.5)", LONG // 3),
        ("constant(1.0, 1) >> constant(0.5)", 1),
        (f"constant(1.0, {LONG - 1}) >> constant(1.0)", None),
    ],
)
def test_a_difference_of_long_plans_starts_where_it_is_found(lr, first):
    (change,) = ps.diff(CONSTANT, ps.Plan(lr=lr, horizon=LONG), ps.Calendar()).changes

    assert (change.when, change.by) == ((None, None) if first is None else (first, 0.5))


def test_a_size_cannot_be_planned_in_percent_of_an_unknown_run():
    target = ps.Binding(ps.Target("batch_size", 8), "linear(1, 4, over='50%')")

    with pytest.raises((MissingFact, InvalidArgument), match="50%"):
        ps.Plan(target, lr=1.0, clock="samples").resolve(ps.Calendar())
    assert ps.Plan(target, lr=1.0, clock="samples", horizon="100 samples").resolve(ps.Calendar()).horizon is not None


def test_a_table_of_pandas_needs_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingDependency, match=r"Trace\.to_pandas.*pandas"):
        ps.trace(LOSS, {"lr": 0.5, "weight_decay": 0.1}).to_pandas()


@table(
    ("error", "kind"),
    [(InvalidArgument("lr", "it is wrong"), InvalidArgument), (StateError("it is wrong"), StateError)],
)
def test_an_error_names_the_optimizer_if_there_are_several(error, kind):
    with pytest.raises(kind) as alone, errors_of(ALONE):
        raise error
    with pytest.raises(kind) as named, errors_of("adam"):
        raise error

    assert alone.value is error
    assert str(named.value) == f'optimizer "adam": {error}'


@table("times", [(10, 10), (10, 12), (12, 10), (10, 10, 10), (5, 9, 7), (0, 3)])
def test_scaling_twice_multiplies_from_each_time_on(times):
    plan = scaled = ps.Plan(lr="linear()", horizon=20)
    for at in times:
        scaled = scaled.scale(f"{at} steps", lr=0.5)

    before, after = (ps.trace(one, {"lr": 0.1})["lr"] for one in (plan, scaled))
    factors = [0.5 ** sum(at <= t for at in times) for t in range(20)]
    assert after.tolist() == pytest.approx((before * factors).tolist(), rel=1e-12)


def test_a_difference_is_found_on_the_clock_of_its_field():
    def plan(lr, decay):
        clock = {"lr": "updates", "weight_decay": "tokens"}
        return ps.Plan(lr=lr, weight_decay=decay, clock=clock, horizon=20)

    facts, decay = ps.Calendar(tokens_per_step=100), "linear(over='900 tokens')"
    first, second = plan("constant()", decay), plan("constant(1.0, 15) >> constant(0.5)", decay)
    third = plan("constant()", "constant(1.0, '500 tokens') >> constant(0.5)")
    fourth = plan("constant()", "constant()")

    assert [(one.what, one.when, one.by) for one in ps.diff(first, second, facts).changes] == [("lr", 15, 0.5)]
    assert [(one.what, one.when, one.by) for one in ps.diff(third, fourth, facts).changes] == [("weight_decay", 5, 0.5)]


@table("accumulation", [None, 2, 3])
def test_epochs_are_counted_in_batches(accumulation):
    facts = {} if accumulation is None else {"accumulation": accumulation}
    trace = ps.trace(ps.Plan(lr="linear()", horizon=20), {"lr": 0.1}, ps.Calendar(batches_per_epoch=12, **facts))
    units = {one.name: one.at([0, 6, 20]).tolist() for one in trace.time_units()}

    batches = [0, 6 * (accumulation or 1), 20 * (accumulation or 1)]
    assert units["epochs"] == pytest.approx([one / 12 for one in batches])
    assert units.get("batches", batches) == batches


def test_a_trace_has_at_most_as_many_updates_as_can_be_stored(monkeypatch):
    monkeypatch.setattr(traced_times, "_MAX_UPDATES", 9)

    assert ps.trace(ps.Plan(lr="linear()", horizon=9), {"lr": 0.1}).total == 9
    with pytest.raises(InvalidArgument, match="10 updates are too many to store"):
        ps.trace(ps.Plan(lr="linear()", horizon=10), {"lr": 0.1})


def test_a_small_value_below_0_is_outside_of_a_range():
    allowed = range_of("weight_decay")

    assert allowed.outside(np.array([-1e-12, -1e-20, 1e-12]), 1e-10).tolist() == [True, False, False]
    assert allowed.outside(np.array([-1e-12, np.inf, np.nan]), 1.0).tolist() == [False] * 3
