"""What a file says: a plan, and beside it the optimizer's own values, which schedules are multiples of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.fields import Field
from paramsched.plan import Plan
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class Bases:
    """The values that schedules are multiples of, where a file says them.

    Args:
        groups: like param groups, `{"lr": 0.1, "betas": (0.9, 0.999)}`; with a `name` where there are several.
        origin: the entry of the file they stand in.
        notes: what else is to be said of them.
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
"""Where nothing says them."""


@final
@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan and the optimizer's values, as a file says them.

    Args:
        plan: the plan.
        bases: the optimizer's values that stand beside it.
        native: whether it is in the library's own words; otherwise a dialect's.
        facts: what stands beside it of the run it was written for.
        entry: the path of the entry that says the schedules, in a dialect's file.
    """

    plan: Plan
    bases: Bases = NO_BASES
    native: bool = True
    facts: Calendar | None = None
    entry: str = ""
