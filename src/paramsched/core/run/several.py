"""Several optimizers under one plan: the updates that they share, and the counts that they carry and load."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from paramsched.base.pickles import names_in_pickles
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.messages import resumes as messages
from paramsched.core.run.record import RestoredOptimizer
from paramsched.core.run.run_state import RunState
from paramsched.core.run.steps import run_uncompiled


def starting_counts(names: Iterable[str], counts: Mapping[str, int], start: int | None, drive: str) -> dict[str, int]:
    """Return the count of each optimizer; one without a count joins at the update of the run.

    Args:
        names: the optimizers.
        counts: the counts in the groups of some optimizers.
        start: the argument `t` of the Scheduler, which decides if the counts differ by more than 1.
        drive: as in `ps.Scheduler`.

    Raises:
        StateError: the counts differ by more than 1, and `start` is None.
    """
    t = max(counts.values(), default=start or 0)
    if t - min(counts.values(), default=t) > 1:
        if start is None:
            first = min(counts, key=counts.__getitem__)
            last = max(counts, key=counts.__getitem__)
            raise messages.starting_counts_differ(first, counts[first], last, counts[last])
        return dict.fromkeys(names, start)
    return {name: counts.get(name, t) if drive == "optimizer" else t for name in names}


@final
@dataclass(slots=True)
class LoadedRuns:
    """The states that several optimizers have loaded since the last update of their run.

    The run is at the largest count. An optimizer that is one update behind it has not stepped in the last update, and
    one that is further behind continues at the update of the run. A later load may change this, so the counts are kept
    until the next update: therefore loads in any order end in the same state. An optimizer that loads nothing while
    the others move the run forward continues at the update of the run, too.

    Args:
        before: the update of the run before the loads.
        restored: what each optimizer has loaded, those last that have, in the order of the loads; the others have the
            run as it was before.
    """

    before: int
    restored: dict[str, RestoredOptimizer]

    def add(self, loaded: Mapping[str, RestoredOptimizer]) -> None:
        """Note what optimizers have loaded."""
        for name, restored in loaded.items():
            self.restored.pop(name, None)
            self.restored[name] = restored

    def counts(self, present: Mapping[str, int]) -> dict[str, int]:
        """Return the count of each optimizer; `present` are those in the run."""
        loaded = {
            name: count for name, restored in self.restored.items() if (count := restored.saved.count) is not None
        }
        return {name: loaded.get(name, count) for name, count in present.items()}

    def of_run_at(self, t: int, now: int) -> RestoredOptimizer | None:
        """Return what has the run at an update, the last one that was loaded; None if that is the present one."""
        latest = list(reversed(self.restored.values()))
        of_run = next((restored for restored in latest if restored.is_loaded and restored.run_position.t == t), None)
        if of_run is not None or t == now:
            return of_run
        return next(restored for restored in latest if t in (restored.saved.count, restored.run_position.t))

    def amounts(self, run: RunState) -> dict[int, Amount | None]:
        """Return the known amounts by update; those that were loaded last take precedence."""
        amounts = {run.t - 1: run.last_amount, run.t: run.amount}
        for restored in self.restored.values():
            position = restored.run_position
            amounts[position.t] = position.amount
            if restored.last_amount is not None:
                amounts[position.t - 1] = restored.last_amount
        return amounts


@final
class SharedUpdates:
    """The updates of a run that several optimizers share.

    Attributes:
        loads: the states that they have loaded since the last update; None if there are none.
        joined: by optimizer, the update after the last one in which it took part.
        restored: those whose groups had a count at the start of the run.
        without_count: those that have loaded a state without a count, with which they join the run.

    Args:
        run: the state of the run.
        attached: returns the optimizers by name, without deleted ones.
    """

    def __init__(self, run: RunState, attached: Callable[[], Mapping[str, AttachedOptimizer]]) -> None:
        self._run = run
        self._attached = attached
        self._starters = "", ""  # the optimizers whose steps started the last two updates
        self._has_warned = False  # that one has missed a step
        self.joined = dict[str, int]()
        self.loads: LoadedRuns | None = None
        self.restored = set[str]()
        self.without_count = set[str]()

    def before_update(self, starter: str) -> None:
        """Move the optimizers that have not stepped in the last update to the next one."""
        run = self._run
        if self.loads is not None:
            self._end_loads(self.loads)
        attached = self._attached().values()
        missed = [optimizer for optimizer in attached if optimizer.t < run.t]
        before, last = self._starters
        self._starters = last, starter
        if missed:
            # If another one steps several times in each iteration, the first that has missed the update ends them.
            *_, last_stepped = (optimizer.name for optimizer in attached if optimizer.t == run.t)
            for optimizer in missed:
                optimizer.advance_without_step()
            message = messages.ended_without_step([optimizer.name for optimizer in missed], run.t)
            self._log_missed_step(message, [missed[0].name, last_stepped])
        # The steps are the same whether the first optimizer has skipped one or the loop has changed the order. A loop
        # that steps one optimizer more often has missed steps in the next update, and changes the order every time.
        elif before not in ("", last) and last == starter:
            self._log_missed_step(messages.other_starter(last, before, run.t), [last])

    def join_update(self, name: str) -> None:
        """Note that an optimizer steps in the last update, which another one has started."""
        self.joined[name] = self._run.t
        if self.loads is not None:
            self.loads.restored.pop(name, None)

    def after_update(self) -> None:
        """Note that an update was counted: nothing."""

    def after_driving_step(self, driver: AttachedOptimizer, optimizer: object) -> None:
        """Count a step of the optimizer that drives the run, and write the next values of all optimizers."""
        try:
            driver.after_step(optimizer)
        finally:
            run_uncompiled(SharedUpdates._advance_others)(self, driver)

    def _advance_others(self, driver: AttachedOptimizer) -> None:
        for attached in self._attached().values():
            if attached is not driver:
                attached.advance_without_step()

    def counts(self, present: Mapping[str, int]) -> Mapping[str, int]:
        """Return the count of each optimizer, with those that were loaded; `present` are those in the run."""
        return present if self.loads is None else self.loads.counts(present)

    def may_have_missed(self, name: str, t: int) -> bool:
        """Return whether an optimizer one update behind has not stepped in the last update, of a run moved to `t`."""
        restored = None if self.loads is None else self.loads.restored.get(name)
        is_loaded = restored is not None and restored.is_loaded
        return self.loads is None or t == self.loads.before or name in self.restored or is_loaded

    def log_late(self, names: Iterable[str]) -> None:
        """Log the optimizers that have not stepped in the last update, at the end of the run.

        If one has skipped its first step, its later steps look like those of a loop in another order, up to here.

        Args:
            names: all optimizers.
        """
        t = self._run.t
        starter = self._starters[1]
        late = [name for name in names if name != starter and self.joined.get(name) != t]
        if starter and late:
            self._log_missed_step(messages.ended_without_step(late, t), [late[0], starter])

    def _log_missed_step(self, message: str, choices: Iterable[str]) -> None:
        """Log once that an optimizer misses updates; `choices` are those whose steps may be the updates."""
        if not self._has_warned:
            self._has_warned = True
            self._run.processes.log(*messages.missed_step(message, choices))

    def _end_loads(self, loads: LoadedRuns) -> None:
        """Warn of what differs in the checkpoints of the optimizers, before the next update of the run."""
        t = self._run.t
        for name, restored in loads.restored.items():
            count = restored.saved.count
            if restored.is_loaded and count is not None and count < t - 1:
                self._run.unreported.append(messages.checkpoint_is_behind(name, count, t))
        left = [
            name
            for name, restored in loads.restored.items()
            if not (restored.is_loaded or name in self.without_count)
            and (restored.saved.count or 0) < t - self.may_have_missed(name, t)
        ]
        if left:
            sources = [name for name, restored in loads.restored.items() if restored.is_loaded]
            self._run.unreported.append(messages.without_checkpoint(left, sources, t))
        self.loads = None


if not TYPE_CHECKING:  # hidden, so that type checkers reject names that do not exist
    __getattr__ = names_in_pickles(__name__)
