"""The errors of several optimizers under one plan."""

from collections.abc import Iterable, Sequence
from typing import Final

from paramsched.base.words import did_you_mean
from paramsched.errors import InvalidArgument, PlanError, StateError, UnknownField, UnknownGroup, shown

# ---------------------------------------------------------------- the names of optimizers

_EXAMPLE: Final = 'For example: {"muon": muon, "adamw": adamw}'


def no_optimizer(call: str) -> InvalidArgument:
    """Return the error for an empty mapping of optimizers."""
    return InvalidArgument(f"{call}({{}}, …)", "expected at least one optimizer", _EXAMPLE)


def name_is_not_text(call: str, name: object) -> InvalidArgument:
    """Return the error for a name of an optimizer that is not a text."""
    return _invalid_name(call, name, f"expected a str as the name of an optimizer, got {type(name).__name__}")


def name_is_reserved(call: str, name: str) -> InvalidArgument:
    """Return the error for a name that `drive=` has for something else."""
    return _invalid_name(call, name, f'the name is reserved for drive="{name}"')


def name_cannot_be_selected(call: str, name: str, characters: str) -> InvalidArgument:
    """Return the error for a name that no selector can contain, because of `characters` or spaces."""
    message = f"a name must not be empty, contain any of {' '.join(characters)} or start or end with a space"
    return _invalid_name(call, name, message)


def _invalid_name(call: str, name: object, message: str) -> InvalidArgument:
    return InvalidArgument(f"{call}({{{shown(name)}: …}}, …)", message, _EXAMPLE)


def in_optimizer(refusal: InvalidArgument, optimizer: str) -> InvalidArgument:
    """Return an error about one of several optimizers, with the name of that one."""
    return refusal.changed(site=f"{_named(optimizer)}: {refusal.problem.site}")


def state_of_optimizer(error: StateError, optimizer: str) -> StateError:
    """Return an error about the state of one of several optimizers, with the name of that one."""
    return StateError(f"{_named(optimizer)}: {error}")


def _named(optimizer: str) -> str:
    return f'optimizer "{optimizer}"'


# ---------------------------------------------------------------- one plan for all

PLAN_OF_SEVERAL: Final = 'For example: ps.Plan(ps.Binding("lr", "cosine()", groups="muon"), total=10_000)'
"""The advice to write one plan, if none can be made of those that were passed."""


def several_plans(call: str, plans: object, advice: str) -> InvalidArgument:
    """Return the error for a plan for each optimizer; `advice` has the one plan to write."""
    return InvalidArgument(f"{call}(…, {shown(plans)})", "one plan drives all optimizers, on one clock", advice)


def no_optimizer_has_field(name: str, optimizers: str, fields: Sequence[str]) -> UnknownField:
    """Return the error for a line for all groups whose field no optimizer has.

    Args:
        name: the name of the field.
        optimizers: the names of the optimizers as a text.
        fields: the numeric fields of their groups.
    """
    message = "no optimizer has a numeric field"
    if fields:
        message = f"no optimizer has this field; {did_you_mean(name, fields)}"
    return UnknownField(f'"{name}" in the groups of {optimizers}', message)


# ---------------------------------------------------------------- the groups of several optimizers


def index_without_optimizer(binding: str, index: int, names: str, optimizer: str) -> PlanError:
    """Return the error for an index, which several optimizers have.

    Args:
        binding: the text of the binding.
        index: the index.
        names: the names of the optimizers as a text.
        optimizer: the name of one of them.
    """
    message = f"an index does not name one of the optimizers {names}"
    return PlanError(binding, message, f"Write groups={f'{optimizer}/{index}'!r}")


def name_has_two_meanings(binding: str, name: str, owners: str, owner: str) -> PlanError:
    """Return the error for the name of an optimizer that another one has as the name of a group.

    Args:
        binding: the text of the binding.
        name: the name.
        owners: the names of the other optimizers as a text.
        owner: the name of one of them.
    """
    message = f'"{name}" is an optimizer, and also a group of {owners}'
    return PlanError(binding, message, f'Use "{name}/*" for the optimizer, or "{owner}/{name}" for the group')


def no_group_is_called(binding: str, pattern: str, groups: Iterable[str], more: int, near: str | None) -> UnknownGroup:
    """Return the error for a part of a selector that selects no group of several optimizers.

    Args:
        binding: the text of the binding.
        pattern: the part of its selector.
        groups: the name and the groups of the first optimizers.
        more: the number of further optimizers.
        near: the name that was probably meant; None if there is none.
    """
    listed = "; ".join(groups)
    if more > 0:
        listed += f"; and {more} more optimizers"
    advice = "Name an optimizer, optimizer/group or a group" if near is None else f'Did you mean "{near}"?'
    return UnknownGroup(binding, f'no optimizer or group is called "{pattern}"; the groups are {listed}', advice)
