"""The amounts of a run: every source of the consumption answers all questions about them alike."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import amounts_of_run, counted_plan, resolve_in_run
from paramsched.core.plan.clocks import sizes_of_run
from paramsched.core.time import WHOLE, counts_in_unit
from paramsched.errors import MissingFact
from support.examples import examples
from support.tables import table

COUNT = 60
RATES = {
    "samples": "batch_size", "batches": "accumulation", "tokens": "tokens_per_step", "frames": "frames_per_step",
    "progress": "total",
}  # fmt: skip
SIZES = ("constant(3)", "stairs(2, 9, rises=5, over={})", "linear(1, 6, over={}) >> constant(4)")


def size_of_batch(written):
    return ps.Binding(ps.Target("batch_size", 1.0), written)


PLANNED = ("sizes by amount", "sizes by another amount")


@st.composite
def runs(draw, clock=None):
    """Draw the amounts of a run whose consumption is known in advance, on any clock or on this one."""
    clock = clock or draw(st.sampled_from([*RATES, *PLANNED, *PLANNED]))
    if clock in RATES:
        whole = clock in ("samples", "batches", "progress")
        rate = draw(st.integers(1, 500) if whole else st.integers(1, 500_000).map(lambda value: value / 1000))
        return resolve_in_run(ps.Plan(lr=1.0, clock=clock), ps.RunFacts(**{RATES[clock]: rate})).planned_amounts
    facts = ps.RunFacts(sequence_length=8)
    size = size_of_batch(draw(st.sampled_from(SIZES)).format("'40 samples'"))
    plan = ps.Plan(size, lr=1.0, clock="samples").resolve(facts=facts)
    sizes = sizes_of_run(plan.bindings, plan.clock, facts)
    return sizes.amounts_of("tokens" if clock == "sizes by another amount" else "samples")


@examples(120)
@given(runs(), st.data())
def test_amounts_and_updates_are_inverse_to_each_other(run, data):
    amounts = run.amounts_from(0, run.amount_at(0), COUNT)
    t = data.draw(st.integers(0, 12) | st.integers(0, COUNT - 3))  # planned sizes are constant after some updates

    assert amounts[0] == 0
    assert [run.amount_at(update) for update in range(COUNT)] == amounts.tolist()
    number_type = float if run.clock == "progress" else int  # plain numbers, for checkpoints
    assert {type(run.amount_at(update)) for update in range(COUNT)} == {number_type}
    assert run.amounts_from(t, run.amount_at(t), 3).tolist() == amounts[t : t + 3].tolist()
    between = data.draw(st.integers(0, round(amounts[-1].item() * 10**9)).map(lambda value: value / 10**9))
    for amount in amounts[t].item(), amounts[t].item() + 1e-9, between:
        if amount <= amounts[-1]:
            assert run.updates_until(amount) == np.searchsorted(amounts, amount)


@given(st.data(), st.integers(0, 12), st.integers(1, 50))
def test_amounts_continue_from_any_consumed_amount(data, t, more):
    for clock in (*RATES, *PLANNED):
        run = data.draw(runs(clock))
        start = run.amount_at(t) + (more if clock != "progress" else 0)

        actual = run.amounts_from(t, start, 5).tolist()

        assert actual[0] == pytest.approx(start, rel=1e-12)  # because seconds are floats
        assert run.amounts_from(t + 1, actual[1], 4).tolist() == pytest.approx(actual[1:], rel=1e-12)


@pytest.mark.parametrize(
    ("clock", "fact", "rate", "rounded_to"),
    [
        ("progress", {"total": 10}, Fraction("0.1"), WHOLE),
    ],
    ids=str,
)
def test_amounts_within_half_of_what_they_are_rounded_to_are_the_same(clock, fact, rate, rounded_to):
    run = resolve_in_run(ps.Plan(lr=1.0, clock=clock), ps.RunFacts(**fact)).planned_amounts

    actual = [run.updates_until(7 * rate + Fraction(more, 10 * rounded_to)) for more in (-6, -4, 4, 6)]

    assert actual == [7, 7, 7, 8]
    if clock == "progress":  # without a rate, the update is interpolated
        assert run.update_of(7 * rate + Fraction(4, 10 * rounded_to)) == 7


@examples(150)
@given(runs(), st.fractions(0, COUNT, max_denominator=100))
def test_a_fraction_of_an_update_is_found_again_from_its_amount(run, place):
    amount = run.exact_at(place)

    if amount < (1 if run.clock == "progress" else amount + 1):
        update = run.update_of(amount)
        assert update == pytest.approx(place, abs=1e-9)
        assert type(update) is Fraction  # so that what is computed from it stays exact


@table("clock", list(RATES))
def test_amounts_of_the_first_updates_are_found_again(clock):
    run = resolve_in_run(ps.Plan(lr=1.0, clock=clock), ps.RunFacts(**{RATES[clock]: 10})).planned_amounts

    for place in (Fraction(0), Fraction(1, 4), Fraction(1), Fraction(5, 4), Fraction(7)):
        assert run.update_of(run.exact_at(place)) == place


@pytest.mark.parametrize(
    ("plan", "fact"),
    [
        (ps.Plan(lr=1.0, clock="tokens"), "tokens_per_step"),
        (ps.Plan(size_of_batch('stairs(1, 2, 2, over="9 tokens")'), lr=1.0, clock="tokens"), "sequence_length"),
        (ps.Plan(lr=1.0, clock="progress"), "progress"),
    ],
    ids=["no rate", "a factor is missing", "progress is reported"],
)
def test_of_unknown_amounts_only_the_beginning_of_the_run_is_known(plan, fact):
    run = amounts_of_run(plan.resolve(), ps.RunFacts())

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


FACTS = {"sequence_length": 8, "frames_per_step": 5, "steps_per_epoch": 7}
MOST = {"steps": 25, "epochs": 4, "batches": 25, "samples": 99, "tokens": 800, "frames": 120}
LENGTHS = st.sampled_from([*MOST]).flatmap(lambda unit: st.tuples(st.integers(1, MOST[unit]), st.just(unit)))


class Counted:
    """The elapsed amounts at each update in every unit, counted update by update; a fraction of an update is linear."""

    def __init__(self, size):
        samples = [0]
        while len(samples) < 250:
            samples.append(samples[-1] + size(len(samples) - 1, samples[-1]))
        per_update = {"steps": 1, "epochs": Fraction(1, 7), "batches": 1, "frames": 5}
        self.amounts = {unit: [Fraction(t * rate) for t in range(250)] for unit, rate in per_update.items()}
        self.amounts |= {"samples": samples, "tokens": [8 * sample for sample in samples]}

    def update_of(self, unit, amount):
        actual = self.amounts[unit]
        t = next(t for t in range(1, 250) if actual[t] >= amount)
        return t - 1 + Fraction(amount - actual[t - 1]) / (actual[t] - actual[t - 1])

    def amount_of(self, unit, update):
        actual = self.amounts[unit]
        t = int(update)
        return actual[t] + (actual[t + 1] - actual[t]) * (update - t)

    def end(self, clock, begin, length):
        """Return the end of a length on a clock; a length in another unit is counted from the update at its start."""
        count, unit = length
        if {clock, unit} == {"samples", "tokens"}:
            return begin + (Fraction(count, 8) if clock == "samples" else 8 * count)
        if clock == unit:
            return begin + count
        start = self.update_of(clock, begin)
        if clock != "steps":
            start = Fraction(-(-start // 1))
        end = self.update_of(unit, self.amount_of(unit, start) + count)
        return begin + self.amount_of(clock, end) - self.amount_of(clock, start)


@examples(240)
@given(st.sampled_from(["steps", "samples", "tokens"]), st.data())
def test_a_length_in_any_unit_is_that_of_a_count_update_by_update(clock, data):
    written = data.draw(st.sampled_from(SIZES))
    by_amount = clock != "steps"
    size = ps.resolve(ps.parse(written.format(40 if by_amount else 12)))
    counted = Counted(lambda t, amount: round(size(amount if by_amount else t)))
    first = data.draw(LENGTHS)
    second = data.draw(LENGTHS)
    lr = 'constant(0.5, "{} {}") >> constant(0.25, "{} {}") >> constant(1)'.format(*first, *second)
    batch = size_of_batch(written.format("'40 samples'" if by_amount else 12))

    resolved = ps.Plan(batch, lr=lr, clock=clock.replace("steps", "updates")).resolve(facts=ps.RunFacts(**FACTS))

    ends = [counted.end(clock, 0, first)]
    ends.append(counted.end(clock, ends[0], second))
    schedule = next(binding.schedule for binding in counted_plan(resolved).bindings if binding.name == "lr")
    counts = counts_in_unit(clock.replace("steps", "updates"))
    ends = [ceil(end * counts) for end in ends]
    for end in ends:
        for t in (end - 1, end):
            expected = 0.5 if t < ends[0] else 0.25 if t < ends[1] else 1.0
            assert schedule(t) == expected, (t, ends)
