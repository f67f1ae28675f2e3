"""Values that other packages read from a plan: amounts, units of time, totals, texts."""

import sys

import pytest

import paramsched as ps
from paramsched.core.plan import trace as traced_times
from paramsched.core.plan.optimizers import ALONE, errors_of
from paramsched.errors import InvalidArgument, MissingDependency, StateError
from support.tables import table

LOSS = ps.Plan(lr='constant() * plateau("loss", patience=0, factor=0.5)', weight_decay='plateau("error")', horizon=9)


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


def test_a_trace_has_at_most_as_many_updates_as_can_be_stored(monkeypatch):
    monkeypatch.setattr(traced_times, "_MAX_UPDATES", 9)

    assert ps.trace(ps.Plan(lr="linear()", horizon=9), {"lr": 0.1}).total == 9
    with pytest.raises(InvalidArgument, match="10 updates are too many to store"):
        ps.trace(ps.Plan(lr="linear()", horizon=10), {"lr": 0.1})
