"""Param groups that a plan asks for, where there is no optimizer."""

from collections.abc import Sequence
from typing import Any

from paramsched.fields import Field
from paramsched.plan import Binding


def groups_of_selectors(bindings: Sequence[Binding]) -> list[dict[str, Any]]:
    """Groups without fields: as many as the selectors of bindings need, and one for what is bound to all groups.

    >>> groups_of_selectors([Binding("lr", "cosine()"), Binding("lr", "constant()", groups="head")])
    [{'name': 'default'}, {'name': 'head'}]
    """
    indices = {one.groups for one in bindings if isinstance(one.groups, int)}
    names = list(dict.fromkeys(one.groups for one in bindings if isinstance(one.groups, str)))
    groups: list[dict[str, Any]] = [{} for _ in range(max(indices, default=-1) + 1)]
    # Bindings without a selector need a group that no selector takes; beside named groups it is called "default".
    if len(groups) == len(indices) and any(one.groups is None for one in bindings):
        alone = not groups and not names
        groups.append({} if alone or "default" in names else {"name": "default"})
    return groups + [{"name": name} for name in names]


def set_base(group: dict[str, Any], field: Field, value: float) -> None:
    """Write the base of a field into a group; other elements of a tuple such as betas become 1."""
    if field.index is None:
        group[field.key] = value
        return
    row = list(group.get(field.key, ()))
    row += [1.0] * (field.index + 1 - len(row))
    row[field.index] = value
    group[field.key] = tuple(row)
