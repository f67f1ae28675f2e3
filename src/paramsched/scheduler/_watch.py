"""A watched plan file: the looks at it, and the changes of the plan in force while the run goes on.

With several processes, rank 0 alone reads the file. It looks `_AHEAD` updates before the update at which a change takes
effect, and sends the text to the other ranks, which read it at that update.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from paramsched.errors import ConfigError, InvalidArgument, ParamschedError, PlanError, shown
from paramsched.plan import Plan
from paramsched.plan.note import Note
from paramsched.scheduler._clock import ResolvedPlan
from paramsched.scheduler._messages import RankMessages, several_processes
from paramsched.scheduler._plan_change import ChangingRun, PlanChange
from paramsched.scheduler._resume import Resume
from paramsched.scheduler.updates import mark_uncompiled, run_uncompiled
from paramsched.time import Calendar, Duration, DurationLike

if TYPE_CHECKING:
    from paramsched.config.plan_files import PlanText

log = logging.getLogger("paramsched")

PlanLike: TypeAlias = Plan | Mapping[str, Any] | str | os.PathLike[str]
"""A plan, a mapping as in a native file, the YAML text of a plan, or the path of a file."""

_AHEAD: Final = 2
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

    def following(self, last: int, rate: float) -> int:
        """Return the number of updates until the look after the next one.

        Args:
            last: the number of updates until the next look.
            rate: the measured number of updates per second.
        """
        if self.updates is not None:
            return self.updates
        return max(1, min(round(self.seconds * rate), 2 * last, _MOST_UPDATES))


@final
class WatchedFile:
    """A plan file whose content may change.

    Args:
        text: the content from which the plan was read.
    """

    def __init__(self, text: "PlanText") -> None:
        self.text, self._handled = text, text.text
        self._seen: str | None = text.text  # by the last look; None if there was no file
        self._reported: set[str] = set()  # contents whose problems were logged

    def look(self) -> "PlanText | None":
        """Return the content if it has changed and two looks in a row have found it.

        A file that is being written is often a valid plan with lines missing, so one look is not enough.
        """
        problem, seen = None, self._seen
        try:
            text = self.text.read()
            found = text.text
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
        return text

    def report(self, problem: Exception) -> None:
        """Log why the content cannot be followed, once for each content."""
        if self._handled not in self._reported:
            self._reported.add(self._handled)
            log.warning("the run cannot follow %s, so it keeps its plan:\n%s", self.text.name, problem)


@final
@dataclass(frozen=True, slots=True)
class PlanSource:
    """The plan of a Scheduler, and the file that it was read from.

    Args:
        plan: the plan.
        note: the note of its file.
        file: the file; None if the plan was not passed as a path.
        interval: the time between two looks at the file; None if it is not watched.
        engine_total: the length of the run in an engine, which applies if a plan has no horizon.
    """

    plan: Plan
    note: Note | None = None
    file: WatchedFile | None = None
    interval: Interval | None = None
    engine_total: DurationLike | None = None

    @staticmethod
    def of(given: "PlanLike | PlanSource", watch: Any = False, call: str = "Scheduler") -> "PlanSource":
        """Return a plan with its source; read it if it is a file, a text or a mapping."""
        if isinstance(given, PlanSource):
            return given
        interval = None if watch is False else Interval.of(watch)
        if isinstance(given, Plan) and interval is None:
            return PlanSource(given)
        if not isinstance(given, (Plan, str, os.PathLike, Mapping)):
            instead = "Write ps.Plan(lr=ps.cosine(to=0.1), horizon=1000)"
            raise InvalidArgument(f"{call}(…, {given!r})", "not a Plan", instead)
        from paramsched.config.plan_files import loaded_from, plan_file  # they import YAML

        file = plan_file(given)
        if interval is None:
            text = None if file is None else file.read()
            loaded = loaded_from(given) if text is None else text.loaded()
            return PlanSource(loaded.plan, loaded.note, None if text is None else WatchedFile(text))
        if file is None or file.syntax is None:
            found = "a plan file is watched, and the plan was not passed as the path of one"
            instead = f'Write "plan.yaml" in place of the plan, and keep watch={watch!r}'
            raise InvalidArgument(f"{call}(…, watch={watch!r})", found, instead)
        text = _read_by_rank_0(file) if several_processes() else file.read()
        loaded = text.loaded()
        return PlanSource(loaded.plan, loaded.note, WatchedFile(text), interval)

    def facts_for(self, plan: Plan, calendar: Calendar) -> Calendar:
        """Return the run facts that resolve a plan, which may be a later one of the file."""
        if self.engine_total is None:
            return calendar
        return replace(calendar, total=self.engine_total if plan.horizon is None else None)


def _read_by_rank_0(file: "PlanText") -> "PlanText":
    """Return the text of a file that rank 0 reads for all ranks."""
    messages = RankMessages("the plan file")
    if not messages.is_sender:
        text, problem = messages.receive()
        if text is None:
            raise ConfigError(file.name, [f"rank 0 cannot read it: {problem}"])
        return replace(file, text=text)
    try:
        read = file.read()
    except (ConfigError, OSError) as error:
        messages.send([None, str(error)])
        raise
    messages.send([read.text, None])
    return read


def with_location(refusal: PlanError, text: "PlanText") -> PlanError:
    """Return the error with its line in the file."""
    from paramsched.base.diagnostic import Diagnostic

    if not refusal.path:
        return refusal
    (fault,) = text.placed([Diagnostic(refusal.path, refusal.found, at_key=True)])
    return refusal.changed(site=f"{fault.location(text.name)}: {refusal.path}")


@final
class PlanWatch:
    """Looks at the plan file of a run, and changes the plan of the run.

    At each update of a series, which is the same for all processes, a change takes effect if there is one.

    Args:
        source: the plan and its file.
        run: the run.
        resolve: resolves a plan with the run facts.
    """

    def __init__(
        self, source: PlanSource, run: ChangingRun, resolve: Callable[[Plan, Note | None], ResolvedPlan]
    ) -> None:
        assert source.file is not None
        assert source.interval is not None
        self._file, self._plan = source.file, source.plan
        self._interval, self._run, self._resolve = source.interval, run, resolve
        self._messages = RankMessages("changes of the plan file") if several_processes() else None
        self._reads = self._messages is None or self._messages.is_sender
        self.clock = clock = run.lead.clock
        self._last, self._next = clock.t, clock.t + source.interval.first  # updates of the series
        self._at_next: tuple[str | None, int] | None = None  # the text and the number of updates after it, if known
        self._measured_from = clock.t, time.monotonic()
        self._set_bounds()

    def after_step(self, advance: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return a function for the post-hook of an optimizer: `advance`, then `follow_up` if it is due."""
        mark_uncompiled(WatchedStep.after_step)
        return WatchedStep(self, advance).after_step

    def look_if_due(self) -> None:
        """Do what is due after an update that was counted by hand."""
        if not self.after <= self.clock.t < self.before:
            self.follow_up()

    def _set_bounds(self) -> None:
        """Set the updates outside of which `follow_up` is due; look ahead if the next update of the series is near."""
        t, next_look = self.clock.t, self._next
        if self._reads and self._messages is not None and self._at_next is None:
            if t >= self._next - _AHEAD:
                self._look()
            else:
                next_look = self._next - _AHEAD
        self.after, self.before = self._last, t if self._run.is_changing else next_look

    def follow_up(self) -> None:
        """Look at the file, change the plan, or finish a change, whichever is due."""
        if self._messages is None and several_processes():
            raise InvalidArgument(
                "Scheduler(…, watch=…)", "the process group was initialized after the Scheduler was constructed",
                "Call torch.distributed.init_process_group(…) before ps.Scheduler(…)",
            )  # fmt: skip
        self._run.settle()
        t = self.clock.t
        if not self._last <= t < self._next and self._run.is_bound:  # also after a jump to another update
            if self._reads and self._at_next is None:
                self._look()
            if not self._reads and self._messages is not None:
                self._at_next = self._messages.receive()
            assert self._at_next is not None
            text, number = self._at_next
            if text is not None:
                self._change(replace(self._file.text, text=text))
            self._last, self._next, self._at_next = t, t + number, None
        self._set_bounds()

    def _look(self) -> None:
        """Look at the file, and decide what happens at the next update of the series."""
        text = self._file.look()
        if text is not None and not self._can_follow(text):
            text = None
        (since, start), now = self._measured_from, (self.clock.t, time.monotonic())
        self._measured_from = now
        rate = max(now[0] - since, 0) / max(now[1] - start, 1e-9)
        self._at_next = None if text is None else text.text, self._interval.following(self._next - self._last, rate)
        if self._messages is not None:
            self._messages.send(self._at_next)

    def _can_follow(self, text: "PlanText") -> bool:
        """Return whether a text has another plan, which the run can follow; log the problem if it cannot."""
        try:
            return self._prepared(text) is not None
        except PlanError as problem:
            self._file.report(with_location(problem, text))
        except (ParamschedError, OSError) as problem:
            self._file.report(problem)
        return False

    def _prepared(self, text: "PlanText") -> PlanChange | None:
        """Return the change to the plan of a text; None if only a comment or the note has changed."""
        loaded = text.loaded()
        return None if loaded.plan == self._plan else self._run.prepare(self._resolve(loaded.plan, loaded.note))

    def _change(self, text: "PlanText") -> None:
        """Change the plan of the run to that of a text.

        Raises:
            ParamschedError: this rank cannot follow the plan, which rank 0 can.
        """
        change, before = self._prepared(text), self._run.lead.in_force
        if change is None:
            return
        self._plan = change.in_force.plan
        if self._reads:
            changes = Resume("new").changes_between(before, change.in_force)
            log.warning("%s has changed: its plan applies from update %d on\n%s", text.name, self.clock.t, changes)
        self._run.apply(change)


@final
class WatchedStep:
    """The end of a step of an optimizer of a watched run."""

    __slots__ = ("_advance", "_clock", "_watch")

    def __init__(self, watch: PlanWatch, advance: Callable[[Any], object]) -> None:
        self._watch, self._advance, self._clock = watch, advance, watch.clock

    def after_step(self, optimizer: Any) -> None:
        """Count the step, then do what is due."""
        advance, watch = self._advance, self._watch
        advance(optimizer)
        if not watch.after <= self._clock.t < watch.before:
            run_uncompiled(PlanWatch.follow_up)(watch)
