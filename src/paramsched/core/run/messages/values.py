"""The errors of values and of the groups into which they are written, and what the log has of them."""

from collections.abc import Sequence

from paramsched.base.problem import Problem
from paramsched.core.groups.fields import Field
from paramsched.core.plan.run_amounts import MAX_CONSUMED
from paramsched.core.run.messages import LogCall
from paramsched.errors import InvalidArgument, PlanError, StateError

# ---------------------------------------------------------------- groups


def no_groups() -> StateError:
    """Return the error for an optimizer whose groups were removed."""
    return StateError("optimizer.param_groups is empty: the groups that the plan writes were removed")


def tuple_has_other_length(key: str, group: str | int, entry: object, size: int | None) -> StateError:
    """Return the error for a tuple, such as `betas`, that had another size when it was bound."""
    return StateError(f"{key} of group {group!r} is {entry!r}: it had {size} elements before")


def not_a_scalar_tensor(field: Field, group: int, shape: Sequence[int], dtype: object) -> InvalidArgument:
    """Return the error for a tensor with dimensions, or of integers, in place of a number."""
    message = f"a tensor of shape {tuple(shape)} and {dtype}"
    advice = "For example: torch.tensor(0.1): a floating-point tensor without dimensions"
    return InvalidArgument(f'"{field}" of group {group}', message, advice)


def group_was_added(group: str | int, t: int, field: Field, base: float, value: float) -> LogCall:
    """Return the line about an added group: its present value is its base, and the update uses another value."""
    text = "group %r was added at update %d: its %s %r is used as its base, and the update uses %r"
    return text, group, t, field, base, value


def group_continues_from_rate(group: str | int, t: int, lr: object, base: object) -> LogCall:
    """Return the line about an added group whose lr the plan continues, with a base that gives this lr."""
    text = "group %r was added at update %d with the lr %r: the plan continues from it, with the base %r"
    return text, group, t, lr, base


# ---------------------------------------------------------------- ranges


def target_place(name: str) -> str:
    """Return the place of a target, as an error names it."""
    return f"target {name}"


def group_place(field: Field, group: str | int) -> str:
    """Return the place of a field in a group, as an error names it."""
    return f"{field} of group {group!r}"


def outside_of_range(place: str, reason: str, value: float, when: str, advice: str) -> PlanError:
    """Return the error for a value outside of the range of its field.

    Args:
        place: the field and the group.
        reason: the range that it leaves.
        value: the value.
        when: the update or the amount.
        advice: what to do.
    """
    return PlanError(place, f"it {reason}: it is {value:g} at {when}", advice)


def not_finite(place: str, value: float, t: int, advice: str) -> PlanError:
    """Return the error for a value of update `t` that is not finite."""
    return PlanError(place, f"it is not finite: it is {value:g} at update {t}", advice)


def not_finite_in_dtype(place: str, value: float, t: int, advice: str) -> PlanError:
    """Return the error for a value of update `t` that is not finite in the dtype of its tensor."""
    return PlanError(place, f"it is {value:g} at update {t}, which is not finite in the dtype of its tensor", advice)


def amounts_are_too_large(clock: str, update: int) -> InvalidArgument:
    """Return the error for a run that consumes more than its clock can count before an update."""
    message = f"more than {MAX_CONSUMED:.0e} {clock} before update {update}"
    return InvalidArgument("the amounts of the run", message, "Plan smaller sizes, or a shorter run")


# ---------------------------------------------------------------- values of a save


def shape_has_changed(place: str, saved: float, shape: str, value: float, t: int) -> Problem:
    """Return the problem of a shape of the user that returns another value than the checkpoint has.

    Args:
        place: the field and the group.
        saved: the value in the checkpoint.
        shape: the name of the shape.
        value: the value that it returns.
        t: the update.
    """
    sentence = f"{place} is {saved:g} in the checkpoint, and with {shape} it is {value:g} for update {t}"
    return Problem(found=sentence, advice=f"To continue with the values of the save, define {shape} as it was then")
