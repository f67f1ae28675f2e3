"""Calendar: the facts that turn units into updates."""

from fractions import Fraction

import pytest

from paramsched.errors import CallSite, InvalidArgument, MissingFact, PlanError, Unresolved
from paramsched.plan import Plan, resolve
from paramsched.schedules import cosine, linear, warmup
from paramsched.time import Calendar, Duration
from paramsched.time.calendar import known_clock, meant_clock
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
    assert f"Write Calendar(accumulation=2, {argument}={refusal.value.example})" in refusal.value.instead
    assert "known: accumulation" in str(refusal.value)
    assert length in str(refusal.value)


@table(
    "facts",
    [
        {"steps_per_epoch": 0},
        {"steps_per_epoch": 2.5},
        {"steps_per_epoch": True},
        {"batches_per_epoch": -1},
        {"accumulation": 0},
        {"batch_size": "32"},
        {"tokens_per_step": 0},
        {"tokens_per_step": float("inf")},
        {"seconds_per_step": float("nan")},
        {"seconds_per_step": False},
        {"total": 0},
        {"total": 0.5},
        {"total": "50%"},
        {"steps_per_epoch": 10, "batches_per_epoch": 11},
    ],
)
def test_an_invalid_fact_is_rejected(facts):
    with pytest.raises(InvalidArgument) as refusal:
        Calendar(**facts)

    assert refusal.value.instead
    assert all(str(value) in str(refusal.value) for value in facts.values())


def test_a_total_in_a_unit_without_its_fact_is_rejected_immediately():
    with pytest.raises(MissingFact, match="steps_per_epoch"):
        Calendar(total="5 epochs")


def test_consistent_facts_may_both_be_given():
    assert Calendar(steps_per_epoch=3, batches_per_epoch=10, accumulation=4).updates_per_epoch == 3


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


@table(("value", "sample"), [(2.5, 3), (-7, 7), (0, 100), (True, 100), ("x", 100), (10**19, 100), ("32", 32)])
def test_the_error_of_a_wrong_fact_suggests_the_nearest_valid_number(value, sample):
    with pytest.raises(InvalidArgument) as refusal:
        Calendar(batch_size=value)

    assert refusal.value.sample == sample


def test_the_error_of_a_missing_fact_lists_the_known_ones():
    with pytest.raises(MissingFact) as nothing:
        Calendar().exact(Duration.of("1 epoch"))
    with pytest.raises(MissingFact) as some:
        Calendar(batch_size=4, total=7).exact(Duration.of("1 epoch"))

    assert "known:" not in str(nothing.value)
    assert "these are known: total, batch_size" in str(some.value)
    assert "Calendar(total=7, batch_size=4, steps_per_epoch=100)" in str(some.value)


def test_a_run_has_at_least_one_update():
    assert Calendar(total=1).horizon == 1
    assert Calendar(total="0.5 epochs", steps_per_epoch=1).horizon == 1
    for wrong in (0, -1, "0 epochs", "0 steps"):
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
        assert refusal.value.sample == (meant or "updates")
    assert known_clock("images", "clock") == known_clock("samples", "clock") == "samples"


def test_untimed_updates_are_counts_that_belong_to_a_deadline():
    assert Calendar(deadline="in 5 min", untimed_updates=0).untimed_updates == 0
    for wrong in (-1, 1.5, True, 10**19):
        with pytest.raises(InvalidArgument, match="at least 0"):
            Calendar(deadline="in 5 min", untimed_updates=wrong)
    with pytest.raises(InvalidArgument, match="it needs a deadline"):
        Calendar(untimed_updates=0)
    for fact in ({"total": 10}, {"seconds_per_step": 0.5}):
        with pytest.raises(InvalidArgument, match="deadline"):
            Calendar(deadline="in 5 min", **fact)


def test_calendars_with_two_deadlines_have_the_same_facts():
    first, second = (Calendar(deadline=f"in {n} min", batch_size=4) for n in (5, 50))

    assert first.has_facts_of(second)
    assert not first.has_facts_of(Calendar(deadline="in 5 min", batch_size=8))
    assert not first.has_facts_of(Calendar(batch_size=4))
    assert not Calendar(batch_size=4).has_facts_of(first)
    assert Calendar(batch_size=4).has_facts_of(Calendar(batch_size=4))
