"""External writes: values that other code wrote into the groups between two updates. Imported when there is one."""

from typing import Any

import torch

from paramsched.core.base.problem import Problem
from paramsched.core.plan.lines import values_at
from paramsched.core.run.member import Member
from paramsched.core.run.state import Group


def check_tensors(member: Member, groups: list[Group]) -> None:
    """Note tensors that other code filled or replaced, and write the original tensors into the groups again.

    Args:
        member: the optimizer, whose step is counted already.
        groups: the groups that it has.
    """
    run, rows = member.run, member.rows
    assert rows.tensors is not None
    values = values_at(rows.lines, run.last_times, run.states)
    for column in rows.tensors.columns:
        for index, (group, _) in zip(column.indices, column.views, strict=True):
            value = values[index, column.field.slot]
            rows.overwritten.append((column.field, group, column.field.read(group), value))
    note_overwritten(member, groups)
    rows.tensors.install_views()


def note_overwritten(member: Member, groups: list[Group]) -> None:
    """Note values that differed from the plan, in groups that the optimizer still has; each field is reported once.

    The recorded values may equal the plan, because the writes compare object identities.
    """
    indices, labels = {id(group): index for index, group in enumerate(groups)}, member.labels(groups)
    for field, group, value, planned in member.rows.overwritten:
        index = indices.get(id(group))
        if index is None or _is_planned(value, planned) or str(field) in member.written_fields:
            continue
        member.written_fields.add(str(field))
        text = (
            f"{field} of group {labels[index]!r} was {value!r} at update {member.t - 1} instead of the planned "
            f"{planned!r}: other code wrote it, and the update used it. After each update the plan writes the value of "
            "the next one"
        )
        advice = "Remove what writes it, such as the step() of another scheduler. For other values, change the plan"
        member.run.unreported.append(Problem(found=text, advice=advice))
    member.rows.overwritten.clear()


def _is_planned(value: Any, planned: float) -> bool:
    """Return whether an entry equals the planned value, rounded to the dtype of the entry if that is a tensor."""
    try:
        if isinstance(value, torch.Tensor):
            value, planned = float(value), float(torch.tensor(planned, dtype=value.dtype))
        return bool(value == planned or (value != value and planned != planned))  # NaN counts as equal to NaN
    except (TypeError, ValueError, RuntimeError):  # an object whose comparison is not a bool
        return False
