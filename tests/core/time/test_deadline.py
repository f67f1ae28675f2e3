"""Deadlines as users write them, and the Calendar that has one."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

import paramsched as ps
from paramsched.core.time import Calendar
from paramsched.core.time.deadline import deadline_of
from paramsched.errors import InvalidArgument
from support.tables import table

NOW = datetime(2026, 11, 22, 17, 30, 20, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    """Local time is one hour ahead of UTC in winter, two in summer."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@table(
    ("written", "utc"),
    [
        ("in 55 min", "2026-11-22 18:25:20"),
        ("in 1 h + 30 s", "2026-11-22 18:30:50"),
        ("in 1.5 h - 5 min", "2026-11-22 18:55:20"),
        ("19:00", "2026-11-22 18:00:00"),
        ("19:00 - 1 h", "2026-11-22 17:00:00"),
        ("8:05", "2026-11-23 07:05:00"),  # today it is over
        ("18:30:20", "2026-11-23 17:30:20"),  # it is 18:30:20 now
        ("18:30:21", "2026-11-22 17:30:21"),
        ("2026-11-22 08:00", "2026-11-22 07:00:00"),
        ("2026-06-22 08:00", "2026-06-22 06:00:00"),  # summer time
        ("2026-11-22T08:00:00-05:00", "2026-11-22 13:00:00"),
        ("2026-11-22 08:00+00:00 - 30 s", "2026-11-22 07:59:30"),
        (" slurm ", "2026-11-22 20:00:00"),
        ("slurm - 5 min", "2026-11-22 19:55:00"),
        (datetime(2026, 11, 22, 8), "2026-11-22 07:00:00"),
        (datetime(2026, 11, 22, 8, tzinfo=timezone(timedelta(hours=2))), "2026-11-22 06:00:00"),
    ],
)
def test_a_deadline_is_a_moment_with_a_time_zone(written, utc):
    end = datetime(2026, 11, 22, 20, tzinfo=UTC)
    found = deadline_of(written, NOW, {"SLURM_JOB_END_TIME": str(int(end.timestamp()))})

    assert found.tzinfo is not None
    assert f"{found.astimezone(UTC):%Y-%m-%d %H:%M:%S}" == utc


@table(
    "written",
    ["", "tomorrow", "55 min", "in 5 epochs", "in 1e18 s", "in", "25:00", "18:00 - 5 epochs", "18:00 -", "slurm5", 1e9,
     None, "in -5 min", "in until 5 min", "2026-13-01 08:00", "in 100", "in 1 h 30 min", "18:00 - 5"],
)  # fmt: skip
def test_another_text_or_value_is_rejected_with_one_that_works(written):
    with pytest.raises(InvalidArgument) as refusal:
        deadline_of(written, NOW, {})

    line = re.search(r'deadline="([^"]+)"', refusal.value.instead or "")
    assert line
    assert deadline_of(line[1], NOW, {})


@pytest.mark.parametrize("environment", [{}, {"SLURM_JOB_END_TIME": "soon"}, {"SLURM_JOB_END_TIME": ""}])
def test_slurm_without_the_end_of_the_job_names_the_variable(environment):
    with pytest.raises(InvalidArgument, match="SLURM_JOB_END_TIME"):
        deadline_of("slurm - 5 min", NOW, environment)


def test_a_calendar_fixes_its_deadline_when_it_is_made(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)
    calendar = Calendar(deadline="in 10 min", batch_size=8)
    monkeypatch.setattr(time, "time", lambda: NOW + 100)

    assert calendar.deadline.timestamp() == NOW + 600
    assert Calendar(deadline=str(calendar.deadline), batch_size=8) == calendar
    assert calendar.until(300) == Calendar(total="300 seconds", batch_size=8)


@table(
    ("facts", "found"),
    [
        ({"deadline": "in 1 h", "total": 100}, "Omit total, or the deadline"),
        ({"deadline": "in 1 h", "seconds_per_step": 0.4}, "Omit seconds_per_step, or the deadline"),
        ({"untimed_updates": 3}, 'Calendar(deadline="in 55 min", untimed_updates=10)'),
        ({"deadline": "in 1 h", "untimed_updates": -1}, "untimed_updates=1"),
        ({"deadline": "in 1 h", "untimed_updates": True}, "untimed_updates=10"),
        ({"deadline": "in 1 h", "untimed_updates": 1.5}, "untimed_updates=2"),
        ({"deadline": "at noon"}, 'deadline="in 55 min"'),
    ],
)
def test_contradicting_facts_are_rejected_with_what_to_write(facts, found):
    with pytest.raises(InvalidArgument) as refusal:
        Calendar(**facts)

    assert found in refusal.value.instead


PLAN = ps.Plan(lr='warmup("2 min") >> linear(to=0)', clock="seconds")
WITH_DEADLINE = Calendar(deadline="2026-11-22 08:00")


@table(
    "call",
    [
        lambda: ps.resolve(PLAN, WITH_DEADLINE),
        lambda: PLAN.resolve(WITH_DEADLINE),
        lambda: ps.resolve(ps.cosine(), WITH_DEADLINE),
        lambda: ps.trace(PLAN, {"lr": 0.1}, WITH_DEADLINE),
    ],
)
def test_pure_functions_refuse_a_deadline_and_show_a_calendar_that_works(call):
    with pytest.raises(InvalidArgument, match="deadline") as refusal:
        call()

    shown = eval(refusal.value.instead.removeprefix("Write ").removeprefix("For example: "), {"ps": ps})
    assert len(ps.trace(PLAN, {"lr": 0.1}, shown)) == 55 * 60 / 0.4


@table("text", ["in 5 epochs", "in until 5 min", "in 5", "in 5%", "18:00 - 5 epochs"])
def test_a_deadline_counts_in_seconds(text):
    with pytest.raises(InvalidArgument, match="is not a length in h, min or s"):
        Calendar(deadline=text)
