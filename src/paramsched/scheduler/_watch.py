"""A watched plan file: the looks at it, and the changes of the plan in force while the run goes on."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from paramsched.errors import ConfigError, InvalidArgument, ParamschedError, PlanError, shown
from paramsched.plan import Plan
from paramsched.plan.note import Note
from paramsched.scheduler._clock import ResolvedPlan
from paramsched.scheduler._plan_change import ChangingRun
from paramsched.scheduler._resume import Resume
from paramsched.scheduler.updates import mark_uncompiled, run_uncompiled
from paramsched.time import Duration

if TYPE_CHECKING:
    from paramsched.config.plan_files import PlanText

log = logging.getLogger("paramsched")

_MOST_UPDATES: Final = 1024  # between two looks, if the interval is in seconds


@final
@dataclass(frozen=True, slots=True)
class Interval:
    """The time between two looks: a number of updates, or seconds, which the measured rate turns into updates."""

    updates: int | None = None
    seconds: float = 0.0

    @staticmethod
    def of(watch: Any) -> "Interval":
        """Return the interval that the argument `watch` of a Scheduler means.

        >>> Interval.of(True), Interval.of(100)
        (Interval(updates=None, seconds=10.0), Interval(updates=100, seconds=0.0))
        """
        try:
            ((unit, amount),) = Duration.of("10 s" if watch is True else watch).terms
            if unit == "seconds":
                return Interval(seconds=float(amount))
            if unit == "updates" and amount.denominator == 1:
                return Interval(updates=int(amount))
        except (InvalidArgument, ValueError):  # not a length, or not in one unit
            pass
        found = 'expected True, a number of updates of at least 1, or a time such as "30 s"'
        raise InvalidArgument(f"Scheduler(…, watch={shown(watch)})", found, 'Write watch="30 s"')

    @property
    def first(self) -> int:
        """The number of updates before the first look."""
        return self.updates or 1

    def following(self, last: int, took: float) -> int:
        """Return the number of updates until the next look.

        Args:
            last: the number of updates since the previous look.
            took: the seconds that they took.
        """
        if self.updates is not None:
            return self.updates
        return max(1, min(round(self.seconds * last / took) if took else _MOST_UPDATES, 2 * last, _MOST_UPDATES))


@final
@dataclass(frozen=True, slots=True)
class PlanSource:
    """The plan of a Scheduler, and the file that it was read from.

    Args:
        plan: the plan.
        note: the note of its file.
        text: the text of the file; None if the plan was not passed as the path of a plan file.
        interval: the time between two looks at the file; None if it is not watched.
    """

    plan: Plan
    note: Note | None = None
    text: "PlanText | None" = None
    interval: Interval | None = None


def with_location(refusal: PlanError, text: "PlanText") -> PlanError:
    """Return the error with its line in the file."""
    from paramsched.base.diagnostic import Diagnostic

    if not refusal.path:
        return refusal
    (fault,) = text.placed([Diagnostic(refusal.path, refusal.found, at_key=True)])
    return refusal.changed(site=f"{fault.location(text.name)}: {refusal.path}")


@final
class WatchedFile:
    """A plan file whose content may change.

    Args:
        text: its content from which the plan in force was read.
    """

    def __init__(self, text: "PlanText") -> None:
        self._path, self._handled = Path(text.name), text.text
        self._seen: str | None = text.text  # by the last look; None if there was no file
        self._text = text
        self._reported: set[str] = set()  # contents whose problems were logged

    def look(self) -> "PlanText | None":
        """Return the content if it has changed and two looks in a row have found it.

        A file that is being written is often a valid plan with lines missing, so one look is not enough.
        """
        from paramsched.config.text_limits import read_bounded_text

        problem, seen = None, self._seen
        try:
            found = read_bounded_text(self._path)
        except OSError as error:
            self._seen = None
            if seen is not None:
                log.warning("the watched plan file cannot be read, so the run keeps its plan: %s", error)
            return None
        except ConfigError as error:  # too large, or not UTF-8
            found, problem = str(error), error
        self._seen = found
        if found != seen or found == self._handled:
            return None
        self._handled = found
        if problem is not None:
            self.report(problem)
            return None
        return replace(self._text, text=found)

    def report(self, problem: Exception) -> None:
        """Log why the content cannot be followed, once for each content."""
        if self._handled not in self._reported:
            self._reported.add(self._handled)
            log.warning("the watched plan file cannot be followed, so the run keeps its plan:\n%s", problem)


@final
class PlanWatch:
    """Looks at the plan file of a run at some updates, and changes the plan of the run.

    Args:
        source: the plan and its file.
        run: the run.
        resolve: resolves a plan with the run facts.
    """

    def __init__(
        self,
        source: PlanSource,
        run: ChangingRun,
        resolve: Callable[[Plan, Note | None], ResolvedPlan],
    ) -> None:
        assert source.text is not None
        assert source.interval is not None
        self._file, self._plan, self._interval = WatchedFile(source.text), source.plan, source.interval
        self._run, self._resolve = run, resolve
        self.clock = run.lead.clock
        self._looked_at, self._looked_since = self.clock.t, time.monotonic()
        self._next_look = self.clock.t + self._interval.first
        # `follow_up` is called after each update outside of these bounds.
        self.after, self.before = self._looked_at, self._next_look

    def after_step(self, advance: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return a function for the post-hook of an optimizer: `advance`, then a look at the file if it is due."""
        mark_uncompiled(WatchedStep.after_step)
        return WatchedStep(self, advance).after_step

    def look_if_due(self) -> None:
        """Look at the file if it is due, after an update that was counted by hand."""
        if not self.after < self.clock.t < self.before:
            self.follow_up()

    def follow_up(self) -> None:
        """Look at the file if it is due, or finish the change of the plan."""
        self._run.settle()
        t = self.clock.t
        if not self._looked_at < t < self._next_look and self._run.is_bound:
            now = time.monotonic()
            number = self._next_look - self._looked_at
            count = self._interval.following(number, now - self._looked_since)
            text = self._file.look()
            if text is not None:
                self._follow(text)
            self._looked_at, self._looked_since, self._next_look = t, time.monotonic(), t + count
        self.after, self.before = self._looked_at, t if self._run.is_changing else self._next_look

    def _follow(self, text: "PlanText") -> None:
        """Change the plan of the run to that of a text, unless the run cannot follow it."""
        try:
            loaded = text.loaded()
            if loaded.plan == self._plan:  # only a comment or the note has changed
                return
            change = self._run.prepare(self._resolve(loaded.plan, loaded.note))
        except PlanError as problem:
            self._file.report(with_location(problem, text))
            return
        except (ParamschedError, OSError) as problem:
            self._file.report(problem)
            return
        before = self._run.lead.in_force
        changes = Resume("new").changes_between(before, change.in_force)
        self._plan = loaded.plan
        self._run.apply(change)
        log.warning("%s has changed; its plan is in force from update %d on:\n%s", text.name, change.update, changes)


@final
class WatchedStep:
    """The end of a step of an optimizer of a watched run."""

    __slots__ = ("_advance", "_clock", "_watch")

    def __init__(self, watch: PlanWatch, advance: Callable[[Any], object]) -> None:
        self._watch, self._advance, self._clock = watch, advance, watch.clock

    def after_step(self, optimizer: Any) -> None:
        """Count the step, then look at the plan file if it is due."""
        advance, watch = self._advance, self._watch
        advance(optimizer)
        if not watch.after < self._clock.t < watch.before:
            run_uncompiled(PlanWatch.follow_up)(watch)
