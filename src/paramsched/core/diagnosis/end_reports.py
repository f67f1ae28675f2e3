"""What is reported of the end of a plan and of a run: one that goes on or is short, and lines without effect."""

from typing import Any, final

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.messages import runs as messages
from paramsched.core.diagnosis.run_ends import idle_rules_problem, run_goes_on
from paramsched.core.diagnosis.short_run import ShortRun
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import binding_key, parts_of, selector_text
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.run import Run
from paramsched.core.time.duration import PROGRESS


@final
class EndReports:
    """The reports of the end of a plan, and of the end of its run, each once.

    Attributes:
        reports_metrics: False after metrics that never arrive were reported, or if an engine reports them.
        reports_groups: False after optional lines without a group were reported.
        is_known: True if an engine has reported that the run is shorter than its plan, or has ended.
        observed: the metrics that this process has observed.
        largest_report: the largest difference between two reports of progress.
        saved_at: the update of the last checkpoint, which the next job continues.
        has_said_over: True after the report that the run goes on after the end of its plan.

    Args:
        run: the run.
    """

    is_known = False
    largest_report = 0.0
    saved_at = -1
    has_said_over = False

    def __init__(self, run: Run) -> None:
        self._run = run
        self._short = ShortRun(run)
        self.reports_metrics = not run.arguments.warns_of_metrics
        self.reports_groups = not run.arguments.warns_of_metrics
        self.observed = set[str]()

    def read_plan(self) -> None:
        """Read the plan in force again, after a load."""
        self._short.read_plan()

    # ------------------------------------------------------------------ the end of the plan

    def note_update(self, name: str) -> None:
        """Report metric rules and lines without effect up to the end of the plan, and that the run goes on after it.

        Args:
            name: the optimizer whose values the report has, if it is the only one.
        """
        run = self._run
        state = run.state
        in_force = run.in_force
        amounts = state.amounts
        is_over = in_force.is_over_at(state.t, state.amount)
        if state.states and self.reports_metrics and is_over:
            self._report(self._idle_problem(messages.plan_is_over(state.t)))
        if self.reports_groups and is_over:
            self._report(self.missing_groups())
        amount = state.last_amount
        if self.has_said_over or (amount is not None and amount < in_force.no_end_below):
            return
        if in_force.unit != PROGRESS and in_force.is_over_at(state.t - 1, amount):
            self.has_said_over = True
            last = None if amounts is None else amounts.last_report
            has_one_optimizer = amounts is None or run.shared is None
            lines = run.attached[name].table.lines if has_one_optimizer else ()
            state.unreported.append(run_goes_on(in_force, lines, state.times, state.states, last))

    def warn_if_over(self, in_force: ResolvedPlan, t: int, amount: Amount | None) -> None:
        """Warn if a run has completed more updates than a plan has, once.

        On another clock, the updates of other sizes, before a resume, may have consumed less than the plan has.
        """
        total = in_force.total
        if total is None or t <= total or self.has_said_over:
            return
        if in_force.unit is None or in_force.is_over_at(t, amount):
            self.has_said_over = True
            self._run.processes.warn(messages.run_is_over(t, total))

    def note_over(self) -> None:
        """Note that the original of a copy has said that the run goes on after the end of its plan, if it does."""
        state = self._run.state
        self.has_said_over = state.in_force.is_over_at(state.t - 1, state.last_amount)

    def _report(self, problem: Problem | None) -> None:
        """Log a problem of a plan that is over; with `strict` it is an error."""
        run = self._run
        if problem is not None and run.processes.strict:
            run.state.unreported.append(problem)
        elif problem is not None:
            run.processes.log("%s", problem)

    def _idle_problem(self, begin: str) -> Problem | None:
        """Return the problem of metric rules that have observed no metric, once; `begin` begins the sentence."""
        self.reports_metrics = False
        return idle_rules_problem(self.idle_rules(), begin)

    def idle_rules(self) -> list[MetricRule[Any]]:
        """Return the metric rules that have not observed their metric."""
        return self._run.state.rules_without_metric(self.observed)

    def missing_groups(self) -> Problem | None:
        """Return the warning of optional lines that have selected no group so far, once; None if there are none."""
        state = self._run.state
        self.reports_groups = False
        missing = [
            f"{binding.name} @ {pattern if isinstance(pattern, str) else selector_text(pattern)}"
            for binding in state.in_force.plan.bindings
            if binding.optional
            for pattern in (parts_of(binding.groups) if isinstance(binding.groups, str) else [binding.groups])
            if (binding_key(binding), pattern) not in state.matched
        ]
        return messages.no_group_added(missing, state.t) if missing else None

    # ------------------------------------------------------------------ the end of the run

    def short_run(self) -> str:
        """Return a sentence about a run that has ended before its plan; an empty string if it has not."""
        return "" if self.is_known else self._short.problem(self.largest_report)

    def problems(self, *, early: bool) -> list[Problem]:
        """Return the problems of a run at its end, as `EngineHandle.problems_of_end`."""
        run = self._run
        short = "" if early else self.short_run()
        problems = [Problem(found=short)] if short else []
        if not early and not run.has_ended and run.state.has_moved:
            missing = self.missing_groups()
            problems += [] if missing is None else [missing]
        self.is_known = True
        self.reports_groups = False
        return problems

    def log(self, unmoved: Problem | None) -> None:
        """Log what the normal end of the process means for the run.

        Args:
            unmoved: the problem of a plan that does not move although its parameters are trained; None if it does.
        """
        run = self._run
        state = run.state
        short = self.short_run()
        is_saved = self.saved_at == run.t  # the next job continues it
        if unmoved is not None:
            run.processes.log("%s", unmoved)
        elif short and not is_saved:
            run.processes.log("%s", short)
        if not state.has_moved or run.has_ended:
            return
        if self.reports_metrics:
            idle = self._idle_problem(messages.run_has_ended(run.t))
            if idle is not None:  # not an error with `strict`, because the process ends
                run.processes.log("%s", idle)
        if run.shared is not None and run.arguments.drive == "optimizer":
            run.shared.log_late(run.attached_refs)
        is_continued = is_saved and not run.in_force.is_over_at(state.t, state.amount)
        if self.reports_groups and not is_continued:
            missing = self.missing_groups()
            if missing is not None:
                run.processes.log("%s", missing)
