"""Param groups for a picture, each field at its base: given on the command line, the file's own, else 1."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from paramsched.cli._messages import say_note
from paramsched.config import Loaded
from paramsched.fields import Field
from paramsched.near_names import did_you_mean
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.show.plan_groups import groups_of_selectors, set_base

_MOST_GROUPS = 1_000


def say_base_notes(loaded: Loaded) -> None:
    """Print the notes on the bases that a file has; their values stand in the picture itself."""
    for note in loaded.bases.notes:
        say_note(note)


def groups_with_bases(
    loaded: Loaded, bases: tuple[str, ...], beside: Sequence[Plan] = ()
) -> tuple[list[dict[str, Any]], set[tuple[str, str | int]]]:
    """Make param groups as the plan's selectors ask for them, with a base for each scheduled field.

    Args:
        loaded: the plan.
        bases: as they were given.
        beside: plans in the same picture. It has the groups that these ask for too, so that one can compare them.

    Returns:
        The groups, and the fields and groups whose base is not known, so that 1 was taken.
    """
    values = given_bases(loaded.plan, bases, beside)
    bindings = _field_bindings(loaded.plan)
    groups = _groups_of_selectors(bindings, loaded, [one for plan in beside for one in _field_bindings(plan)])
    assumed: set[tuple[str, str | int]] = set()
    for index, group in enumerate(groups):
        label = group.get("name", index)
        own = loaded.bases.of(group.get("name"))
        for one in [one for one in bindings if one.groups is None or one.groups in (index, label)]:
            field = Field.of(one.name)
            # The command line goes before the file, and a base for one group before a base for all.
            value = values.get((one.name, str(label)), values.get((one.name, None), loaded.bases.value(own, field)))
            if value is None:
                assumed.add((one.name, label))
                value = 1.0
            set_base(group, field, value)
    return groups, assumed


def _field_bindings(plan: Plan) -> list[Binding]:
    """The bindings of a plan that are for param groups."""
    return [one for one in plan.bindings if not isinstance(one.field, Target)]


def _groups_of_selectors(bindings: list[Binding], loaded: Loaded, more: list[Binding]) -> list[dict[str, Any]]:
    """Groups without fields: as many as the selectors of a plan need, and one for what is bound to all groups.

    Raises:
        UsageError: a selector asks for the thousandth group or a later one.
    """
    indices = {one.groups for one in (*bindings, *more) if isinstance(one.groups, int)}
    if indices and max(indices) >= _MOST_GROUPS:
        raise click.UsageError(f"A group of index {max(indices)} is more than a picture shows.")
    several = [str(one["name"]) for one in loaded.bases.groups if "name" in one]
    if len(several) > 1 and all(one.groups is None for one in bindings):  # one list of schedulers, several optimizers
        return [{"name": name} for name in several]
    return groups_of_selectors([*bindings, *more])


def given_bases(
    plan: Plan, given: tuple[str, ...], beside: Sequence[Plan] = ()
) -> Mapping[tuple[str, str | None], float]:
    """The bases that `--base` gives, by field and group; None for every group.

    Raises:
        UsageError: neither the plan nor one beside it has such a field or group, or it is no number.
    """
    bindings = [one for each in (plan, *beside) for one in _field_bindings(each)]
    fields = list(dict.fromkeys(one.name for one in bindings))
    labels = {selector_text(one.groups) for one in bindings if one.groups is not None} | {"default"}
    values: dict[tuple[str, str | None], float] = {}
    for entry in (part for text in given for part in text.split(",")):
        place, equals, number = entry.rpartition("=")
        field, at, group = place.strip().partition("@")
        if not equals:
            field = "lr" if "lr" in fields or len(fields) != 1 else fields[0]
        if field not in fields:
            raise click.UsageError(f'--base {entry}: the plan has no field "{field}"; {did_you_mean(field, fields)}')
        if at and group not in labels and not group.isdigit():
            raise click.UsageError(f'--base {entry}: the plan names no group "{group}"; {did_you_mean(group, labels)}')
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not abs(value) < float("inf"):
            raise click.UsageError(f'--base {entry}: "{number}" is no finite number. Write --base lr=0.1')
        values[field, group if at else None] = value
    return values
