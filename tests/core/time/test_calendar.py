"""Calendar: the facts that turn units into updates."""

import re
from fractions import Fraction

import numpy as np
import pytest

from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.time import Calendar, Duration
from paramsched.core.time.calendar import known_clock, meant_clock
from paramsched.errors import CallSite, InvalidArgument, MissingFact, PlanError, Unresolved
from support.tables import table

EVERYTHING = Calendar(
    total="10 epochs", batches_per_epoch=10, accumulation=4, batch_size=8, tokens_per_step=1024, seconds_per_step=0.1
)


@table(
    ("length", "updates"),
    [
        ("7 steps", 7),
        ("1 epoch", 3),  # ten batches in fours, the last update from two
        ("10%", 3),
        ("32 samples", 1),
        ("1024 tokens", 1),
        ("1 s", 10),
        ("1 min", 600),
        ("100% - 1 epoch", 27),
        ("1%", Fraction(3, 10)),
    ],
)
def test_each_unit_has_its_number_of_updates(length, updates):
    assert EVERYTHING.exact(Duration.of(length)) == updates


@table(
    ("length", "argument"),
    [
        ("1 epoch", "steps_per_epoch"),
        ("1%", "total"),
        ("1 sample", "batch_size"),
        ("1 token", "tokens_per_step"),
        ("1 s", "seconds_per_step"),
    ],
)
def test_the_error_for_a_missing_fact_names_its_argument(length, argument):
    with pytest.raises(MissingFact) as refusal:
        resolve(warmup(length), Calendar(accumulation=2))

    assert refusal.value.fact == argument
    assert refusal.value.instead == f"For example: {argument}={refusal.value.example}"
    assert "known: accumulation" in str(refusal.value)
    assert length in str(refusal.value)


class Loader:
    def __len__(self):
        return 3


@table(
    ("facts", "found"),
    [
        ({"steps_per_epoch": 0}, "steps_per_epoch=0): expected an integer from 1 to 1e18"),
        ({"steps_per_epoch": 2.5}, "steps_per_epoch=2.5)"),
        ({"steps_per_epoch": True}, "True"),
        ({"steps_per_epoch": 10**18 + 1}, "from 1 to 1e18"),
        ({"batches_per_epoch": -1}, "-1"),
        ({"accumulation": 0}, "accumulation=0"),
        ({"sequence_length": 0}, "sequence_length=0"),
        ({"batch_size": "32"}, "batch_size='32'"),
        ({"batches_per_epoch": Loader()}, "expected an integer, got Loader"),
        ({"steps_per_epoch": Loader()}, "expected an integer, got Loader"),
        ({"batch_size": Loader()}, "expected an integer from 1"),
        ({"steps_per_epoch": [1]}, "expected an integer from 1"),
        ({"batches_per_epoch": {1: 2}}, "expected an integer from 1"),
        ({"tokens_per_step": 0}, "tokens_per_step=0): expected a number greater than 0 and at most 1e18"),
        ({"tokens_per_step": float("inf")}, "inf"),
        ({"tokens_per_step": 10**18 + 1}, "at most 1e18"),
        ({"seconds_per_step": float("nan")}, "nan"),
        ({"seconds_per_step": False}, "False"),
        ({"frames_per_step": "x"}, "'x'"),
        ({"total": 0.0}, "total=0.0): a run must have at least 1 update"),
        ({"total": 0.5}, "total=0.5"),
        ({"total": -2}, "must not be negative"),
        ({"total": "50%"}, "a share of the total"),
        ({"total": "until 5 epochs"}, "does not take `until`"),
        ({"total": "0 tokens", "tokens_per_step": 5}, "at least 1 update"),
        ({"total": "1e18 epochs", "steps_per_epoch": 2}, "at most 1e18 updates, got 2e+18"),
        (
            {"steps_per_epoch": 10, "batches_per_epoch": 11},
            "steps_per_epoch=10, batches_per_epoch=11, accumulation=1): 11 batches are 11 updates, not 10",
        ),
        ({"steps_per_epoch": 10, "batches_per_epoch": 11, "accumulation": 2}, "accumulation=2): 11 batches are 6"),
    ],
)
def test_an_invalid_fact_is_rejected(facts, found):
    with pytest.raises(InvalidArgument) as refusal:
        Calendar(**facts)

    assert found in refusal.value.problem.summary


def test_the_limits_of_facts_are_included_and_other_integers_are_converted():
    names = ("steps_per_epoch", "batches_per_epoch", "accumulation", "batch_size", "sequence_length")
    for name in (*names, "tokens_per_step", "seconds_per_step", "frames_per_step"):
        for value in (1, 10**18):
            assert getattr(Calendar(**{name: np.int64(value)}), name) == value
    assert {type(getattr(Calendar(**{name: np.int64(5)}), name)) for name in names} == {int}
    assert Calendar(total="1e17 epochs", steps_per_epoch=10).horizon == 10**18
    assert Calendar(batch_size=2**53 + 1).amount_of_update("samples") == 2**53 + 1
    assert Calendar(seconds_per_step=0.1).amount_of_update("seconds") == Fraction(1, 10)
    assert Calendar(total="5 tokens").total == Duration.of("5 tokens")  # a clock of tokens needs no other fact


