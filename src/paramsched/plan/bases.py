"""The values of an optimizer that a file has beside its plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.fields import Field


@final
@dataclass(frozen=True, slots=True)
class Bases:
    """The values that schedules are multiples of, if a file has them.

    Args:
        groups: like param groups, `{"lr": 0.1, "betas": (0.9, 0.999)}`; with a `name` where there are several.
        origin: the entry of the file that has them.
        notes: what else is to be known about them.
    """

    groups: tuple[Mapping[str, Any], ...] = ()
    origin: str = ""
    notes: tuple[str, ...] = ()

    def of(self, name: str | None) -> Mapping[str, Any]:
        """The values of a group by its name; those of the only one serve for all."""
        if len(self.groups) == 1 and "name" not in self.groups[0]:
            return self.groups[0]
        return next((group for group in self.groups if name is not None and group.get("name") == name), {})

    @staticmethod
    def value(group: Mapping[str, Any], field: Field) -> float | None:
        """A field's value in a group; momentum is `betas[0]` where there are betas. None where it is not said."""
        if field.key == "momentum" and field.index is None and "momentum" not in group and "betas" in group:
            field = Field("betas", 0)
        entry = group.get(field.key)
        if field.index is not None:
            entry = entry[field.index] if isinstance(entry, tuple) and field.index < len(entry) else None
        return float(entry) if isinstance(entry, (int, float)) else None


NO_BASES = Bases()
"""No values."""
