"""The observer of a run: what it looks at, and what it has said."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, final

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.bases import problems_of_bases, report_bases
from paramsched.core.diagnosis.edited import external_problem, problems_of_edits
from paramsched.core.diagnosis.loads import (
    missing_count,
    texts_of_loaded_values,
    warn_of_changes,
    warn_of_other_order,
)
from paramsched.core.diagnosis.messages import runs as messages
from paramsched.core.diagnosis.reports import VALUES_SHOWN, log_jumps
from paramsched.core.diagnosis.run_ends import idle_rules_problem, run_goes_on
from paramsched.core.diagnosis.short_run import ShortRun
from paramsched.core.diagnosis.starts import (
    has_begun,
    report_bases_of_start,
    report_carried,
    report_takeover,
    report_values,
    warn_of_dropped_lines,
)
from paramsched.core.diagnosis.step_hook import STEP_HOOK
from paramsched.core.diagnosis.training import MovesAfterLoad, ParameterWrites, unmoved
from paramsched.core.feedback import MetricRule, ignored_metrics
from paramsched.core.plan.binding import binding_key, parts_of, selector_text
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.beginning import Beginning
from paramsched.core.run.observers import ExternalWrite
from paramsched.core.run.processes import WORLD
from paramsched.core.run.record import OtherBase, RestoredOptimizer
from paramsched.core.run.resume import reached
from paramsched.core.run.run import Run
from paramsched.core.run.state import GroupDict
from paramsched.core.run.steps import updates_in_states
from paramsched.core.time.duration import PROGRESS
from paramsched.core.time.run_facts import RunFacts


@final
class Diagnosis:
    """The observer of a run, as `RunObserver`. It refers to no optimizer, so that they are freed.

    Attributes:
        training: the writes to parameters before the first update; None from then on.
        largest_report: the largest difference between two reports of progress.
        end_is_known: True if an engine has reported that the run is shorter than its plan, or has ended.

    Args:
        run: the run.
        note: notes a run that has begun, whose end is looked at.
    """

    training: ParameterWrites | None = None
    largest_report = 0.0
    end_is_known = False
    _moves: MovesAfterLoad | None = None
    _has_said_end = False  # that the run goes on after the end of its plan
    _has_said_count = False  # that a checkpoint has none
    _saved_at = -1  # the update of the last checkpoint

    def __init__(self, run: Run, note: Callable[["Diagnosis"], None]) -> None:
        self._run = run
        self._note = note
        self._short = ShortRun(run)
        self._reports_metrics = not run.arguments.warns_of_metrics  # False after missing metrics were logged
        self._reports_groups = not run.arguments.warns_of_metrics  # False after missing groups were reported
        self._observed = set[str]()  # the metrics that this process has observed
        self._skipped = set[str]()  # the metrics of which an ignored value was reported
        self._said = set[str]()  # the kinds of reports and metrics that have caused a warning, and values of loads
        self._said_plans = set[tuple[str | None, RunFacts]]()  # the plans whose difference was logged
        # Each base with its update, or -1 if the checkpoint's applies.
        self._said_bases = set[tuple[OtherBase, int]]()
        self._later_bases: list[OtherBase] = []  # of the states that several optimizers load, not reported yet

    # ------------------------------------------------------------------ the start

    def begin(self, beginning: Beginning) -> None:
        """Look at a start before anything is written.

        Raises:
            PlanWarning: a probable mistake, with `strict`.
        """
        run = self._run
        state = run.state
        if beginning.earlier:
            warn_of_dropped_lines(run, beginning)
        if beginning.saved:
            self._log_notes(list(beginning.restored.values())[:1])
        report_values(run, beginning)
        if beginning.saved or has_begun(beginning):
            report_bases_of_start(run, beginning)
        if beginning.saved:
            report_carried(run, beginning, run.processes)
        if state.t:
            self._warn_if_over(run.in_force, state.t, state.amount)
        if beginning.saved:
            loaded = {name: beginning.restored[name] for name in beginning.saved if name not in beginning.earlier}
            self._log_values(loaded, beginning.groups)
            self._report_edits(beginning)
        if beginning.earlier:
            report_takeover(run, beginning)

    def _report_edits(self, beginning: Beginning) -> None:
        """Report the entries that were changed: those that apply as bases, and those that the plan overwrites."""
        run = self._run
        uses_edits = beginning.arguments.on_base == "code"
        for name, edits in beginning.edits.items():
            restored = beginning.restored[name]
            report_bases(self._new_bases(restored.changes, run.t), run.t, run.processes)
            overwritten = [edit for edit in edits if not (uses_edits and edit.changes_base)]
            for problem in problems_of_edits(overwritten, restored.scope.labels(beginning.groups[name])):
                run.processes.warn(problem)

    def watch(self, optimizers: Mapping[str, Any], *, is_restored: bool) -> None:
        """Count the writes to parameters until the first update, and see steps after a load."""
        run = self._run
        attached = run.attached
        drivers = {name: optimizer for name, optimizer in optimizers.items() if attached[name].can_start}
        self.training = ParameterWrites(drivers)
        run.state.is_watched = True
        if run.arguments.drive == "manual":
            self._moves = MovesAfterLoad(run, optimizers.values())
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
        state.unreported += [problem for problem, _ in problems_of_bases(self._later_bases, state.t)]
        self._later_bases = []
        self.end_training()
        amounts = state.amounts
        if amounts is None or (amounts.amount is not None and amounts.amount >= amounts.no_end_below):
            self._note_end(name)

    def _note_end(self, name: str) -> None:
        """Report metric rules and lines without effect up to the end of the plan, and that the run goes on after it."""
        run = self._run
        state = run.state
        in_force = run.in_force
        amounts = state.amounts
        is_over = in_force.is_over_at(state.t, state.amount)
        if state.states and self._reports_metrics and is_over:
            self._report(self._idle_problem(messages.plan_is_over(state.t)))
        if self._reports_groups and is_over:
            self._report(self.missing_groups())
        amount = state.last_amount
        if self._has_said_end or (amount is not None and amount < in_force.no_end_below):
            return
        if in_force.unit != PROGRESS and in_force.is_over_at(state.t - 1, amount):
            self._has_said_end = True
            last = None if amounts is None else amounts.last_report
            has_one_optimizer = amounts is None or run.shared is None
            lines = run.attached[name].table.lines if has_one_optimizer else ()
            state.unreported.append(run_goes_on(in_force, lines, state.times, state.states, last))

    def _report(self, problem: Problem | None) -> None:
        """Log a problem of a plan that is over; with `strict` it is an error."""
        run = self._run
        if problem is not None and run.processes.strict:
            run.state.unreported.append(problem)
        elif problem is not None:
            run.processes.log("%s", problem)

    def _idle_problem(self, begin: str) -> Problem | None:
        """Return the problem of metric rules that have observed no metric, once; `begin` begins the sentence."""
        self._reports_metrics = False
        return idle_rules_problem(self.idle_rules(), begin)

    def missing_groups(self) -> Problem | None:
        """Return the warning of optional lines that have selected no group so far, once; None if there are none."""
        state = self._run.state
        self._reports_groups = False
        missing = [
            f"{binding.name} @ {pattern if isinstance(pattern, str) else selector_text(pattern)}"
            for binding in state.in_force.plan.bindings
            if binding.optional
            for pattern in (parts_of(binding.groups) if isinstance(binding.groups, str) else [binding.groups])
            if (binding_key(binding), pattern) not in state.matched
        ]
        return messages.no_group_added(missing, state.t) if missing else None

    def differed(self, write: ExternalWrite) -> None:
        """Warn of the first external write of a field."""
        self._run.state.unreported.append(external_problem(write))

    def _warn_if_over(self, in_force: ResolvedPlan, t: int, amount: Amount | None) -> None:
        """Warn if a run has completed more updates than a plan has, once.

        On another clock, the updates of other sizes, before a resume, may have consumed less than the plan has.
        """
        total = in_force.total
        if total is None or t <= total or self._has_said_end:
            return
        if in_force.unit is None or in_force.is_over_at(t, amount):
            self._has_said_end = True
            self._run.processes.warn(messages.run_is_over(t, total))

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
            self._warn_if_over(restored.in_force, t, restored.position.amount)

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
        self._warn_if_over(restored.in_force, position.t, position.amount)
        if rates:
            log_jumps(restored.lines, position.times, restored.states, rates, run.processes)

    def restoring(self, loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]]) -> None:
        """Log how the saved plan differs, and the values that change."""
        self._log_notes(loaded.values())
        self._log_values(loaded, groups)

    def _log_notes(self, loaded: Iterable[RestoredOptimizer]) -> None:
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
        new = [text for text in texts if text not in self._said]
        self._said |= set(texts)
        if new:
            self._run.processes.log("%s", "\n".join(new[:VALUES_SHOWN]))

    def moved(self) -> None:
        """Count the writes to parameters from now on."""
        if self.training is not None:
            self.training.begin()

    def note_over(self) -> None:
        """Note that the original of a copy has said that the run goes on after the end of its plan, if it does."""
        state = self._run.state
        self._has_said_end = state.in_force.is_over_at(state.t - 1, state.last_amount)

    def sought(self) -> None:
        """Say again that the run goes on after the end of its plan, if it does."""
        self._has_said_end = False

    def reported(self, difference: float) -> None:
        """Note a reported progress, which moves the run without an update."""
        self.largest_report = max(self.largest_report, difference)
        self.end_training()

    def saved(self, count: int) -> None:
        """Note a checkpoint: the next job may continue it."""
        self._saved_at = count

    def loaded(self) -> None:
        """Look at the plan in force and at the training from now on."""
        if self.training is not None:
            self.training.begin()
        self._short.read_plan()
        if self._moves is not None:
            self._moves.begin()

    # ------------------------------------------------------------------ what a loop reports and asks

    def observed(self, states: Mapping[MetricRule[Any], Any], numbers: Mapping[str, float]) -> None:
        """Note the metrics, and warn of those that are not numbers."""
        self._observed |= numbers.keys()
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
        if subject not in self._said:
            self._said.add(subject)
            self._run.processes.warn(problem)

    def idle_rules(self) -> list[MetricRule[Any]]:
        """Return the metric rules that have not observed their metric."""
        return self._run.state.rules_without_metric(self._observed)

    # ------------------------------------------------------------------ the end

    def unmoved(self) -> Problem | None:
        """Return the problem of a plan that does not move although its parameters are trained; None if it does."""
        return None if self.training is None else unmoved(self._run, self.training, self._observed)

    def end_training(self) -> None:
        """Count no writes to parameters any more, because the run has moved, or something else reports them."""
        if self.training is not None:
            self.training.end()
            self.training = None
        STEP_HOOK.remove_if_unused()

    def short_run(self) -> str:
        """Return a sentence about a run that has ended before its plan; an empty string if it has not."""
        return "" if self.end_is_known else self._short.problem(self.largest_report)

    def ended(self) -> None:
        """Look at the training no more."""
        self.end_training()

    def take_over(self, what: Literal["metrics", "training"]) -> None:
        """Note that an engine itself reports metrics that never arrive, or why the plan does not move."""
        if what == "metrics":
            self._reports_metrics = False
        else:
            self.end_training()

    def set_end_known(self, is_known: bool) -> None:
        """Note whether the end of the run was reported, or needs no report."""
        self.end_is_known = is_known

    def problems_of_end(self, *, early: bool, unmoved_advice: str) -> list[Problem]:
        """Return the problems of a run at its end, as `EngineHandle.problems_of_end`."""
        run = self._run
        message = "" if early else self.short_run()
        has_no_groups = early or run.has_ended or not run.state.has_moved
        missing = None if has_no_groups else self.missing_groups()
        self.end_is_known = True
        self._reports_groups = False
        still = self.unmoved()
        problems = [] if still is None else [still.changed(advice=unmoved_advice)]
        if still is not None:
            self.end_training()
        problems += [Problem(found=message)] if message else []
        return problems if missing is None else [*problems, missing]

    def counts(self) -> tuple[int, int]:
        """Return the update of the run, and the number of writes to its parameters before its first update."""
        return self._run.t, 0 if self.training is None else self.training.count()

    @property
    def is_running(self) -> bool:
        """True if the run has optimizers, and has not ended."""
        return bool(self._run.attached) and not self._run.has_ended

    def trains_parameters_of(self, earlier: "Diagnosis") -> bool:
        """Return whether some of the parameters are in the groups of another run."""
        groups = [group for of_optimizer in earlier._run.groups().values() for group in of_optimizer]
        return self.training is not None and self.training.are_in(groups)

    def log_end(self, *, is_trained_by_other: bool) -> None:
        """Log what the normal end of the process means for the run.

        Args:
            is_trained_by_other: True if another run with the same parameters has written them.
        """
        run = self._run
        state = run.state
        short = self.short_run()
        problem = None if is_trained_by_other else self.unmoved()
        is_saved = self._saved_at == run.t  # the next job continues it
        if problem is not None:
            run.processes.log("%s", problem)
        elif short and not is_saved:
            run.processes.log("%s", short)
        if not state.has_moved or run.has_ended:
            return
        if self._reports_metrics:
            idle = self._idle_problem(messages.run_has_ended(run.t))
            if idle is not None:  # not an error with `strict`, because the process ends
                run.processes.log("%s", idle)
        if run.shared is not None and run.arguments.drive == "optimizer":
            run.shared.log_late(run.attached_refs)
        is_continued = is_saved and not run.in_force.is_over_at(state.t, state.amount)
        if self._reports_groups and not is_continued:
            missing = self.missing_groups()
            if missing is not None:
                run.processes.log("%s", missing)
