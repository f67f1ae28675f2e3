"""What of a plan does not go with the optimizer, or with the metrics that its rules follow."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any

from paramsched._fault_codes import SAID_TWICE
from paramsched.config.checking import rules_of_runs as codes
from paramsched.config.checking.finding import Finding, binding_path
from paramsched.config.faults import GROUPS, child_path
from paramsched.config.known_dialects import Bases
from paramsched.errors import UnknownGroup
from paramsched.feedback.greedy import Greedy
from paramsched.feedback.metric_names import direction_of
from paramsched.feedback.plateau import NewBob, Plateau
from paramsched.fields import Field
from paramsched.plan import Binding, Plan, Target
from paramsched.plan.group_matching import is_selected, refuse_unmatched
from paramsched.schedules import Schedule


def check_groups(plan: Plan, groups: Sequence[Mapping[str, Any]], *, whole: bool) -> Iterator[Finding]:
    """What of a plan does not go with param groups.

    Args:
        plan: the plan.
        groups: what is known of them, like param groups; empty where nothing is.
        whole: whether that is all of the optimizer's groups and fields, as a checkpoint has them.
    """
    for binding in plan.bindings:
        if isinstance(binding.field, Target) or not groups:
            continue
        path = binding_path(binding)
        if whole:
            try:
                refuse_unmatched(binding.name, binding.groups, groups)
            except UnknownGroup as refusal:
                yield Finding(codes.NO_SUCH_GROUP, path, f"{binding.groups}: {refusal.found}", refusal.instead)
                continue
        mine = [one for index, one in enumerate(groups) if is_selected(binding.groups, one, index)]
        lacking = [one for one in mine if _lacks_field(one, binding.name, whole=whole)]
        if lacking:
            yield Finding(codes.NO_SUCH_FIELD, path, _no_field(binding.name, lacking[0]), "Leave it out")
        elif mine and not binding.schedule.has_absolute and all(_is_zero(one, binding.name) for one in mine):
            found = f"{binding.name} of the optimizer is 0, and so is every multiple of it"
            yield Finding(codes.BASE_OF_ZERO, path, found, "Give the optimizer a value, or write absolute(0.01)")


def base_of_binding(binding: Binding, groups: Sequence[Mapping[str, Any]]) -> float | None:
    """What the schedule of a binding is multiples of, where that is known; of several groups the first's."""
    if isinstance(binding.field, Target):
        return binding.field.initial
    for index, group in enumerate(groups):
        if is_selected(binding.groups, group, index):
            value = Bases.value(group, Field.of(binding.name))
            if value is not None and isfinite(value):
                return value
    return None


def check_field_names(plan: Plan) -> Iterator[Finding]:
    """Two names for one field of the same groups, and a group whose name looks like an index."""
    fields_of: dict[Any, set[str]] = {}
    for binding in plan.bindings:
        if isinstance(binding.field, str) and not callable(binding.groups):
            fields_of.setdefault(binding.groups, set()).add(binding.field)
    for binding in plan.bindings:
        if binding.name == "momentum" and "betas[0]" in fields_of.get(binding.groups, ()):
            found = "momentum means betas[0] where a group has betas, and betas[0] is scheduled too"
            yield Finding(SAID_TWICE, binding_path(binding), found, "Schedule one of them", at_key=True)
    for group in fields_of:
        if isinstance(group, str) and group.isdigit():
            found = f'it selects the group whose name is "{group}"'
            path = child_path(GROUPS, group)
            yield Finding(codes.NAME_AS_INDEX, path, found, f'For the index write "[{group}]"', at_key=True)


def _lacks_field(group: Mapping[str, Any], name: str, *, whole: bool) -> bool:
    """Whether a group has no such field; of a group of which little is known, that it has momentum and no betas."""
    key = Field.of(name).key
    if key in group or (key == "momentum" and "betas" in group):
        return False
    return whole or (key == "betas" and "momentum" in group)


def _no_field(name: str, group: Mapping[str, Any]) -> str:
    there = [key for key, value in group.items() if isinstance(value, (int, float, tuple)) and type(value) is not bool]
    return f"the optimizer has no {Field.of(name).key}; it has {', '.join(there)}"


def _is_zero(group: Mapping[str, Any], name: str) -> bool:
    return Bases.value(group, Field.of(name)) == 0


def check_metrics(schedule: Schedule, epochs: Fraction | None, path: str) -> Iterator[Finding]:
    """What is wrong with the rules of one line.

    Args:
        schedule: with its rules.
        epochs: how many the run has, where that is known.
        path: where it stands.
    """
    for rule in schedule.metric_rules:
        if isinstance(rule, (Plateau, Greedy, NewBob)):
            better = direction_of(rule.metric)
            if better is not None and better != rule.mode:
                found = f'{rule.metric} is better {"higher" if better == "max" else "lower"}, and mode is "{rule.mode}"'
                yield Finding(codes.WRONG_MODE, path, found, f'Write mode="{better}"')
        if isinstance(rule, (Plateau, Greedy)) and epochs is not None and rule.patience >= epochs:
            found = f"patience={rule.patience} waits longer than the run has epochs, {float(epochs):g}"
            yield Finding(codes.PATIENCE_BEYOND_RUN, path, found, "Wait for fewer: patience=5")
