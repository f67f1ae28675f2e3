"""Bases in another source that differ from those in the code."""

from collections.abc import Iterable, Iterator, Sequence

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.messages import starts as messages
from paramsched.core.plan.lines import BoundLine, GroupValues, by_group
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import CHECKPOINT, OtherBase
from paramsched.core.run.value_table import initial_value


def problems_of_bases(bases: Iterable[OtherBase], t: int) -> Iterator[tuple[Problem, bool]]:
    """Yield a problem for each field with bases that differ, and whether it is a warning.

    It is none if the code's apply, which was chosen.

    Args:
        bases: the bases.
        t: the update from which on the code's apply.
    """
    alike: dict[tuple[str, str, bool], list[OtherBase]] = {}
    for base in bases:
        alike.setdefault((base.field, base.source, base.code_applies), []).append(base)
    for (field, source, code_applies), of_groups in alike.items():
        owner = of_groups[0].own
        differing = messages.DifferingBases(
            field, [str(base.group) for base in of_groups], [base.text() for base in of_groups]
        )
        if code_applies:
            yield messages.bases_of_code_apply(differing, owner, t), False
        elif source == CHECKPOINT:
            yield messages.bases_of_checkpoint_apply(differing), True
        else:
            yield messages.initial_values_apply(differing, source, owner), True


def report_bases(bases: Iterable[OtherBase], t: int, processes: Processes) -> None:
    """Warn of bases that differ from those in the code, or log them if those of the code apply."""
    for problem, is_warning in problems_of_bases(bases, t):
        if is_warning:
            processes.warn(problem)
        else:
            processes.log("%s", problem)


def log_initial_values(
    parts: Iterable[tuple[Iterable[BoundLine], Sequence[GroupDict], Sequence[str | int]]],
    processes: Processes,
    *,
    has_state: bool,
    code: GroupValues | None = None,
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
    bases_of_code = code or {}
    owner = "the group" if code is None else "the code"
    bases = [
        OtherBase(
            str(line.field),
            labels[index],
            bases_of_code.get((index, line.field.slot), line.field.read(groups[index])),
            base,
            f"initial_{line.field}",
            own=owner,
        )
        for lines, groups, labels in parts
        for index, line, base in by_group(lines)
        if initial_value(line.field, groups[index]) is not None
    ]
    moved = [base for base in bases if base.code != base.base]
    for problem, _ in problems_of_bases([] if is_continued else moved, 0):
        processes.log("%s", problem)
    return bool(moved) or (has_state and bool(bases))
