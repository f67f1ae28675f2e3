"""External writes: values that other code wrote into the groups between two updates. Imported when there is one."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from paramsched.core.base.problem import Problem
from paramsched.core.plan.lines import Values
from paramsched.core.run.state import Group
from paramsched.core.run.values import Tensors, ValueRows


def note_tensors(rows: ValueRows, tensors: Tensors, planned: Values) -> None:
    """Note the tensors in the groups as possible external writes, with the values that the last update should use."""
    for column in tensors.columns:
        for index, (group, _) in zip(column.indices, column.views, strict=True):
            value = planned[index, column.field.slot]
            rows.overwritten.append((column.field, group, column.field.read(group), value))


def external_problems(
    rows: ValueRows, groups: Sequence[Group], labels: Sequence[str | int], reported: set[str], update: int
) -> Iterator[Problem]:
    """Yield a warning for each field with an external write, in groups that the optimizer still has.

    The noted values may equal the plan, because the writes compare object identities.

    Args:
        rows: the rows that noted the writes.
        groups: the groups of the optimizer.
        labels: their labels.
        reported: the fields that were reported; new ones are added.
        update: the update that used the values.
    """
    indices = {id(group): index for index, group in enumerate(groups)}
    for field, group, value, planned in rows.overwritten:
        index = indices.get(id(group))
        if index is None or _is_planned(value, planned) or str(field) in reported:
            continue
        reported.add(str(field))
        text = (
            f"{field} of group {labels[index]!r} was {value!r} at update {update} instead of the planned "
            f"{planned!r}: other code wrote it, and the update used it. After each update the plan writes the value of "
            "the next one"
        )
        advice = "Remove what writes it, such as the step() of another scheduler. For other values, change the plan"
        yield Problem(found=text, advice=advice)


def _is_planned(value: Any, planned: float) -> bool:
    """Return whether an entry equals the planned value, rounded to the dtype of the entry if that is a tensor."""
    try:
        if isinstance(value, torch.Tensor):
            value, planned = float(value), float(torch.tensor(planned, dtype=value.dtype))
        return bool(value == planned or (value != value and planned != planned))  # NaN counts as equal to NaN
    except (TypeError, ValueError, RuntimeError):  # an object whose comparison is not a bool
        return False
