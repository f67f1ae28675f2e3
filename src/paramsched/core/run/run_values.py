"""The planned values of a run by field and group, and under flat names for a logger."""

from collections.abc import Collection, Mapping
from typing import Any

from paramsched.core.groups.fields import Field
from paramsched.core.plan.lines import by_group
from paramsched.core.plan.optimizers import find_group, flat_optimizers, unique_labels
from paramsched.core.plan.traces import Key
from paramsched.core.run.messages import arguments as messages
from paramsched.core.run.run import Run


def planned_values(run: Run, optimizers: Mapping[str, Any]) -> dict[Key, float]:
    """Return the planned values of the next update by field and group, as in a `Trace`; targets have group ""."""
    values_by_key: dict[Key, float] = {}
    for name, attached in run.attached.items():
        labels = attached.scope.labels(optimizers[name].param_groups)
        values = attached.planned_values()
        for index, line, _ in by_group(attached.table.lines):
            if index < len(labels):  # the optimizer of a detached scheduler may have lost groups
                values_by_key[line.name, labels[index]] = values[index, line.field.slot]
    targets = {} if run.targets is None else run.targets.values()
    return values_by_key | {(name, ""): value for name, value in targets.items()}


def key_of(
    keys: Collection[Key], optimizers: Mapping[str, Any], field: str, group: int | str | None, *, is_shared: bool
) -> Key:
    """Return the key of a field in a group.

    Raises:
        InvalidArgument: the plan does not schedule this field in this group.
    """
    if is_shared:
        candidates: list[Any] = [find_group(keys, optimizers, field, group)]
    else:
        group = 0 if group is None else group
        (optimizer,) = optimizers.values()
        labels: dict[Any, Any] = dict(enumerate(unique_labels(optimizer.param_groups)))
        candidates = [(field, ""), (field, group), (field, labels.get(group))]
    key: Key | None = next((candidate for candidate in candidates if candidate in keys), None)
    if key is not None:
        return key
    raise messages.not_scheduled(field, group, keys)


def flat_values(run: Run, optimizers: Mapping[str, Any], *, last: bool) -> dict[str, float]:
    """Return the values of the next update, or of the last one if `last`, as `Scheduler.scalars`."""
    last = last and run.t > 0
    names = flat_optimizers({name: optimizer.param_groups for name, optimizer in optimizers.items()})
    # TensorBoard replaces all other characters, and MLflow rejects most. A slash creates a section in each logger.
    scalars: dict[str, float] = {}
    for name, attached in run.attached.items():
        ends = names[name]
        values = attached.planned_values(last=last)
        for index, line, _ in by_group(attached.table.lines):
            if index < len(ends):  # as above
                scalars[Field.of(line.name).slot + ends[index]] = values[index, line.field.slot]
    targets = {} if run.targets is None else run.targets.values(last=last)
    for name, value in targets.items():
        scalars[name if name not in scalars else f"targets/{name}"] = value
    amount = run.state.last_amount if last else run.state.amount
    if amount is not None:
        scalars[f"consumed_{run.in_force.unit}"] = float(amount)
    return scalars
