"""The report of a resume, before the run is resumed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from paramsched.base.terminal import SEVERITY_STYLES, Line, plain_text
from paramsched.base.words import printable
from paramsched.core.plan import ALONE, Diff, Plan
from paramsched.core.run import DryRun, OnChange, dry_run
from paramsched.core.time import RunFacts, amount_text
from paramsched.tools.records.checkpoint_log import changes_between
from paramsched.tools.records.log_values import path_text
from paramsched.tools.records.saved_run import DEEPSPEED, CheckpointRun


@final
@dataclass(frozen=True, slots=True)
class ResumeReport:
    """The prediction of a resume.

    Args:
        run: the run in the checkpoint.
        result: the result of the dry run.
        changes: the changes from the plan in the checkpoint.
        problems: pairs of severity and text.
    """

    run: CheckpointRun
    result: DryRun
    changes: Diff
    problems: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in plain_text(self.lines()).split("\n"))

    def lines(self) -> list[Line]:
        """Return the lines of the report with their styles."""
        run, result = self.run, self.result
        consumed = "" if result.amount is None else f", {amount_text(result.clock, result.amount)}"
        parts = [run.checkpoint.format]
        parts += [f'optimizer {"" if name == ALONE else f"{name} "}"{path}"' for name, path in run.paths.items()]
        parts += [] if run.scheduler is None else [f'scheduler "{run.scheduler}"']
        head = printable(f"{path_text(run.checkpoint.file)}: update {result.update}{consumed} ({', '.join(parts)})")
        lines: list[Line] = [[(head, "bold")]]
        rows = [("update", "field", "group", "in the checkpoint", "resumed", "")]
        for resumed_value in result.values:
            before, ratio = resumed_value.stored, ""
            stored, value = "" if before is None else f"{before:.6g}", f"{resumed_value.value:.6g}"
            if before is not None and resumed_value.differs:
                stored, value = (repr(before), repr(resumed_value.value)) if stored == value else (stored, value)
                ratio = f"× {resumed_value.value / before:.4g}" if before else ""
            rows.append(
                (str(resumed_value.update), resumed_value.field, str(resumed_value.group), stored, value, ratio)
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows if result.values else ()):
            cells = zip(row, widths, (str.rjust, str.ljust, str.ljust, str.rjust, str.rjust, str.ljust), strict=True)
            text = printable("  ".join(align(cell, width) for cell, width, align in cells).rstrip())
            lines.append([(text, "dim" if number == 0 else "bad" if row[-1] else None)])
        lines += [[("plan: ", None), *change.parts()] for change in self.changes]
        for ignored in run.ignored:
            at = "" if ignored.update is None else f", at {ignored.update}"
            owner = "of DeepSpeed" if ignored.kind == DEEPSPEED else f"torch's {ignored.kind}"
            lines.append([("will not act", "warning"), (printable(f": {ignored.name} ({owner}{at})"), None)])
        for severity, text in self.problems:
            first, *more = text.splitlines() or [""]
            lines.append([(severity, SEVERITY_STYLES[severity]), (printable(f": {first}"), None)])
            lines += [[(printable(line), None)] for line in more]
        return lines


def predict_resume(
    run: CheckpointRun,
    plan: Plan,
    facts: RunFacts,
    *,
    on_change: OnChange = "new",
    bases: Mapping[tuple[str, str | None], float] | None = None,
    updates: int = 3,
    compared_with: RunFacts | None = None,
) -> ResumeReport:
    """Predict a resume: the values of the next updates, and the messages of the Scheduler.

    Args:
        run: the run in the checkpoint.
        plan: the plan to resume with.
        facts: the run facts.
        on_change: as in `ps.Scheduler`.
        bases: the bases in the code that apply, by field and group; None means all groups.
        updates: the number of updates.
        compared_with: the run facts for the times of the changes; None for changes without times.

    Raises:
        StateError: the Scheduler's state, or an entry of paramsched in a group, is invalid.
        MissingFact: a unit of the plan needs another run fact.
    """
    result = dry_run(
        run.groups, run.state, plan, facts, start=run.start, on_change=on_change, bases=bases, updates=updates
    )
    found: list[tuple[str, str]] = []
    if run.source is not None:
        several = ", ".join(f'"{name}": …' for name in run.paths)
        argument = "optimizer" if len(run.paths) == 1 else f"{{{several}}}"
        text = f"the checkpoint carries no count of paramsched, and {run.source}"
        found.append(("info", f"{text}. Write ps.Scheduler({argument}, plan, t={run.start})"))
    if any(ignored_scheduler.kind == DEEPSPEED for ignored_scheduler in run.ignored):
        text = "the state of DeepSpeed's scheduler contains only its position, so a changed JSON acts at a resume"
        found.append(("info", text))
    record = run.record()
    saved = None if record is None or record.in_force is None else record.in_force.plan
    changes = Diff(()) if saved is None or record is None else _changes(saved, record.facts, plan, compared_with)
    return ResumeReport(run, result, changes, (*found, *result.messages))


def _changes(saved: Plan, known: RunFacts, plan: Plan, compared_with: RunFacts | None) -> Diff:
    """Return the changes from a saved plan, whose run had the facts `known`."""
    if saved.total is None and plan.total is not None and saved.clock == plan.clock:
        # the run had a length, although its plan did not state it: the length may differ, stating it changes nothing
        saved = Plan(*saved.bindings, total=known.total, clock=saved.clock)
    return changes_between(saved, plan, compared_with)