def test_the_calendar_of_a_run_of_another_length_has_that_total():
    calendar = Calendar(total=1000, steps_per_epoch=7)

    assert calendar.for_run(Duration.of("1.5 epochs")) == (Calendar(total=11, steps_per_epoch=7), 11)
    assert calendar.for_run(Duration.of(1)) == (Calendar(total=1, steps_per_epoch=7), 1)
    assert calendar.for_run(Duration.of(0)) == (calendar, 0)
    assert not calendar.varies
    assert not calendar.updates_vary


def test_a_total_in_a_unit_without_its_fact_is_rejected_immediately():
    with pytest.raises(MissingFact, match="steps_per_epoch"):
        Calendar(total="5 epochs")


def test_consistent_facts_may_both_be_given():
    assert Calendar(steps_per_epoch=3, batches_per_epoch=10, accumulation=4).updates_per_epoch == 3
    assert Calendar(steps_per_epoch=10, batches_per_epoch=10).updates_per_epoch == 10
    assert Calendar(batches_per_epoch=10).updates_per_epoch == 10


def test_calendars_compare_by_value():
    assert Calendar(total="500 steps") == Calendar(total=500)
    assert hash(Calendar(total="500 steps")) == hash(Calendar(total=500))


def test_only_lengths_that_depend_on_the_horizon_need_a_horizon():
    assert str(resolve(warmup("2 epochs"), Calendar(steps_per_epoch=5))) == "warmup(10)"
    with pytest.raises(MissingFact, match="total"):
        resolve(warmup("2%"), Calendar(steps_per_epoch=5))
    with pytest.raises(Unresolved, match=r"total=10_000"):
        resolve(cosine(), Calendar(steps_per_epoch=5))


def test_the_error_names_both_a_horizon_and_a_different_total():
    with pytest.raises(PlanError) as refusal:
        Plan(lr=cosine(), horizon="2 epochs").resolve(Calendar(total=7, steps_per_epoch=5))

    assert "2 epochs" in str(refusal.value)
    assert "10 updates" in str(refusal.value)
    assert "7" in str(refusal.value)


@table("schedule", [warmup("5%"), cosine(), linear(over="2 epochs"), warmup(5) >> cosine()])
def test_calling_an_unresolved_schedule_asks_for_resolve(schedule):
    with pytest.raises(Unresolved, match="resolve") as refusal:
        schedule(0)

    assert str(schedule) in str(refusal.value)


@pytest.mark.parametrize("calendar", [None, 100, {"total": 100}])
def test_resolve_requires_a_calendar(calendar):
    with pytest.raises(InvalidArgument, match="Calendar"):
        resolve(cosine(), calendar)


@table("known", [{}, {"batch_size": 4, "total": 7}, {"total": "5 tokens"}])
@pytest.mark.parametrize("length", ["1 epoch", "5 frames"])
def test_the_error_of_a_missing_fact_lists_the_known_ones_and_can_be_pasted(known, length):
    with pytest.raises(MissingFact) as refusal:
        Calendar(**known).exact(Duration.of(length))
    more = eval(f"dict({refusal.value.instead.removeprefix('For example: ')})")
    listed = re.search("; these are known: (.*)", refusal.value.found)

    assert refusal.value.site == f'length "{Duration.of(length)}"'
    assert set(listed[1].split(", ") if listed else []) == set(known)
    assert Calendar(**known, **more).exact(Duration.of(length)) > 0
    with pytest.raises(MissingFact, match=r"^here: "):
        Calendar(**known).exact(Duration.of(length), site="here")


def test_a_run_has_at_least_one_update():
    assert Calendar(total=1).horizon == 1
    assert Calendar(total="0.5 epochs", steps_per_epoch=1).horizon == 1
    for wrong in (0, -1, "0 epochs", "0 steps", -1.0):
        with pytest.raises(InvalidArgument, match="at least 1 update"):
            Calendar(total=wrong)


def test_a_count_has_its_unit():
    assert Calendar(total=1).count_text(Fraction(25, 2)) == "12.5 updates"


@table(
    ("value", "meant"),
    [("steps", "updates"), ("token", "tokens"), ("Samples", "samples"), ("images", "samples"), ("min", "seconds"),
     ("epochs", None), ("%", None), (3, None), ("tokns", "tokens")])  # fmt: skip
def test_a_misspelled_clock_is_recognized(value, meant):
    assert meant_clock(value) == meant
    if meant != "samples":
        with pytest.raises(InvalidArgument) as refusal:
            known_clock(value, CallSite("Plan", "clock"))
        assert refusal.value.argument == "clock"
    assert known_clock("images", "clock") == known_clock("samples", "clock") == "samples"
