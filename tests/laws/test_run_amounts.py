"""The amounts of a run: every source of the consumption answers all questions about them alike."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import MissingFact
from paramsched.plan.resolve import amounts_of_run, planned_amounts
from paramsched.plan.resolve_clocks import sizes_of_run

COUNT = 60
RATES = {
    "samples": "batch_size", "batches": "accumulation", "tokens": "tokens_per_step", "frames": "frames_per_step",
    "seconds": "seconds_per_step", "progress": "total",
}  # fmt: skip
SIZES = ("constant(3)", "stairs(2, 9, rises=5, over={})", "linear(1, 6, over={}) >> constant(4)")


def size_of_batch(written):
    return ps.Binding(ps.Target("batch_size", 1.0), written)


@st.composite
def runs(draw):
    """Draw the amounts of a run whose consumption is known in advance."""
    clock = draw(st.sampled_from([*RATES, "sizes by amount", "sizes by updates", "sizes by another amount"]))
    if clock in RATES:
        whole = clock in ("samples", "batches", "progress")
        rate = draw(st.integers(1, 500) if whole else st.integers(1, 500_000).map(lambda one: one / 1000))
        return planned_amounts(ps.Plan(lr=1.0, clock=clock), ps.Calendar(**{RATES[clock]: rate}))
    over, counted, calendar = "'40 samples'", "samples", ps.Calendar(sequence_length=8)
    if clock == "sizes by updates":
        over, counted = "12", {"lr": "samples"}
    plan = ps.Plan(size_of_batch(draw(st.sampled_from(SIZES)).format(over)), lr=1.0, clock=counted).resolve(calendar)
    sizes = sizes_of_run(plan.bindings, plan.clock, calendar)
    return sizes.amounts_of("tokens" if clock == "sizes by another amount" else "samples")


@given(runs(), st.data())
def test_amounts_and_updates_are_inverse_to_each_other(run, data):
    amounts = run.amounts_from(0, run.amount_at(0), COUNT)
    t = data.draw(st.integers(0, COUNT - 3))

    assert amounts[0] == 0
    assert [run.amount_at(one) for one in range(COUNT)] == amounts.tolist()
    kind = float if run.clock in ("seconds", "progress") else int  # plain numbers, for checkpoints
    assert {type(run.amount_at(one)) for one in range(COUNT)} == {kind}
    assert run.amounts_from(t, run.amount_at(t), 3).tolist() == amounts[t : t + 3].tolist()
    between = data.draw(st.integers(0, round(amounts[-1].item() * 10**9)).map(lambda one: one / 10**9))
    for amount in amounts[t].item(), amounts[t].item() + 1e-9, between:
        if amount <= amounts[-1]:
            assert run.updates_until(amount) == np.searchsorted(amounts, amount)


@pytest.mark.parametrize("rate", [1.0, 0.003, 1234.5])
def test_seconds_within_half_a_nanosecond_are_the_same(rate):
    run = amounts_of_run(ps.Plan(lr=1.0, clock="seconds"), ps.Calendar(seconds_per_step=rate))
    exact = 7 * Fraction(str(rate))

    assert [run.updates_until(exact + Fraction(more, 10**10)) for more in (-6, -4, 4, 6)] == [7, 7, 7, 8]


@given(runs(), st.fractions(0, COUNT, max_denominator=100))
def test_a_fraction_of_an_update_is_found_again_from_its_amount(run, place):
    amount = run.exact_at(place)

    if amount < (1 if run.clock == "progress" else amount + 1):
        assert run.update_of(amount) == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize(
    ("plan", "fact"),
    [
        (ps.Plan(lr=1.0, clock="tokens"), "tokens_per_step"),
        (ps.Plan(size_of_batch("stairs(1, 2, 2, over=9)"), lr=1.0, clock={"lr": "tokens"}), "sequence_length"),
        (ps.Plan(lr=1.0, clock="progress"), "progress"),
    ],
    ids=["no rate", "a factor is missing", "progress is reported"],
)
def test_of_unknown_amounts_only_the_beginning_of_the_run_is_known(plan, fact):
    run = amounts_of_run(plan.resolve(ps.Calendar()), ps.Calendar())

    assert (run.amount_at(0), run.updates_until(0), run.amounts_from(0, 0, 1).tolist()) == (0, 0, [0])
    assert (run.exact_at(Fraction(0)), run.update_of(Fraction(0))) == (0, 0)
    for unknown in (
        lambda: run.amount_at(1),
        lambda: run.updates_until(1),
        lambda: run.exact_at(Fraction(1, 2)),
        lambda: run.update_of(Fraction(1, 2)),
    ):
        with pytest.raises(MissingFact, match=fact):
            unknown()
