"""Comparing a log with a plan, and the report on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched.audit.explain import Explanation, explanations
from paramsched.audit.log_values import LoggedValues
from paramsched.audit.match import BasesByPlace, DifferingValue, LogMatch, PlannedColumn, depends_on_base, pair_columns
from paramsched.plan import Plan
from paramsched.plan.resolve import amounts_of_run
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        values: how many were compared.
        exact: how many are as planned.
        first: the first that is not.
        causes: those that explain the log equally well, the simplest first.
        bases: taken from the log, where nobody gave them.
        notes: what the reader should know.
    """

    values: int
    exact: int
    first: DifferingValue | None
    causes: tuple[Explanation, ...]
    bases: Mapping[str, float]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.exact:,} of {self.values:,} values are as planned"]
        lines += [f"base of {place} taken to be {base!r}, from the log" for place, base in self.bases.items()]
        lines += [f"note: {note}" for note in self.notes]
        if self.first is not None:
            one = self.first
            lines.append(
                f"first difference: {one.field} of group {one.group!r} at update {one.t:,}{_amount_in_words(one)}: "
                f"{one.logged!r} logged, {one.planned!r} planned"
            )
        for number, found in enumerate(self.causes):
            lead = "likely cause" if number == 0 else "as well explained by"
            lines.append(f"{lead}: {found.name}: {found.text} (explains {found.explains:,} of {self.values:,} values)")
        if self.first is not None and not self.causes:
            lines.append("no cause that was tried explains it")
        return "\n".join(lines)


@np.errstate(over="ignore", invalid="ignore")  # a log may hold infinities and numbers too large for a float32
def compare_with_plan(
    logged: LoggedValues,
    plan: Plan,
    calendar: Calendar | None = None,
    *,
    bases: BasesByPlace | None = None,
    names: Sequence[str] = (),
    processes: int | None = None,
) -> Report:
    """Compare a log with a plan, and look for the cause of what differs.

    Args:
        logged: what a run used.
        plan: what was planned.
        calendar: the facts of the run.
        bases: by field and group (None for every group); a base that is nowhere is found from the log.
        names: of the groups, in order, for plans that select by name.
        processes: how many there were, to tell causes apart.

    Raises:
        UnreadableLog: nothing of the log is in the plan.
        MissingFact: a unit of the plan needs a fact.
    """
    facts = calendar or Calendar()
    resolved = plan.resolve(facts)
    run = amounts_of_run(resolved, facts)
    pairs = pair_columns(logged, resolved, run, bases or {}, names)
    match = LogMatch.of(pairs)
    first = match.first_difference()
    taken = {
        f"{pair.column.field} of group {pair.group!r}": base
        for pair, base in zip(pairs, match.bases, strict=True)
        if pair.base is None and depends_on_base(pair)
    }
    notes = (*logged.notes, *_fields_not_logged(plan, logged))
    causes: tuple[Explanation, ...] = ()
    if first is not None:

        def pairs_under(other: Plan) -> list[PlannedColumn]:
            return pair_columns(logged, other, run, bases or {}, names)

        causes = explanations(plan, facts, match, pairs_under, processes)
    return Report(match.values, match.exact, first, causes, taken, notes)


def _amount_in_words(one: DifferingValue) -> str:
    """What was consumed before the update of a value, where its schedule counts that.

    >>> _amount_in_words(DifferingValue(12, "lr", 0, 0.1, 0.2, 24576.0, "tokens"))
    ' (24,576 tokens)'
    """
    if one.amount is None:
        return ""
    amount = f"{one.amount:,.6g}" if one.clock == "seconds" else f"{int(one.amount):,}"
    return f" ({amount} {one.clock})"


def _fields_not_logged(plan: Plan, logged: LoggedValues) -> tuple[str, ...]:
    """A note on fields that the plan schedules and the log lacks; for Adam, `betas[0]` counts as momentum."""
    there = {column.field for column in logged.columns}
    aliased = there | ({"momentum"} if "betas[0]" in there else set())
    missing = sorted({one.name for one in plan.bindings if isinstance(one.field, str)} - aliased)
    return (f"not in the log: {', '.join(missing)}",) if missing else ()
