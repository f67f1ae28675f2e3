"""What a start and the loads of a run report: how plans, bases and values differ from those of checkpoints."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.bases import problems_of_bases, report_bases
from paramsched.core.diagnosis.edited import problems_of_edits
from paramsched.core.diagnosis.end_reports import EndReports
from paramsched.core.diagnosis.loads import (
    missing_count,
    texts_of_loaded_values,
    warn_of_changes,
    warn_of_other_order,
)
from paramsched.core.diagnosis.reports import VALUES_SHOWN, log_jumps
from paramsched.core.run.beginning import StartingRun
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.record import OtherBase, RestoredOptimizer
from paramsched.core.run.resume import reached
from paramsched.core.run.run import Run
from paramsched.core.run.steps import updates_in_states
from paramsched.core.time.run_facts import RunFacts


@final
class LoadReports:
    """The reports of a start and of loads. Each difference is reported once in the life of the Scheduler.

    Args:
        run: the run.
        end: what is reported of its end.
    """

    def __init__(self, run: Run, end: EndReports) -> None:
        self._run = run
        self._end = end
        self._has_said_count = False  # that a checkpoint has none
        self._said_values = set[str]()
        self._said_plans = set[tuple[str | None, RunFacts]]()  # the plans whose difference was logged
        # Each base with its update, or -1 if the checkpoint's applies.
        self._said_bases = set[tuple[OtherBase, int]]()
        self._later_bases: list[OtherBase] = []  # of the states that several optimizers load, not reported yet

    def take_later(self) -> list[Problem]:
        """Return the problems of bases that wait for the next update, once."""
        problems = [problem for problem, _ in problems_of_bases(self._later_bases, self._run.t)]
        self._later_bases = []
        return problems

    # ------------------------------------------------------------------ a start

    def log_carried(self, beginning: StartingRun) -> None:
        """Log the values that checkpoints in the groups change, and report their edits."""
        loaded = {name: beginning.restored[name] for name in beginning.saved if name not in beginning.earlier}
        self._log_values(loaded, beginning.groups)
        self._report_edits(beginning)

    def _report_edits(self, beginning: StartingRun) -> None:
        """Report the entries that were changed: those that apply as bases, and those that the plan overwrites."""
        run = self._run
        uses_edits = beginning.arguments.on_base == "code"
        for name, edits in beginning.edits.items():
            restored = beginning.restored[name]
            report_bases(self._new_bases(restored.changes, run.t), run.t, run.processes)
            overwritten = [edit for edit in edits if not (uses_edits and edit.changes_base)]
            for problem in problems_of_edits(overwritten, restored.scope.labels(beginning.groups[name])):
                run.processes.warn(problem)

    # ------------------------------------------------------------------ a load

    def loading(
        self,
        loaded: Mapping[str, RestoredOptimizer],
        groups: Mapping[str, list[GroupDict]],
        states: Any,
        present: Sequence[GroupDict] | None,
    ) -> None:
        """Warn of what a load probably does not mean, as `RunObserver.loading`."""
        run = self._run
        for name, restored in loaded.items():
            warn_of_changes(run, name, restored, groups)
        for name in loaded if present is not None else ():
            warn_of_other_order(groups[name], present or (), run.processes)
        t = reached(run, loaded)
        for name, restored in loaded.items():
            if not restored.saved.count:
                taken = updates_in_states(states)  # reads tensors
                problem = missing_count(run, name, restored, groups[name], taken, is_known=self._has_said_count)
                self._has_said_count = self._has_said_count or problem is not None
                if problem is not None:
                    run.processes.warn(problem)
            self._report_changed_bases(restored, t)
            self._end.warn_if_over(restored.in_force, t, restored.position.amount)

    def _report_changed_bases(self, restored: RestoredOptimizer, t: int) -> None:
        """Report the bases that differ from those of a checkpoint."""
        run = self._run
        has_count = restored.saved.count is not None
        differing = [change for change in restored.changes if has_count or change.code_applies]
        new = self._new_bases(differing, t)
        if run.shared is not None and not run.processes.strict:  # one message for all, after the next update
            self._later_bases += [change for change in new if not change.code_applies]
            run.state.is_watched = True
            new = [change for change in new if change.code_applies]
        report_bases(new, t, run.processes)

    def _new_bases(self, bases: Iterable[OtherBase], t: int) -> list[OtherBase]:
        """Return the bases that were not reported yet, each once; `t` is the update from which on the code's apply."""
        by_key = {(base, t if base.code_applies else -1): base for base in bases}
        new = [base for key, base in by_key.items() if key not in self._said_bases]
        self._said_bases |= by_key.keys()
        return new

    def loading_of_torch(self, restored: RestoredOptimizer, rates: Mapping[tuple[int, str], Any]) -> None:
        """Report what a load of a state of torch's schedulers changes."""
        run = self._run
        position = restored.position
        report_bases(self._new_bases(restored.changes, position.t), position.t, run.processes)
        self._end.warn_if_over(restored.in_force, position.t, position.amount)
        if rates:
            log_jumps(restored.lines, position.times, restored.states, rates, run.processes)

    def restoring(self, loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]]) -> None:
        """Log how the saved plan differs, and the values that change."""
        self.log_notes(loaded.values())
        self._log_values(loaded, groups)

    def log_notes(self, loaded: Iterable[RestoredOptimizer]) -> None:
        """Log how saved plans differ, once for each of them."""
        for restored in loaded:
            identity = restored.plan_identity
            if identity not in self._said_plans:
                for note in restored.notes:
                    self._run.processes.log(*note)
            if identity is not None:
                self._said_plans.add(identity)

    def _log_values(self, loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]]) -> None:
        """Log up to four values of the next updates that differ from those of a checkpoint, each once."""
        texts = texts_of_loaded_values(loaded, groups)
        new = [text for text in texts if text not in self._said_values]
        self._said_values |= set(texts)
        if new:
            self._run.processes.log("%s", "\n".join(new[:VALUES_SHOWN]))
