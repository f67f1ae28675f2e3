"""Bases: the values that schedules multiply, of a published recipe or of a user's call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.core.fields import Field
from paramsched.core.number_checks import finite_number
from paramsched.errors import InvalidArgument, shown


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


def group_of_bases(call: str, bases: Mapping[str, float]) -> dict[str, Any]:
    """Return a group with the bases that a user passes by field.

    Raises:
        InvalidArgument: they are not numbers by field.

    >>> group_of_bases("trace", {"lr": 0.1, "weight_decay": 0.01})
    {'lr': 0.1, 'weight_decay': 0.01}
    """
    if not isinstance(bases, Mapping):
        found = f"expected numbers by field, got {type(bases).__name__}"
        raise InvalidArgument(f"{call}(bases={shown(bases)})", found, example='bases={"lr": 0.1}')
    group = dict[str, Any]()
    for name, base in bases.items():
        Field.of(name).fill(group, finite_number(f"bases[{name!r}]", base))
    return group
