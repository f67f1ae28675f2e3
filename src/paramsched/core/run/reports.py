"""What a start and a resume report: bases from another source than the code, an unknown position, the end of a plan."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

from paramsched.core.base.codes import BEYOND_THE_PLAN
from paramsched.core.base.problem import Problem
from paramsched.core.run.block import Slot, initial_value
from paramsched.core.run.processes import Processes
from paramsched.core.run.state import Group, ResolvedPlan, RunState


@final
@dataclass(frozen=True, slots=True)
class ChangedBase:
    """A base that another source than the code determines.

    Args:
        field: the field.
        group: the label of the group.
        code: the number in the code.
        base: the number in the other source.
        applies: True if the code's applies nevertheless.
    """

    field: str
    group: str | int
    code: Any
    base: float
    applies: bool = False


SHOWN = 8  # groups, and pairs of numbers, that a message names


def by_field(changes: Iterable[ChangedBase], text: str) -> Iterator[tuple[str, str, str]]:
    """Return the field, its groups and its numbers for each field of some changes; `text` formats a pair of numbers."""
    found: dict[str, list[ChangedBase]] = {}
    for one in changes:
        found.setdefault(one.field, []).append(one)
    for field, mine in found.items():
        labels, pairs = [one.group for one in mine], dict.fromkeys((one.code, one.base) for one in mine)
        groups = (
            f"group {labels[0]}" if len(labels) == 1 else f"{len(labels)} groups ({_listed(map(str, labels), ', ')})"
        )
        yield field, groups, _listed((text.format(field=field, code=code, base=base) for code, base in pairs), "; ")


def _listed(texts: Iterable[str], separator: str) -> str:
    found = list(texts)
    return separator.join(found[:SHOWN] + ["…"] * (len(found) > SHOWN))


def log_initial_values(
    parts: Iterable[tuple[Iterable[Slot], Sequence[Group], Sequence[str | int]]],
    processes: Processes,
    *,
    has_state: bool,
) -> bool:
    """Log the initial values of an earlier scheduler that are used as bases: one line for each field.

    Args:
        parts: the slots, the groups and their labels, of each optimizer.
        processes: the processes that train together.
        has_state: True if an optimizer has a state.

    Returns:
        True if there are any, and the run may have started: an optimizer has a state, or a value has moved.
    """
    found = [
        ChangedBase(str(slot.field), labels[slot.group], slot.field.read(groups[slot.group]), slot.base)
        for slots, groups, labels in parts
        for slot in slots
        if initial_value(slot.field, groups[slot.group]) is not None
    ]
    if not found:
        return False
    moved = [one for one in found if one.code != one.base]
    for field, groups_text, values in by_field(moved, "{base!r} is the base of {field}, not the present {code!r}"):
        processes.log(
            "%s: initial_%s of an earlier scheduler: %s. To use present values as bases, delete it before the "
            'Scheduler is constructed: del group["initial_%s"]', groups_text, field, values, field,
        )  # fmt: skip
    return has_state or bool(moved)


def report_position(
    slots: Iterable[Slot], taken: int | None, carried: int | None, processes: Processes, *, whose: str
) -> None:
    """Report that the plan starts at 0, which may not be the position of the run.

    Args:
        slots: the slots whose bases the message names.
        taken: the number of updates in the optimizer's own state.
        carried: the count that the groups carry, or None.
        processes: the processes that train together.
        whose: the values that are the bases: the initial ones, the present ones or those recorded.
    """
    text = (
        f"{found_count('the optimizer', carried)}; starting the plan at update 0, with "
        f"{_bases(slots, whose)}. "
        f"If the run has completed n updates, write ps.Scheduler(optimizer, plan, t=n){optimizer_count(taken)}; if it "
        "had a plan, attach the plan before the checkpoint is loaded. t=0 turns this message off"
    )
    if taken is not None and taken > HIDDEN and whose != "initial":  # then the bases are wrong too
        processes.warn(Problem(found=text))
    elif carried is None:
        processes.log(text)


def without_initial(slots: Iterable[Slot], groups: Sequence[Group]) -> list[Slot]:
    """Return the slots in groups that no earlier scheduler has given an initial value."""
    return [slot for slot in slots if not any(str(key).startswith("initial_") for key in groups[slot.group])]


def warn_of_present_bases(present: Sequence[Slot], t: int, processes: Processes) -> None:
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


def _bases(slots: Iterable[Slot], whose: str) -> str:
    """Return a text with the source of the bases and their distinct values."""
    found = list(dict.fromkeys(f"{slot.field} {slot.base!r}" for slot in slots))
    listed = ", ".join(found[:_BASES_SHOWN]) + (", …" if len(found) > _BASES_SHOWN else "")
    return f"the {whose} values as bases ({listed})"


def log_takeover(t: int, processes: Processes) -> None:
    """Log that a second Scheduler with the same plan replaces one that is still referenced."""
    processes.log(
        "this Scheduler replaces an earlier one with the same plan at update %d. The earlier one is detached and "
        "raises when it is used", t,
    )  # fmt: skip


def optimizer_count(taken: int | None) -> str:
    """Return the count in the optimizer's own state, in brackets; "" if it has none."""
    return "" if taken is None else f" (its own state counts {taken})"


def warn_if_over(in_force: ResolvedPlan, run: RunState) -> None:
    """Warn if the run has completed more updates than the plan has, because a new run was probably meant."""
    total, t = in_force.total, run.t
    if total is not None and t > total and not run.told_of_end:
        run.told_of_end = True
        found = f"the optimizer has completed {t} updates, but the plan ends after {total}: its last values are kept"
        advice = "To restart the plan, call scheduler.seek(0)."
        run.processes.warn(Problem(BEYOND_THE_PLAN, found, advice=advice))
