"""Moments as users write them."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from paramsched.core.time.amounts import moment_of
from paramsched.errors import CallSite, InvalidArgument
from support.tables import table

SITE = CallSite("Scheduler", "stop_before")
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
def test_a_text_is_a_moment_with_a_time_zone(written, utc):
    end = datetime(2026, 11, 22, 20, tzinfo=UTC)
    found = moment_of(written, NOW, {"SLURM_JOB_END_TIME": str(int(end.timestamp()))}, SITE)

    assert found.tzinfo is not None
    assert f"{found.astimezone(UTC):%Y-%m-%d %H:%M:%S}" == utc


@table(
    "written",
    ["", "tomorrow", "55 min", "in 5 epochs", "in 1e18 s", "in", "25:00", "18:00 - 5 epochs", "18:00 -", "slurm5", 1e9,
     None, "in -5 min", "in until 5 min", "2026-13-01 08:00", "in 100", "in 1 h 30 min", "18:00 - 5"],
)  # fmt: skip
def test_another_text_or_value_is_rejected_with_one_that_works(written):
    with pytest.raises(InvalidArgument) as refusal:
        moment_of(written, NOW, {}, SITE)

    line = re.search(r'stop_before="([^"]+)"', refusal.value.instead or "")
    assert line
    assert moment_of(line[1], NOW, {}, SITE)


@pytest.mark.parametrize("environment", [{}, {"SLURM_JOB_END_TIME": "soon"}, {"SLURM_JOB_END_TIME": ""}])
def test_slurm_without_the_end_of_the_job_names_the_variable(environment):
    with pytest.raises(InvalidArgument, match="SLURM_JOB_END_TIME"):
        moment_of("slurm - 5 min", NOW, environment, SITE)
