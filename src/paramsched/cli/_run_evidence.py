"""What a checkpoint and a log of the run say beside a plan, for the check."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, final

from paramsched.config.checking.finding import Finding
from paramsched.config.checking.rules_of_runs import BEYOND_THE_PLAN, LOG_DIFFERS
from paramsched.config.faults import HORIZON, entry_path
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.plan import Plan
from paramsched.time import Calendar, Duration


@final
@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What a run has left behind.

    Args:
        checkpoint: a file that torch.save made, or None.
        log: of values, or None.
    """

    checkpoint: str | None
    log: str | None

    def groups(self) -> Sequence[Mapping[str, Any]]:
        """The param groups of the checkpoint; none without one."""
        from paramsched.audit.checkpoint_log import read_groups

        return () if self.checkpoint is None else read_groups(Path(self.checkpoint)).groups

    def findings(self, plan: Plan, calendar: Calendar | None) -> Iterator[Finding]:
        """Where the run went on behind the plan, or used other values."""
        from paramsched.audit.checkpoint_log import read_groups

        if self.checkpoint is not None:
            yield from _beyond_the_plan(plan, calendar, read_groups(Path(self.checkpoint)).updates, "checkpoint")
        if self.log is not None:
            yield from _of_log(self.log, plan, calendar or Calendar())


def _of_log(log: str, plan: Plan, calendar: Calendar) -> Iterator[Finding]:
    """What a log says of the plan."""
    from paramsched.audit import AmountColumn, compare_with_plan, read_log
    from paramsched.plan.binding import amount_clock

    fields = [one.name for one in plan.bindings if isinstance(one.field, str)]
    logged = read_log(log, fields, columns={}, amount=AmountColumn(amount_clock(plan.clock)))
    last = max((int(column.t.max()) for column in logged.columns if column.t.size), default=None)
    yield from _beyond_the_plan(plan, calendar, last, "log")
    report = compare_with_plan(logged, plan, calendar)
    if report.first is not None:
        one = report.first
        found = f"at update {one.t} the run used {one.field}={one.logged!r}, and the plan says {one.planned!r}"
        cause = f"Likely cause: {report.causes[0].text}" if report.causes else ""
        yield Finding(LOG_DIFFERS, entry_path(one.field), found, cause)


def _beyond_the_plan(plan: Plan, calendar: Calendar | None, updates: int | None, what: str) -> Iterator[Finding]:
    """The run has more updates than the plan's horizon."""
    facts = calendar or Calendar()
    length = facts.total if plan.horizon is None else plan.horizon
    if updates is None or length is None:
        return
    try:
        horizon = ceil(facts.exact(Duration.of(length)))
    except (MissingFact, InvalidArgument):
        return
    if updates > horizon:
        found = f"the {what} is of update {updates}, and the plan ends at {horizon}"
        advice = "Say the horizon in updates of the optimizer: batches over accumulation, for all processes together"
        yield Finding(BEYOND_THE_PLAN, HORIZON, found, advice)
