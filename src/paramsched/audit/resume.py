"""The report of what a resume will do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from paramsched.audit.checkpoint_log import changes_between
from paramsched.audit.log_values import path_text
from paramsched.audit.saved_run import SavedRun
from paramsched.base.diagnostic import printable
from paramsched.plan import Plan
from paramsched.plan.diff import Diff
from paramsched.plan.optimizers import ALONE
from paramsched.scheduler.dry_run import DryRun, Message, dry_run
from paramsched.scheduler.saved_state import OnChange, read_scheduler_state
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class ResumeReport:
    """What a resume will do.

    Args:
        run: the run in the checkpoint.
        result: the result of the dry run.
        changes: the changes from the plan in the checkpoint.
        diagnostics: pairs of severity and text.
    """

    run: SavedRun
    result: DryRun
    changes: Diff
    diagnostics: tuple[Message, ...]

    def __str__(self) -> str:
        return "\n".join(printable(line) for line in self._lines())

    def _lines(self) -> Iterator[str]:
        run, result = self.run, self.result
        consumed = "" if result.amount is None else f", {result.amount} {result.clock}"
        parts = [run.checkpoint.format]
        parts += [f'optimizer {"" if name == ALONE else f"{name} "}"{path}"' for name, path in run.paths.items()]
        parts += [] if run.scheduler is None else [f'scheduler "{run.scheduler}"']
        yield f"{path_text(run.checkpoint.file)}: update {result.update}{consumed} ({', '.join(parts)})"
        if result.values:
            rows = [("update", "field", "group", "in the checkpoint", "resumed", "")]
            for one in result.values:
                stored, value = _short_numbers(one.stored, one.value)
                ratio = f"× {one.value / one.stored:.4g}" if one.stored and one.stored != one.value else ""
                rows.append((str(one.update), one.field, str(one.group), stored, value, ratio))
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                cells = (
                    cell.ljust(width) if place in (1, 2, 5) else cell.rjust(width)
                    for place, (cell, width) in enumerate(zip(row, widths, strict=True))
                )
                yield "  ".join(cells).rstrip()
        for change in self.changes:
            yield f"plan: {change}"
        for ignored in run.ignored:
            at = "" if ignored.update is None else f", at {ignored.update}"
            yield f"will not act: {ignored.name} (torch's {ignored.kind}{at})"
        for severity, text in self.diagnostics:
            first, *more = text.splitlines()
            yield f"{severity}: {first}"
            yield from more


def _short_numbers(stored: float | None, value: float) -> tuple[str, str]:
    """Return two numbers as short texts, which differ if the numbers do."""
    if stored is None:
        return "", f"{value:.6g}"
    short = f"{stored:.6g}", f"{value:.6g}"
    return (repr(stored), repr(value)) if short[0] == short[1] and stored != value else short


def predict_resume(
    run: SavedRun,
    plan: Plan,
    calendar: Calendar,
    *,
    on_change: OnChange = "new",
    updates: int = 3,
    compared_with: Calendar | None = None,
) -> ResumeReport:
    """Return what a resume will do: the values of the next updates, and what the Scheduler will log.

    Args:
        run: the run in the checkpoint.
        plan: the plan to resume with.
        calendar: the run facts.
        on_change: as in `ps.Scheduler`.
        updates: the number of updates.
        compared_with: the run facts for the times of the changes; None for changes without times.

    Raises:
        StateError: the Scheduler's state, or an entry of paramsched in a group, is invalid.
        MissingFact: a unit of the plan needs another run fact.
    """
    result = dry_run(run.groups, run.state, plan, calendar, start=run.start, on_change=on_change, updates=updates)
    found: list[Message] = []
    if run.source is not None:
        several = ", ".join(f'"{name}": …' for name in run.paths)
        argument = "optimizer" if len(run.paths) == 1 else f"{{{several}}}"
        text = f"the checkpoint carries no count of paramsched, and {run.source}"
        found.append(("info", f"{text}. Write ps.Scheduler({argument}, plan, t={run.start})"))
    saved = None if run.state is None else read_scheduler_state(run.state).plan
    changes = Diff(()) if saved is None else changes_between(saved, plan, compared_with)
    return ResumeReport(run, result, changes, (*found, *result.messages))
