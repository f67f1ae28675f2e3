"""Sentences about entries that were edited, and about external writes."""

from collections.abc import Iterable, Iterator, Sequence

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.bases import listed, where_in
from paramsched.core.run.edits import Edit
from paramsched.core.run.observers import ExternalWrite


def problems_of_edits(edits: Iterable[Edit], labels: Sequence[str | int]) -> Iterator[Problem]:
    """Yield a problem for each field and entry that was edited, with both numbers and the line that uses the edit.

    Args:
        edits: the entries.
        labels: the label of each group.
    """
    alike: dict[tuple[str, bool], list[Edit]] = {}
    for edit in edits:
        alike.setdefault((edit.entry, edit.changes_base), []).append(edit)
    for (entry, changes_base), mine in alike.items():
        numbers = listed(dict.fromkeys(f"{one.number:g} instead of {one.expected:g}" for one in mine), "; ")
        where = where_in([str(labels[one.place[0]]) for one in mine])
        message = (
            f"{entry} in {where} is {numbers} at update {mine[0].update}: it was changed after the save or the last "
            "update, and the plan overwrites it"
        )
        first = mine[0]
        advice = (
            f"To train from {first.number:g} as base, construct the Scheduler after the load and the change, with "
            'ps.Scheduler(optimizer, plan, on_base="code")'
        )
        if not changes_base:
            name, text = first.line.name, f'"absolute({first.number!r})"'
            line = f"{name}={text}" if name.isidentifier() else f'ps.Binding("{name}", {text})'
            advice = f"The values of its line are absolute. To train with {first.number:g}, write it there: {line}"
        yield Problem(found=message, advice=advice)


def external_problem(write: ExternalWrite) -> Problem:
    """Return the warning of an external write."""
    text = (
        f"{write.field} of group {write.group!r} was {write.value!r} at update {write.update} instead of the planned "
        f"{write.planned!r}: other code wrote it, and the update used it. After each update the plan writes the value "
        "of the next one"
    )
    advice = "Remove what writes it, such as the step() of another scheduler. For other values, change the plan"
    return Problem(found=text, advice=advice)
