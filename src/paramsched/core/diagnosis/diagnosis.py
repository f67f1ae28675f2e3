"""The observer of a run: what happens in it, passed to what reports it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, final

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.edited import external_problem
from paramsched.core.diagnosis.end_reports import EndReports
from paramsched.core.diagnosis.load_reports import LoadReports
from paramsched.core.diagnosis.starts import (
    has_begun,
    report_bases_of_start,
    report_carried,
    report_takeover,
    report_values,
    warn_of_dropped_lines,
)
from paramsched.core.diagnosis.step_hook import STEP_HOOK
from paramsched.core.diagnosis.training import LoadedUpdates, ParameterWrites, unmoved
from paramsched.core.metrics.metric_rules import MetricRule, ignored_metrics
from paramsched.core.run.beginning import StartingRun
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.observers import ExternalWrite
from paramsched.core.run.processes import WORLD
from paramsched.core.run.record import RestoredOptimizer
from paramsched.core.run.run import Run


@final
class DiagnosticObserver:
    """The observer of a run, as `RunObserver`. It refers to no optimizer, so that they are freed.

    Attributes:
        end: the reports of the end of the plan and of the run.
        loads: the reports of the start and of loads.
        training: the writes to parameters before the first update; None from then on.

    Args:
        run: the run.
        note: notes a run that has begun, whose end is looked at.
    """

    training: ParameterWrites | None = None
    _moves: LoadedUpdates | None = None

    def __init__(self, run: Run, note: Callable[["DiagnosticObserver"], None]) -> None:
        self._run = run
        self._note = note
        self.end = EndReports(run)
        self.loads = LoadReports(run, self.end)
        self._skipped = set[str]()  # the metrics of which an ignored value was reported
        self._warned = set[str]()  # the kinds of reports that have caused a warning

    # ------------------------------------------------------------------ the start

    def begin(self, beginning: StartingRun) -> None:
        """Look at a start before anything is written.

        Raises:
            PlanWarning: a probable mistake, with `strict`.
        """
        run = self._run
        state = run.state
        if beginning.earlier:
            warn_of_dropped_lines(run, beginning)
        if beginning.saved:
            self.loads.log_notes(list(beginning.restored.values())[:1])
        report_values(run, beginning)
        if beginning.saved or has_begun(beginning):
            report_bases_of_start(run, beginning)
        if beginning.saved:
            report_carried(run, beginning, run.processes)
        if state.t:
            self.end.warn_if_over(run.in_force, state.t, state.amount)
        if beginning.saved:
            self.loads.log_carried(beginning)
        if beginning.earlier:
            report_takeover(run, beginning)

    def watch(self, optimizers: Mapping[str, Any], *, is_restored: bool) -> None:
        """Count the writes to parameters until the first update, and see steps after a load."""
        run = self._run
        attached = run.attached
        drivers = {name: optimizer for name, optimizer in optimizers.items() if attached[name].can_start}
        self.training = ParameterWrites(drivers)
        run.state.is_watched = True
        if run.arguments.drive == "manual":
            self._moves = LoadedUpdates(run, optimizers.values())
            if is_restored:
                self._moves.begin()

    def begun(self) -> None:
        """Note that the run has begun."""
        self._note(self)

    # ------------------------------------------------------------------ updates

    def updated(self, name: str) -> None:
        """Note the first update, and look at the end of the plan."""
        state = self._run.state
        state.is_watched = False
        state.unreported += self.loads.take_later()
        self.end_training()
        amounts = state.amounts
        if amounts is None or (amounts.amount is not None and amounts.amount >= amounts.no_end_below):
            self.end.note_update(name)

    def differed(self, write: ExternalWrite) -> None:
        """Warn of the first external write of a field."""
        self._run.state.unreported.append(external_problem(write))

    # ------------------------------------------------------------------ loads and jumps

    def loading(
        self,
        loaded: Mapping[str, RestoredOptimizer],
        groups: Mapping[str, list[GroupDict]],
        states: Any = None,
        present: Sequence[GroupDict] | None = None,
    ) -> None:
        """Warn of what a load probably does not mean. A warning may be an error, so this comes before the first write.

        Raises:
            PlanWarning: a probable mistake, with `strict`.
        """
        self.loads.loading(loaded, groups, states, present)

    def loading_of_torch(self, restored: RestoredOptimizer, rates: Mapping[tuple[int, str], Any]) -> None:
        """Report what a load of a state of torch's schedulers changes."""
        self.loads.loading_of_torch(restored, rates)

    def restoring(self, loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]]) -> None:
        """Log how the saved plan differs, and the values that change."""
        self.loads.restoring(loaded, groups)

    def loaded(self) -> None:
        """Look at the plan in force and at the training from now on."""
        if self.training is not None:
            self.training.begin()
        self.end.read_plan()
        if self._moves is not None:
            self._moves.begin()

    def moved(self) -> None:
        """Count the writes to parameters from now on."""
        if self.training is not None:
            self.training.begin()

    def sought(self) -> None:
        """Say again that the run goes on after the end of its plan, if it does."""
        self.end.has_said_over = False

    def reported(self, difference: float) -> None:
        """Note a reported progress, which moves the run without an update."""
        self.end.largest_report = max(self.end.largest_report, difference)
        self.end_training()

    def saved(self, count: int) -> None:
        """Note a checkpoint: the next job may continue it."""
        self.end.saved_at = count

    # ------------------------------------------------------------------ what a loop reports and asks

    def observed(self, states: Mapping[MetricRule[Any], Any], numbers: Mapping[str, float]) -> None:
        """Note the metrics, and warn of those that are not numbers."""
        self.end.observed |= numbers.keys()
        for problem in ignored_metrics("scheduler.observe", states, numbers, self._run.t, self._skipped):
            WORLD.warn(problem)  # not an error with `strict`: one overflow must not end a run

    def queried(self) -> None:
        """Warn of a plan that does not move, if a loop has asked often whether it is over."""
        training = self.training
        if training is not None and training.note_query():
            problem = self.unmoved()
            self.end_training()  # reported once
            if problem is not None:
                self._run.processes.warn(problem)

    def warn_once(self, subject: str, problem: Problem) -> None:
        """Warn of one kind of reports or metrics, once in the life of the Scheduler."""
        if subject not in self._warned:
            self._warned.add(subject)
            self._run.processes.warn(problem)

    def idle_rules(self) -> list[MetricRule[Any]]:
        """Return the metric rules that have not observed their metric."""
        return self.end.idle_rules()

    # ------------------------------------------------------------------ the end

    def unmoved(self) -> Problem | None:
        """Return the problem of a plan that does not move although its parameters are trained; None if it does."""
        return None if self.training is None else unmoved(self._run, self.training, self.end.observed)

    def end_training(self) -> None:
        """Count no writes to parameters any more, because the run has moved, or something else reports them."""
        if self.training is not None:
            self.training.end()
            self.training = None
        STEP_HOOK.remove_if_unused()

    def ended(self) -> None:
        """Look at the training no more."""
        self.end_training()

    def take_over(self, what: Literal["metrics", "training"]) -> None:
        """Note that an engine itself reports metrics that never arrive, or why the plan does not move."""
        if what == "metrics":
            self.end.reports_metrics = False
        else:
            self.end_training()

    def set_end_known(self, is_known: bool) -> None:
        """Note whether the end of the run was reported, or needs no report."""
        self.end.is_known = is_known

    def problems_of_end(self, *, early: bool, unmoved_advice: str) -> list[Problem]:
        """Return the problems of a run at its end, as `EngineHandle.problems_of_end`."""
        still = self.unmoved()
        problems = self.end.problems(early=early)
        if still is None:
            return problems
        self.end_training()
        return [still.changed(advice=unmoved_advice), *problems]

    def log_end(self, *, is_trained_by_other: bool) -> None:
        """Log what the normal end of the process means for the run.

        Args:
            is_trained_by_other: True if another run with the same parameters has written them.
        """
        self.end.log(None if is_trained_by_other else self.unmoved())

    # ------------------------------------------------------------------ the runs of a process, for `ends.py`

    def counts(self) -> tuple[int, int]:
        """Return the update of the run, and the number of writes to its parameters before its first update."""
        return self._run.t, 0 if self.training is None else self.training.count()

    @property
    def is_running(self) -> bool:
        """True if the run has optimizers, and has not ended."""
        return bool(self._run.attached) and not self._run.has_ended

    def trains_parameters_of(self, earlier: "DiagnosticObserver") -> bool:
        """Return whether some of the parameters are in the groups of another run."""
        groups = [group for of_optimizer in earlier._run.groups().values() for group in of_optimizer]
        return self.training is not None and self.training.are_in(groups)
