"""A plan as text for machines: JSON that is the same in every process, and the way back."""

import json
from collections.abc import Iterable
from typing import Any

from paramsched.plan.binding import Binding, Target
from paramsched.plan.plan_clock import UPDATES, PlanClock, clock_as_data
from paramsched.schedules import parse_own
from paramsched.time import Duration


def write_canonical_text(bindings: Iterable[Binding], horizon: Duration | None, clock: PlanClock) -> str:
    """The parts of a plan as JSON; equal exactly for equal plans."""
    lines = [
        [
            [binding.field.name, binding.field.initial] if isinstance(binding.field, Target) else binding.field,
            binding.groups,
            str(binding.schedule),
        ]
        for binding in bindings
    ]
    length = None if horizon is None else horizon.updates if horizon.is_resolved else str(horizon)
    data: dict[str, Any] = {"horizon": length, "bindings": lines}
    if clock != UPDATES:
        data["clock"] = clock_as_data(clock)
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True)


def read_canonical_text(text: str) -> tuple[list[Binding], int | str | None, PlanClock | None]:
    """Bindings, horizon and clock, as a plan is made of them.

    Raises:
        ValueError, TypeError, LookupError, RecursionError: not such a text.
    """
    data = json.loads(text)
    bindings = [
        Binding(Target(*field) if isinstance(field, list) else field, parse_own(line), groups)
        for field, groups, line in data["bindings"]
    ]
    horizon = data["horizon"]
    return bindings, int(horizon) if str(horizon).isdecimal() else horizon, data.get("clock")
