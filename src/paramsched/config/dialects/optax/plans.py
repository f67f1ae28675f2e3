"""From schedules of optax to a plan."""

from collections.abc import Mapping
from typing import Any

from paramsched.config.dialects.optax.constructors import rule_of_entry, schedule_of_entry
from paramsched.config.dialects.optax.entries import (
    FIELDS,
    is_named_in_full,
    optimizer_in,
    read_optax_entry,
    scheduled_parts,
)
from paramsched.config.faults import HORIZON, ROOT, Faults, entry_path, short_json
from paramsched.config.known_dialects import NO_BASES, BaseLike, Bases
from paramsched.config.peer_arguments import ReadingNotes, base_of_lr, is_plain_number
from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user


def recognizes(data: Any) -> bool:
    """Whether data looks like a schedule of optax's, or like what holds one."""
    return any(is_named_in_full(part) for _, part, _ in scheduled_parts(data, ROOT))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # the contract
    """The numbers among the arguments of the optimizer that stands in the data."""
    given = optimizer_in(data)
    numbers = {field: float(given[name]) for name, field in FIELDS.items() if is_plain_number(given.get(name))}
    betas = (numbers.pop("betas[0]", 0.9), numbers.pop("betas[1]", 0.999))
    if "b1" in given or "b2" in given:
        return Bases(({**numbers, "betas": betas},), "optimizer")
    return Bases((numbers,), "optimizer") if numbers else NO_BASES


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # optax counts updates
    base: BaseLike | None = None,
) -> Plan:
    """The plan that gives what the schedules of optax give.

    Args:
        data: a constructor with its arguments, or an optimizer with schedules in it; `horizon` may stand beside it.
        calendar: is not needed.
        base: lr's own value; levels are then multiples of it, and else values as they stand.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> data = {"_target_": "optax.linear_schedule", "init_value": 0.1, "end_value": 0.05, "transition_steps": 50}
    >>> print(to_plan(data))
    lr: linear(absolute(0.1), absolute(0.05), 50)
    >>> print(to_plan(data, base=0.2))
    lr: linear(0.5, 0.25, 50)
    """
    notes = ReadingNotes(Faults(), base=base_of_lr(base))
    parts = list(scheduled_parts(data, ROOT))
    if not parts:
        read_optax_entry(data, ROOT, notes)
    beside = data if isinstance(data, Mapping) else {}
    monitor = beside.get("monitor", "loss")
    if not isinstance(monitor, str):
        notes.faults.add(entry_path("monitor"), f"{short_json(monitor)} is no name of a metric", "Write monitor: loss")
        monitor = "loss"
    fields, rule = _fields_of_parts(parts, monitor, notes)
    notes.faults.raise_any("config")
    if rule is not None:
        fields["lr"] = fields["lr"] * rule if "lr" in fields else rule
    try:
        plan = Plan(**fields, horizon=beside.get("horizon"))
    except InvalidArgument as refusal:
        notes.faults.refuse(HORIZON if "horizon" in beside else ROOT, refusal)
        notes.faults.raise_any("config")
        raise
    for caution in dict.fromkeys(notes.cautions):
        warn_user(caution)
    return plan


def _fields_of_parts(
    parts: list[tuple[str, Any, str]], monitor: str, notes: ReadingNotes
) -> tuple[dict[str, Any], Any]:
    """What each field follows, and the rule that multiplies into lr."""
    fields: dict[str, Any] = {}
    rule = None
    for field, data, path in parts:
        if field in fields or (field == "plateau" and rule is not None):
            notes.faults.add(path, f"a second one for {field}", "Keep one")
        elif field == "plateau":
            rule = rule_of_entry(data, path, monitor, notes)
        else:
            own = notes if field == "lr" else ReadingNotes(notes.faults, notes.cautions)
            fields[field] = schedule_of_entry(data, path, own)
    return fields, rule
