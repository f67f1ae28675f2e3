"""Entries that were edited, and external writes."""

from collections.abc import Iterable, Iterator, Sequence

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.messages import runs, starts
from paramsched.core.run.edits import EditedValue
from paramsched.core.run.messages.values import group_place
from paramsched.core.run.observers import ExternalWrite


def problems_of_edits(edits: Iterable[EditedValue], labels: Sequence[str | int]) -> Iterator[Problem]:
    """Yield a problem for each field and entry that was edited, with both numbers and the line that uses the edit.

    Args:
        edits: the entries.
        labels: the label of each group.
    """
    alike: dict[tuple[str, bool], list[EditedValue]] = {}
    for edit in edits:
        alike.setdefault((edit.entry, edit.changes_base), []).append(edit)
    for (entry, changes_base), of_groups in alike.items():
        first = of_groups[0]
        edited = starts.EditedFields(
            entry,
            [str(labels[edit.place[0]]) for edit in of_groups],
            [(edit.number, edit.expected) for edit in of_groups],
            first.update,
        )
        if changes_base:
            yield starts.edit_may_be_base(edited, first.number)
        else:
            yield starts.edit_of_absolute_values(edited, first.number, first.line.name)


def external_problem(write: ExternalWrite) -> Problem:
    """Return the warning of an external write."""
    return runs.external_write(group_place(write.field, write.group), write.value, write.planned, write.update)
