"""Bases in another source that differ from those in the code."""

from collections.abc import Iterable, Iterator, Sequence

from paramsched.base.problem import Problem
from paramsched.core.plan.lines import (
    Line,
    Values,
    by_group,
)
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import CHECKPOINT, OtherBase
from paramsched.core.run.state import Group
from paramsched.core.run.values import initial_value

_SHOWN = 8  # groups, and pairs of numbers, that a message names


def problems_of_bases(found: Iterable[OtherBase], t: int) -> Iterator[tuple[Problem, bool]]:
    """Yield a problem for each field with bases that differ, and whether it is a warning.

    It is none if the code's apply, which was chosen.

    Args:
        found: the bases.
        t: the update from which on the code's apply.
    """
    alike: dict[tuple[str, str, bool], list[OtherBase]] = {}
    for other_base in found:
        alike.setdefault((other_base.field, other_base.source, other_base.code_applies), []).append(other_base)
    for (field, source, code_applies), mine in alike.items():
        where = where_in([str(one.group) for one in mine])
        numbers = listed(dict.fromkeys(one.text() for one in mine), "; ")
        if code_applies:
            which = f"From update {t} on, that of {mine[0].own} applies"
        elif source == CHECKPOINT:
            which = 'That of the checkpoint applies; for that of the code, pass on_base="code"'
        else:
            own = mine[0].own
            which = f'That of {source} applies; for that of {own}, first write del group["{source}"]'
        yield Problem(found=f"base of {field} in {where}: {numbers}", advice=which), not code_applies


def report_bases(found: Iterable[OtherBase], t: int, processes: Processes) -> None:
    """Warn of bases that differ from those in the code, or log them if those of the code apply."""
    for problem, is_warning in problems_of_bases(found, t):
        if is_warning:
            processes.warn(problem)
        else:
            processes.log("%s", problem)


def where_in(labels: Sequence[str]) -> str:
    """Return the text that names one group, or several."""
    return f"group {labels[0]}" if len(labels) == 1 else f"{len(labels)} groups ({listed(labels, ', ')})"


def listed(texts: Iterable[str], separator: str) -> str:
    """Return the first texts, joined."""
    found = list(texts)
    return separator.join(found[:_SHOWN] + ["…"] * (len(found) > _SHOWN))


def log_initial_values(
    parts: Iterable[tuple[Iterable[Line], Sequence[Group], Sequence[str | int]]],
    processes: Processes,
    *,
    has_state: bool,
    code: Values | None = None,
    is_continued: bool = False,
) -> bool:
    """Log the initial values of an earlier scheduler that are used as bases, and that the groups do not have.

    Args:
        parts: the lines, the groups and their labels, of each optimizer.
        processes: the processes that train together.
        has_state: True if an optimizer has a state.
        code: the bases in the code, which are compared in place of the present values, if they are known.
        is_continued: True if the user has said that an earlier scheduler has changed the present values.

    Returns:
        True if there are any, and the run may have started: an optimizer has a state, or a value has moved.
    """
    known, own = code or {}, "the group" if code is None else "the code"
    found = [
        OtherBase(
            str(line.field),
            labels[index],
            known.get((index, line.field.slot), line.field.read(groups[index])),
            base,
            f"initial_{line.field}",
            own=own,
        )
        for lines, groups, labels in parts
        for index, line, base in by_group(lines)
        if initial_value(line.field, groups[index]) is not None
    ]
    moved = [other_base for other_base in found if other_base.code != other_base.base]
    for problem, _ in problems_of_bases([] if is_continued else moved, 0):
        processes.log("%s", problem)
    return bool(moved) or (has_state and bool(found))
