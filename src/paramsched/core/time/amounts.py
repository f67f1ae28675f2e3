"""The amounts that a clock counts, progress among them: texts, limits and times; and the moment that ends a job."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta
from math import inf
from typing import Any, Final, TypeAlias

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.time.duration import Duration
from paramsched.errors import CallSite, InvalidArgument, shown

PROGRESS: Final = "progress"
"""The clock whose amount is the fraction of the run that is done."""

WHOLE: Final = 10**9
"""The number of counts in a run. Integer counts meet a boundary at 57 % exactly; 0.57 is not a float."""

COUNTS_OF_A_PERCENT: Final = WHOLE // 100


def rounded_progress(progress: float) -> float:
    """Round a progress to a whole number of counts.

    >>> rounded_progress(1 / 3)
    0.333333333
    """
    return round(progress * WHOLE) / WHOLE


def rounded_array(progress: Array) -> Array:
    """Round an array of progress, each as `rounded_progress` does."""
    return np.rint(progress * WHOLE) / WHOLE


SECONDS: Final = "seconds"

BOUNDARIES_OF_A_SECOND: Final = 1000
"""The number of possible boundaries between two stages in a second."""


def amount_text(clock: str, amount: float) -> str:
    """Return the text of an amount on a clock, for messages.

    >>> amount_text("tokens", 4096), amount_text("progress", 0.57)
    ('4096 tokens', 'progress 0.57')
    """
    return f"{clock} {amount}" if clock == PROGRESS else f"{amount} {clock}"


def times_on(clock: str, amounts: Array) -> Array:
    """Return an array of amounts on a clock, or one number, as the times at which its schedules are evaluated.

    >>> times_on("progress", np.array([0.0, 0.57])).tolist(), times_on("tokens", np.array([4096])).tolist()
    ([0, 570000000], [4096])
    """
    if clock == SECONDS:  # whole nanoseconds, so that 0.1 + 0.1 + 0.1 is 0.3
        return rounded_array(amounts) if isinstance(amounts, np.ndarray) else rounded_progress(amounts)
    if clock != PROGRESS:
        return amounts
    return np.rint(amounts * WHOLE).astype(np.int64) if isinstance(amounts, np.ndarray) else round(amounts * WHOLE)


def rounded_on(clock: str, amount: float) -> float:
    """Round an amount as a clock counts it: progress to billionths, others not at all."""
    return rounded_progress(amount) if clock == PROGRESS else amount


def counts_whole(clock: str) -> bool:
    """Return whether the amounts of a clock are integers.

    >>> counts_whole("tokens"), counts_whole("seconds")
    (True, False)
    """
    return clock not in (PROGRESS, SECONDS)


def largest_on(clock: str | None) -> float:
    """Return the largest amount on a clock: 1 for progress.

    >>> largest_on("progress"), largest_on("tokens")
    (1, inf)
    """
    return 1 if clock == PROGRESS else inf


MomentLike: TypeAlias = str | datetime

_EARLIER = re.compile(r"(?P<moment>.*\S)\s+-\s*(?P<by>\d[^:]*)")  # a colon would be that of an ISO offset
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_SLURM_END = "SLURM_JOB_END_TIME"


def moment_of(value: Any, now: float, environment: Mapping[str, str], site: CallSite) -> datetime:
    """Return the moment that a text means, with its time zone.

    Args:
        value: `"in 55 min"`, `"18:00"` (the next time that it is 18:00), `"2026-11-22 08:00"`, `"slurm"`, or one of
            these followed by `- 5 min`, which is 5 minutes earlier; or a `datetime`. Local time if there is no offset.
        now: the present Unix time.
        environment: the environment variables. SLURM sets `SLURM_JOB_END_TIME`.
        site: the argument, for messages.

    Raises:
        InvalidArgument: `value` is not a moment, or it is `"slurm"` and the variable is not set.

    >>> moment_of("in 1 h - 5 min", 1_000_000, {}, CallSite("Scheduler", "stop_before")).timestamp()
    1003300.0
    """
    try:
        if isinstance(value, datetime):
            return value.astimezone() if value.tzinfo is None else value
        if not isinstance(value, str):
            raise TypeError
        text = value.strip()
        if (earlier := _EARLIER.fullmatch(text)) is not None:
            return moment_of(earlier["moment"], now, environment, site) - _seconds(earlier["by"], site)
        if text == "slurm":
            return datetime.fromtimestamp(_end_of_job(environment, site)).astimezone()
        if text.startswith("in "):
            return datetime.fromtimestamp(now).astimezone() + _seconds(text.removeprefix("in "), site)
        if (found := _TIME_OF_DAY.fullmatch(text)) is None:
            return moment_of(datetime.fromisoformat(text), now, environment, site)
        local = datetime.fromtimestamp(now)
        hour, minute, second = (int(part) for part in found.groups("0"))
        today = datetime.combine(local.date(), time(hour, minute, second))
        return (today if today > local else today + timedelta(days=1)).astimezone()
    except InvalidArgument:
        raise
    except (TypeError, ValueError, OverflowError, OSError, RecursionError):
        expected = 'expected "in 55 min", "18:00", "2026-11-22 08:00", "slurm" or a datetime'
        raise InvalidArgument(site, expected, _example(site, "in 55 min")) from None


def length_in_seconds(text: Any, site: str | CallSite, instead: str) -> timedelta:
    """Read a length in seconds, minutes and hours; if it is not one, the error shows what to write instead."""
    with suppress(InvalidArgument):  # its error would advise other units
        length = Duration.of(text)
        if not length.until and all(unit == "seconds" for unit, _ in length.terms):
            return timedelta(seconds=float(sum(count for _, count in length.terms)))
    raise InvalidArgument(site, f"{shown(text)} is not a length in h, min or s", instead)


def _seconds(text: str, site: CallSite) -> timedelta:
    return length_in_seconds(text, site, _example(site, "in 1 h + 30 min"))


def _example(site: CallSite, text: str) -> str:
    return f'For example: {site.argument}="{text}"'


def _end_of_job(environment: Mapping[str, str], site: CallSite) -> float:
    """Return the end of the SLURM job, in Unix time."""
    text = environment.get(_SLURM_END)
    try:
        return float(int(text or ""))
    except ValueError:
        found = f"the environment variable {_SLURM_END} is {'not set' if text is None else shown(text)}"
        instead = f'For example: {site.argument}="in 55 min", or set {_SLURM_END} to a Unix time'
        advice = instead
        raise InvalidArgument(site, found, advice) from None
