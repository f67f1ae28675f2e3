"""Probable mistakes of a start: the questions of the checks, and what the groups say of them."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

import numpy as np

from paramsched.base.codes import BASE_OF_ZERO, GROUPS_MADE_EQUAL, GROWS, LEVEL_AS_VALUE
from paramsched.base.problem import Problem
from paramsched.core.calls.lazy_imports import warnings_of
from paramsched.core.curves.arrays import Array
from paramsched.core.diagnosis.messages import starts as messages
from paramsched.core.groups.fields import is_number
from paramsched.core.plan.binding import Binding, binding_key, selector_text
from paramsched.core.plan.lines import BoundLine, by_group
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.usual_plans import has_nothing_to_ask
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.processes import Processes
from paramsched.core.run.value_table import LR
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import MAX_LENGTH, evaluate


def report_unlikely_values(
    parts: Sequence[tuple[Sequence[BoundLine], list[GroupDict], Sequence[str | int]]],
    in_force: ResolvedPlan,
    processes: Processes,
    *,
    counts_of_user: bool = True,
) -> None:
    """Warn of all probable mistakes and of a second warmup in a run that has written nothing yet.

    Args:
        parts: the lines, the groups and their labels, of each optimizer.
        in_force: the plan.
        processes: the processes that train together.
        counts_of_user: False if an engine counts the updates of the run.
    """
    keys = {binding_key(line): id(line.schedule) for line in in_force.counted.bindings}
    groups_of: dict[tuple[str, int | None], list[tuple[str | int, float]]] = {}
    for lines, _, labels in parts:
        for line in lines:
            groups = groups_of.setdefault((line.name, id(line.schedule)), [])
            groups += [(labels[index], base) for index, base in zip(line.groups, line.bases, strict=True)]

    def groups_of_line(line: Binding) -> Sequence[tuple[str | int, float]]:
        return groups_of.get((line.name, keys.get(binding_key(line))), ())

    plan = in_force.plan
    facts = in_force.facts
    counted = in_force.counted
    mistakes: Iterable[tuple[Binding | None, Problem]] = ()
    if not has_nothing_to_ask(plan, counted, facts, groups_of_line):
        mistakes = warnings_of(plan, facts, groups_of_line, counted=counted, counts_of_user=counts_of_user)
    for binding, problem in mistakes:
        names: list[str] = []
        if binding is not None:
            names += [] if problem.code in _NAMING_THE_FIELD or binding.name == "lr" else [binding.name]
            names += [] if binding.groups is None else [f"group {selector_text(binding.groups)}"]
        processes.warn(Problem(code=problem.code, found=problem.found, site=" of ".join(names), advice=problem.advice))
    for warned in (_second_warmup(parts), *_factors_in_groups(parts)):
        if warned is not None:
            processes.warn(warned)


_NAMING_THE_FIELD = (LEVEL_AS_VALUE, GROWS, BASE_OF_ZERO, GROUPS_MADE_EQUAL)
"""Codes of problems whose text names the field."""


def _second_warmup(
    of_groups: Sequence[tuple[Sequence[BoundLine], list[GroupDict], Sequence[str | int]]],
) -> Problem | None:
    """Return a warning if an optimizer warms up a rate that the plan warms up too; None otherwise."""
    for lines, groups, labels in of_groups:
        for index, line, base in by_group(lines):
            if line.field != LR:
                continue
            steps = groups[index].get("warmup_steps")
            if steps is None or not is_number(steps) or steps <= 0 or not base:
                continue
            values = evaluate(line.schedule, _first_times(line.schedule), base) / base
            if values[0] < 1 and values[0] < values.max():
                return messages.second_warmup(labels[index], steps, values[0])
    return None


_FACTOR_NAMES = {"lr": ("lr", "learning_rate"), "weight_decay": ("wd", "weight_decay", "decay")}


_FACTORS = {
    field: tuple(f"{name}_{word}" for name in names for word in ("scale", "mult", "multiplier", "factor"))
    for field, names in _FACTOR_NAMES.items()
}
"""Entries of groups by which other programs multiply a field: timm, MAE, BEiT, DINOv2. Some Muons apply `lr_mul`."""


def _factors_in_groups(
    of_groups: Sequence[tuple[Sequence[BoundLine], list[GroupDict], Sequence[str | int]]],
) -> Iterator[Problem]:
    """Yield a warning for each planned field with groups whose factors differ and whose bases are equal."""
    for lines, groups, labels in of_groups:
        entries = set[str]().union(*groups)
        for field, factor_names in _FACTORS.items():
            keys = [*filter(entries.__contains__, factor_names)]
            places = by_group(line for line in lines if line.name == field) if keys else []
            for key in keys:
                by_base: dict[float, dict[float, str | int]] = {}  # the label of a group by base and factor
                for index, _, base in places:
                    factor = groups[index].get(key, 1.0)
                    if base and is_number(factor):
                        by_base.setdefault(base, {}).setdefault(float(factor), labels[index])
                base = max(by_base, key=lambda base: len(by_base[base]), default=0.0)
                factors = [*by_base.get(base, {}).items()]
                if len(factors) > 1:
                    yield messages.factor_is_not_applied(key, factors[:_FACTORS_SHOWN], field, base)
                    break


_FACTORS_SHOWN = 3  # factors that a message has


_FIRST = 64  # times that are evaluated one after another, and as many up to the end of a schedule


def _first_times(schedule: Schedule) -> Array:
    """Return times from the beginning of a resolved schedule to its end, among them the first 64."""
    held = schedule.planned.held
    end = _FIRST if held is None else min(ceil(held), MAX_LENGTH)
    return np.unique(np.append(np.arange(_FIRST), np.linspace(0, end, _FIRST).astype(np.int64)))
