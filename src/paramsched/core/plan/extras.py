"""Bases: the values of param groups that a published recipe contains beside its plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.core.fields import Field


@final
@dataclass(frozen=True, slots=True)
class Bases:
    """The base values that a published recipe contains; schedules are multiples of them.

    Args:
        groups: dicts like param groups, `{"lr": 0.1, "betas": (0.9, 0.999)}`; with a `name` if there are several.
    """

    groups: tuple[Mapping[str, Any], ...] = ()

    def of(self, name: str | None) -> Mapping[str, Any]:
        """Return the values of a group by its name; a single group without a name applies to all groups."""
        if len(self.groups) == 1 and "name" not in self.groups[0]:
            return self.groups[0]
        return next((group for group in self.groups if name is not None and group.get("name") == name), {})

    @staticmethod
    def value(group: Mapping[str, Any], field: Field) -> float | None:
        """Return a field's value in a group; None if it is missing. Momentum is `betas[0]` if the group has betas."""
        if field.key == "momentum" and field.index is None and "momentum" not in group and "betas" in group:
            field = Field("betas", 0)
        entry = group.get(field.key)
        if field.index is not None:
            entry = entry[field.index] if isinstance(entry, tuple) and field.index < len(entry) else None
        return float(entry) if isinstance(entry, (int, float)) else None


NO_BASES = Bases()
"""The bases of a plan that is not a recipe."""
