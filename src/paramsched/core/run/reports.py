"""Reports of a start and a resume: bases from another source than the code, an unknown position, the end of a plan."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched.core.base.problem import Problem
from paramsched.core.fields import recorded_base
from paramsched.core.plan.lines import Line, Values, by_group
from paramsched.core.run.processes import Processes, log
from paramsched.core.run.state import Group
from paramsched.core.run.values import initial_value

CHECKPOINT: Final = "the checkpoint"  # the source of a base; the other one is an initial value, such as `initial_lr`


@final
@dataclass(frozen=True, slots=True)
class OtherBase:
    """A base in another source that differs from the one in the code.

    Args:
        field: the field.
        group: the label of the group.
        code: the number in the code.
        base: the number in the other source.
        source: the other source.
        code_applies: True if the code's applies.
        own: what `code` is: the number in the code, or the one that the group has.
    """

    field: str
    group: str | int
    code: Any
    base: float
    source: str = CHECKPOINT
    code_applies: bool = False
    own: str = "the code"

    def text(self) -> str:
        """Return both numbers."""
        return f"{self.base!r} in {self.source}, {self.code!r} in {self.own}"


_SHOWN = 8  # groups, and pairs of numbers, that a message names


def problems_of_bases(found: Iterable[OtherBase], t: int) -> Iterator[tuple[Problem, bool]]:
    """Yield a problem for each field with bases that differ, and whether it is a warning.

    It is none if the code's apply, which was chosen.

    Args:
        found: the bases.
        t: the update from which on the code's apply.
    """
    alike: dict[tuple[str, str, bool], list[OtherBase]] = {}
    for one in found:
        alike.setdefault((one.field, one.source, one.code_applies), []).append(one)
    for (field, source, code_applies), mine in alike.items():
        where = where_in([str(one.group) for one in mine])
        numbers = listed(dict.fromkeys(one.text() for one in mine), "; ")
        if code_applies:
            which = f"From update {t} on, that of {mine[0].own} applies"
        elif source == CHECKPOINT:
            which = 'That of the checkpoint applies; for that of the code, write ps.Scheduler(…, on_base="code")'
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
    moved = [one for one in found if one.code != one.base]
    for problem, _ in problems_of_bases([] if is_continued else moved, 0):
        processes.log("%s", problem)
    return bool(moved) or (has_state and bool(found))


def report_position(
    lines: Iterable[Line], taken: int | None, count: int | None, processes: Processes, *, whose: str
) -> None:
    """Report that the plan starts at 0, which may not be the position of the run.

    Args:
        lines: the lines whose bases the message names.
        taken: the number of updates in the optimizer's own state.
        count: the count that the groups carry, or None.
        processes: the processes that train together.
        whose: the values that are the bases: the initial ones, the present ones or those recorded.
    """
    text = (
        f"{found_count('the optimizer', count)}; starting the plan at update 0, with "
        f"{_bases(lines, whose)}. "
        f"If the run has completed n updates, write ps.Scheduler(optimizer, plan, t=n){optimizer_count(taken)}; if it "
        "had a plan, attach the plan before the checkpoint is loaded. t=0 turns this message off"
    )
    if taken is not None and taken > HIDDEN and whose != "initial":  # then the bases are wrong too
        processes.warn(Problem(found=text))
    elif count is None:
        processes.log(text)


def without_initial(lines: Iterable[Line], groups: Sequence[Group]) -> list[Line]:
    """Return the lines in groups to which neither an earlier scheduler nor a plan has given a base."""
    kept = {index for index, group in enumerate(groups) if not any(str(key).startswith("initial_") for key in group)}
    found = []
    for line in lines:
        mine = line.only(
            {at for at in line.groups if at in kept and recorded_base(groups[at], line.field.slot) is None}
        )
        found += [mine] if mine.groups else []
    return found


def warn_of_present_bases(present: Sequence[Line], t: int, processes: Processes) -> None:
    """Warn that an earlier scheduler may have changed these bases, because their groups had no initial value."""
    if present:
        instead = (
            "If a scheduler has changed them since update 0, write those of update 0 first: "
            'group["initial_lr"] = 0.1 for the lr of each group. '
            'If they are right, group["initial_lr"] = group["lr"] turns this warning off'
        )
        found = f"the plan starts at update {t} with {_bases(present, 'present')}"
        processes.warn(Problem(found=found, advice=instead))


HIDDEN = 1  # updates in an optimizer's own state after the hidden step of torch's distributed checkpoint


def found_count(where: str, count: int | None) -> str:
    """Return what was found in place of a count of the run: none, or a count of 0."""
    if count is None:
        return f"no update count found in {where}"
    return f"{where} carries a count of 0 updates"


_BASES_SHOWN = 4  # bases that a message names


def _bases(lines: Iterable[Line], whose: str) -> str:
    """Return a text with the source of the bases and their distinct values."""
    found = list(dict.fromkeys(f"{line.field} {base!r}" for _, line, base in by_group(lines)))
    listed = ", ".join(found[:_BASES_SHOWN]) + (", …" if len(found) > _BASES_SHOWN else "")
    return f"the {whose} values as bases ({listed})"


def log_takeover(t: int) -> None:
    """Log that a second Scheduler with the same plan replaces one that is still referenced.

    It is information, because that is usual: a cell of a notebook is run again.
    """
    log.info(
        "this Scheduler replaces an earlier one with the same plan at update %d. The earlier one is detached and "
        "raises when it is used", t,
    )  # fmt: skip


def optimizer_count(taken: int | None) -> str:
    """Return the count in the optimizer's own state, in brackets; "" if it has none."""
    return "" if taken is None else f" (its own state counts {taken})"
