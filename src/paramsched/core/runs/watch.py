"""A watched plan file: the looks at it, and the changes of the plan in force while the run goes on.

With several processes, rank 0 alone reads the file. It looks `_AHEAD` updates before the update at which a change takes
effect, and sends the text to the other ranks, which read it at that update.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, final

from paramsched.core.files.plan_files import PlanText
from paramsched.core.plan.diff import diff
from paramsched.core.runs.plan_change import ChangingRun, PlanChange
from paramsched.core.runs.plan_source import PlanSource, Resolver, messages_about_file, with_location
from paramsched.core.scheduler.run import Run, Wrapper
from paramsched.core.scheduler.updates import mark_uncompiled, uncompiled
from paramsched.errors import InvalidArgument, ParamschedError, PlanError, StateError

if TYPE_CHECKING:
    from paramsched.core.runs.rank_messages import RankMessages

log = logging.getLogger("paramsched")

_AHEAD: Final = 2
_SETTLED_AFTER: Final = 2  # updates, when all ranks have constructed their Schedulers if they train together
_NEVER: Final = 2**62


def watch_of(source: PlanSource, resolver: Resolver, run: Run) -> Wrapper:
    """Watch the plan file of a run that was just bound; return a function that wraps the function of a post-hook."""
    watch = PlanWatch(source, ChangingRun(run), resolver)
    if run.drive == "manual":
        run.look = watch.look_if_due
    return watch.after_step


@final
class PlanWatch:
    """Looks at the plan file of a run, and changes the plan of the run.

    At each update of a series, which is the same for all processes, a change takes effect if there is one.

    Args:
        source: the plan and its file.
        run: the run.
        resolver: resolves a plan with the run facts.
    """

    def __init__(self, source: PlanSource, run: ChangingRun, resolver: Resolver) -> None:
        assert source.file is not None
        assert source.interval is not None
        self._file, self._plan = source.file, source.plan
        self._interval, self._run, self._resolver = source.interval, run, resolver
        self._messages, self._processes = source.messages, source.processes
        if self._messages is None:  # the Scheduler is a copy, or this process trains alone
            self._messages = messages_about_file(source.processes)
            if self._messages is not None and self._messages.is_sender:
                self._messages.send([self._file.text.text, None])
        self._reads = self._messages is None or self._messages.is_sender
        self.clock = clock = run.run.clock
        self._last, self._next = clock.t, clock.t + source.interval.first  # updates of the series
        self._at_next: tuple[str | None, int] | None = None  # the text and the number of updates after it, if known
        self._measured_from = clock.t, time.monotonic()
        self._settles_at = _NEVER if self._reads else clock.t + _SETTLED_AFTER
        self._set_bounds()

    def after_step(self, advance: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return a function for the post-hook of an optimizer: `advance`, then `follow_up` if it is due."""
        mark_uncompiled(WatchedStep.after_step)
        return WatchedStep(self, advance).after_step

    def look_if_due(self) -> None:
        """Call `follow_up` if it is due, after an update that was counted by hand."""
        if not self.after <= self.clock.t < self.before:
            self.follow_up()

    def _set_bounds(self) -> None:
        """Set the updates outside of which `follow_up` is due; look ahead if the next update of the series is near."""
        t, next_look = self.clock.t, min(self._next, self._settles_at)
        if self._reads and self._messages is not None and self._at_next is None:
            if t >= self._next - _AHEAD:
                self._look()
            else:
                next_look = self._next - _AHEAD
        self.after, self.before = self._last, next_look

    def follow_up(self) -> None:
        """Look at the file, or change the plan, whichever is due."""
        if self._messages is None and self._processes.several:
            raise InvalidArgument(
                "Scheduler(…, watch=…)", "the process group was initialized after the Scheduler was constructed",
                "Call torch.distributed.init_process_group(…) before ps.Scheduler(…)",
            )  # fmt: skip
        try:
            self._look_and_change()
            self._set_bounds()
        except StateError:
            if self._messages is None or self._messages.ranks.has_store():
                raise
            from paramsched.core.runs.processes import note_end_of_store

            note_end_of_store()
            self._last, self._next, self._settles_at, self._at_next = -1, _NEVER, _NEVER, (None, 0)
            self._set_bounds()

    def _look_and_change(self) -> None:
        t = self.clock.t
        if self._messages is not None and self._settles_at <= t:
            self._settle(self._messages)
        if not self._last <= t < self._next and self._run.is_bound:  # also after a jump to another update
            if self._reads and self._at_next is None:
                self._look()
            if not self._reads and self._messages is not None:
                if self._settles_at != _NEVER:
                    self._settle(self._messages)
                self._at_next = self._messages.receive()
            assert self._at_next is not None
            text, number = self._at_next
            if text is not None:
                self._change(replace(self._file.text, text=text))
            self._last, self._next, self._at_next = t, t + number, None

    def _settle(self, messages: "RankMessages") -> None:
        """Decide which Scheduler of rank 0 the messages belong to.

        Raises:
            StateError: it started with another text than this one.
        """
        self._settles_at = _NEVER
        if messages.settle() and messages.first()[0] != self._file.text.text:
            name, first = self._file.text.name, messages.ranks.first
            raise StateError(
                f"before update {self.clock.t}, rank {first} has another Scheduler that watches {name}, and it read "
                "another plan. Construct the same Schedulers on all ranks, in the same order. Construct one for a dry "
                "run on every rank, or before init_process_group"
            )

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

    def _can_follow(self, text: PlanText) -> bool:
        """Return whether a text has another plan, which the run can follow; log the problem if it cannot."""
        try:
            return self._prepared(text) is not None
        except PlanError as problem:
            self._file.report(with_location(problem, text))
        except (ParamschedError, OSError) as problem:
            self._file.report(problem)
        return False

    def _prepared(self, text: PlanText) -> PlanChange | None:
        """Return the change to the plan of a text; None if only a comment or the note has changed."""
        loaded = text.loaded()
        if loaded.plan == self._plan:
            return None
        return self._run.prepare(self._resolver.other_plan(self._run.lead.in_force, loaded.plan, loaded.note))

    def _change(self, text: PlanText) -> None:
        """Change the plan of the run to that of a text.

        Raises:
            ParamschedError: this rank cannot follow the plan, which rank 0 can.
        """
        change, before = self._prepared(text), self._run.lead.in_force
        if change is None:
            return
        self._plan = change.in_force.plan
        if self._reads:
            changes = diff(before.resolved, change.in_force.resolved)
            log.warning("%s has changed: its plan applies from update %d on\n%s", text.name, self.clock.t, changes)
        self._run.apply(change)


@final
class WatchedStep:
    """The end of a step of an optimizer of a watched run."""

    __slots__ = ("_advance", "_clock", "_follow_up", "_watch")

    def __init__(self, watch: PlanWatch, advance: Callable[[Any], object]) -> None:
        self._watch, self._advance, self._clock = watch, advance, watch.clock
        # Wrapped now, because the first call of `uncompiled` in a compiled step would compile a graph.
        self._follow_up = uncompiled(PlanWatch.follow_up)

    def after_step(self, optimizer: Any) -> None:
        """Count the step, then call `follow_up` if it is due."""
        advance, watch = self._advance, self._watch
        advance(optimizer)
        if not watch.after <= self._clock.t < watch.before:
            follow_up = self._follow_up
            follow_up(watch)
