"""Several optimizers under one plan: the counts that they carry and load."""

from collections.abc import Iterable, Mapping
from typing import final

from paramsched.base.problem import Problem
from paramsched.core.plan.optimizers import shown_names
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.reports import problems_of_bases
from paramsched.core.run.run import Run
from paramsched.core.run.saved_run import SavedRun
from paramsched.core.run.state import saved_states
from paramsched.errors import StateError


def starting_counts(names: Iterable[str], known: Mapping[str, int], start: int | None, drive: str) -> dict[str, int]:
    """Return the count of each optimizer; one without a count joins at the update of the run.

    Args:
        names: the optimizers.
        known: the counts in the groups of some optimizers.
        start: the argument `t` of the Scheduler, which decides if the counts differ by more than 1.
        drive: as in `ps.Scheduler`.

    Raises:
        StateError: the counts differ by more than 1, and `start` is None.
    """
    t = max(known.values(), default=start or 0)
    if t - min(known.values(), default=t) > 1:
        if start is None:
            first, last = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
            raise StateError(
                f"the checkpoint of {first} is of update {known[first]}, that of {last} of update {known[last]}: "
                "the optimizers of one run differ by at most 1. Load checkpoints saved at the same update, or write "
                "ps.Scheduler(optimizers, plan, t=n)"
            )
        return dict.fromkeys(names, start)
    return {name: known.get(name, t) if drive == "optimizer" else t for name in names}


@final
class Loads:
    """The states that several optimizers have loaded since the last update of their run.

    The run is at the largest count. An optimizer that is one update behind it has not stepped in the last update, and
    one that is further behind continues at the update of the run. A later load may change this, so the counts are kept
    until the next update: therefore loads in any order end in the same state. An optimizer that loads nothing while
    the others move the run forward continues at the update of the run, too.

    Args:
        run: the run, whose present state applies until a load changes it.
    """

    def __init__(self, run: Run) -> None:
        self.before = run.t
        position, states = run.position, saved_states(run.states)
        self.saved = {  # by the name of the optimizer; those that were loaded come last, in their order
            name: SavedRun(count, position, run.last_amount, states, run.history, is_loaded=False)
            for name, count in run.counts.items()
        }

    def add(self, loaded: Mapping[str, SavedRun]) -> None:
        """Note the states that optimizers have loaded."""
        for name, saved in loaded.items():
            self.saved.pop(name, None)
            self.saved[name] = saved

    def forget(self, name: str) -> None:
        """Forget the state of an optimizer that has stepped, and is at the update of the run."""
        self.saved.pop(name, None)

    def counts(self, run: Run) -> dict[str, int]:
        """Return the count of each optimizer."""
        saved = {name: saved_run.count for name, saved_run in self.saved.items()}
        return {name: count if (known := saved.get(name)) is None else known for name, count in run.counts.items()}

    def may_have_missed(self, run: Run, name: str, t: int) -> bool:
        """Return whether an optimizer one update behind has not stepped in the last update, of a run moved to `t`."""
        saved = self.saved.get(name)
        return t == self.before or run.members[name].is_restored or (saved is not None and saved.is_loaded)

    def of_run_at(self, run: Run, t: int) -> SavedRun | None:
        """Return the record of the run at an update, the last one that was loaded; None if that is the present one."""
        latest = list(reversed(self.saved.values()))
        of_run = next((saved for saved in latest if saved.is_loaded and saved.position.t == t), None)
        if of_run is not None or t == run.t:
            return of_run
        return next(saved for saved in latest if t in (saved.count, saved.position.t))

    def amounts(self, run: Run) -> dict[int, Amount | None]:
        """Return the known amounts by update; those that were loaded last take precedence."""
        amounts = {run.t - 1: run.last_amount, run.t: run.amount}
        for saved in self.saved.values():
            amounts[saved.position.t] = saved.position.amount
            if saved.last_amount is not None:
                amounts[saved.position.t - 1] = saved.last_amount
        return amounts

    def end(self, run: Run) -> None:
        """Warn of what differs in the checkpoints of the optimizers, before the next update of the run."""
        for name, saved in self.saved.items():
            if saved.is_loaded and saved.count is not None and saved.count < run.t - 1:
                problem = f"the checkpoint of {name} is of update {saved.count}, and the run is at update {run.t}"
                advice = f"Load checkpoints of the same update. {name} continues at update {run.t}."
                run.unreported.append(Problem(found=problem, advice=advice))
        left = [
            name
            for name, saved in self.saved.items()
            if not (saved.is_loaded or run.members[name].has_joined)
            and (saved.count or 0) < run.t - self.may_have_missed(run, name, run.t)
        ]
        if left:
            sources = shown_names(name for name, saved in self.saved.items() if saved.is_loaded)
            problem = (
                f"the run is at update {run.t}, from the checkpoint of {sources}, and {shown_names(left)} loaded none"
            )
            advice = f"Load checkpoints of the same update. {shown_names(left)} continues at update {run.t}."
            run.unreported.append(Problem(found=problem, advice=advice))
        run.unreported += [problem for problem, _ in problems_of_bases(run.changed_bases, run.t)]
        run.loads, run.changed_bases = None, []


def load_counts(run: Run, loaded: Mapping[str, SavedRun], source: str | None) -> bool:
    """Continue from what some of several optimizers have loaded, as `Run.load`."""
    counted = {name: saved for name, saved in loaded.items() if saved.count is not None}
    for name in loaded.keys() - counted.keys():
        run.members[name].has_joined = True
    if not counted:
        return False
    loads = run.loads if isinstance(run.loads, Loads) else Loads(run)
    run.loads = loads
    loads.add(counted)
    counts, amounts, before = loads.counts(run), loads.amounts(run), run.position
    t = max(counts.values())
    saved = loads.of_run_at(run, t)
    position = run.position_at(t) if saved is None else saved.position_at(t)
    if position != before:
        run.move(position, source)
    run.last_amount = amounts.get(t - 1, position.amount)
    if saved is not None:
        run.continue_from(saved)
    for name, member in run.members.items():
        is_behind = run.drive == "optimizer" and counts[name] == t - 1
        member.t = t - (is_behind and loads.may_have_missed(run, name, t))
    return position != before
