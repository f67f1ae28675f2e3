"""Values that are probably a mistake, of which a start of a run warns once."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import final

import numpy as np

from paramsched.core.base.codes import GROWS, LEVEL_AS_VALUE
from paramsched.core.base.problem import Problem
from paramsched.core.curves.arrays import Array
from paramsched.core.fields import is_number
from paramsched.core.plan import Binding, Target, selector_text
from paramsched.core.plan.binding import binding_key
from paramsched.core.rules.levels import base_is_zero
from paramsched.core.rules.plan_rules import start_problems
from paramsched.core.run.group_keys import Group
from paramsched.core.run.messages import Processes
from paramsched.core.run.run_state import ResolvedPlan
from paramsched.core.run.slots import LR, Slot
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import evaluate


def report_unlikely_values(
    parts: Sequence[tuple[Sequence[Slot], list[Group], Sequence[str | int]]],
    in_force: ResolvedPlan,
    processes: Processes,
    *,
    counts_of_user: bool = True,
) -> None:
    """Warn of all that the rules find, of a second warmup and of given decays, in a run that has written nothing yet.

    Args:
        parts: the slots, the groups and their labels, of each optimizer.
        in_force: the plan.
        processes: the processes that train together.
        counts_of_user: False if an engine counts the updates of the run.
    """
    slots = [slot for mine, _, _ in parts for slot in mine]
    lines = _ResolvedLines(in_force, slots)
    told = set()
    for line, found in start_problems(in_force.plan, in_force.calendar, lines.known_of, counts_of_user=counts_of_user):
        names: list[str] = []
        if line is not None:
            is_of_levels = found.code in (LEVEL_AS_VALUE, GROWS)  # it names the field
            told |= {line.name} if is_of_levels else set()
            names += [] if is_of_levels or line.name == "lr" else [line.name]
            names += [] if line.groups is None else [f"group {selector_text(line.groups)}"]
        processes.warn(Problem(found.code, found.found, site=" of ".join(names), advice=found.instead))
    for field in dict.fromkeys(slot.name for slot in slots if slot.name not in told):
        if not any(slot.base or slot.schedule.has_absolute for slot in slots if slot.name == field):
            code, about, instead = base_is_zero(field)
            problem = Problem(code, about, advice=instead)
            if field == "lr":
                processes.warn(problem)
            else:  # a weight decay of 0 may be meant
                processes.log("%s [%s]", problem, code)
    for warned in (_second_warmup(parts), _given_decay(parts)):
        if warned is not None:
            processes.warn(warned)


@final
class _ResolvedLines:
    """The schedule of each line of a plan, resolved for the run, and the bases of its groups."""

    def __init__(self, in_force: ResolvedPlan, slots: Iterable[Slot]) -> None:
        # The resolved plan has more lines, if a line for all groups follows lines for some groups.
        self._schedules = {binding_key(line): line.schedule for line in in_force.counted.bindings}
        self._bases: dict[tuple[str, Schedule], list[float]] = {}
        for slot in slots:
            self._bases.setdefault((slot.name, slot.schedule), []).append(slot.base)

    def known_of(self, line: Binding) -> tuple[Schedule | None, Sequence[float]]:
        resolved = self._schedules.get(binding_key(line))
        if isinstance(line.field, Target):
            return resolved, (line.field.initial,)
        return resolved, () if resolved is None else self._bases.get((line.name, resolved), ())


def _second_warmup(of_groups: Sequence[tuple[Sequence[Slot], list[Group], Sequence[str | int]]]) -> Problem | None:
    """Return a warning if an optimizer warms up a rate that the plan warms up too; None otherwise."""
    for slots, groups, labels in of_groups:
        for slot in slots:
            steps = groups[slot.group].get("warmup_steps")
            if slot.field != LR or steps is None or not is_number(steps) or steps <= 0 or not slot.base:
                continue
            values = evaluate(slot.schedule, _first_times(slot.schedule), slot.base) / slot.base
            if values[0] < 1 and values[0] < values.max():
                found = (
                    f"group {labels[slot.group]!r} has warmup_steps={steps:g}, and the plan begins at {values[0]:g} × "
                    "base: the optimizer multiplies the planned lr by a warmup of its own"
                )
                instead = "Construct the optimizer with warmup_steps=0, or begin the plan at base"
                return Problem(found=found, advice=instead)
    return None


def _given_decay(of_groups: Sequence[tuple[Sequence[Slot], list[Group], Sequence[str | int]]]) -> Problem | None:
    """Return a warning if absolute levels give a group without weight decay the decay of others; None otherwise."""
    decays = [
        (slot, labels[slot.group])
        for slots, _, labels in of_groups
        for slot in slots
        if slot.name == "weight_decay" and slot.schedule.has_absolute
    ]
    decayed = {id(slot.schedule) for slot, _ in decays if slot.base}  # of one line, as schedules of a line are shared
    for slot, name in decays:
        values = evaluate(slot.schedule, _first_times(slot.schedule), 0.0)
        if not slot.base and id(slot.schedule) in decayed and values.any():
            value = values[np.flatnonzero(values)[0]]
            found = (
                f"weight_decay of group {name!r} is 0 in the optimizer, and an absolute value has no base: the plan "
                f"gives it {value:g}"
            )
            instead = f'To keep 0, add a line for this group: ps.Binding("weight_decay", 0, groups={name!r})'
            return Problem(found=found, advice=instead)
    return None


_FIRST = 64  # times that are evaluated one after another, and as many up to the end of a schedule


def _first_times(schedule: Schedule) -> Array:
    """Return times from the beginning of a resolved schedule to its end, among them the first 64."""
    held = schedule._held_from()
    end = _FIRST if held is None else ceil(held)
    return np.unique(np.append(np.arange(_FIRST), np.linspace(0, end, _FIRST).astype(np.int64)))
