"""What a plan leaves in param groups: flat plain numbers, so that any checkpoint of the optimizer carries them."""

from math import isfinite
from typing import Any, TypeAlias

from paramsched.errors import InvalidArgument, StateError, shown
from paramsched.fields import OURS, Field
from paramsched.plan import Plan
from paramsched.plan.run_amounts import Amount
from paramsched.time import Calendar
from paramsched.time.calendar import CLOCKS

Group: TypeAlias = dict[str, Any]

COUNT = f"{OURS}t"
PLAN = f"{OURS}plan"
AMOUNT = f"{OURS}amount"
"""What has been consumed before the coming update; not there where the plan is by updates."""
CLOCK = f"{OURS}clock"
"""What the amount counts, as its place among `CLOCKS`: groups hold numbers only."""
SAID = f"{OURS}said"
"""In the first group, while the optimizer is saved: what the loop said and no update has counted yet."""
_BASE = f"{OURS}base_"


def base_key(field: Field) -> str:
    """The entry that keeps a field's base."""
    return f"{_BASE}{field.slot}"


def plan_number(plan: Plan, resolved: Plan) -> int:
    """The number of a plan in param groups; 0 for one that has no fingerprint.

    It is the plan's own where the plan says everything. Where a fact of the calendar went into its lengths it is that
    of the resolved plan, so that another `steps_per_epoch` is noticed by an optimizer's checkpoint too.
    """
    if not plan.serializable:
        return 0
    try:
        complete = plan.resolve(Calendar()).bindings == resolved.bindings
    except InvalidArgument:  # a unit, or a horizon, that only the calendar knows
        complete = False
    return _leading_bits(plan.fingerprint if complete else resolved.fingerprint)


def _leading_bits(fingerprint: str) -> int:
    """The first 60 bits of a fingerprint: they fit where a checkpoint keeps integers in 64."""
    return int(fingerprint[:15], 16)


def count_carried(groups: list[Group]) -> int | None:
    """The count a list of groups carries: that of the first one that has any.

    Raises:
        StateError: it is no count.
    """
    for index, group in enumerate(groups):
        if COUNT in group:
            _require_count(group[COUNT], index)
            count: int = group[COUNT]
            return count
    return None


def note_amount(groups: list[Group], clock: str | None, amount: Amount | None, said: Amount | None) -> None:
    """Write an amount into every group, and what is still to be counted into the first; take them out where None."""
    for index, group in enumerate(groups):
        pending = said if index == 0 else None
        place = None if clock is None else CLOCKS.index(clock)
        for key, value in ((AMOUNT, amount), (CLOCK, place), (SAID, pending)):
            if value is None:
                group.pop(key, None)
            else:
                group[key] = value


def amount_carried(groups: list[Group], clock: str | None) -> tuple[Amount | None, Amount | None]:
    """The amount that a list of groups carries on this clock, beside its count, and what is still to be counted."""
    for group in groups:
        if COUNT in group:
            mine = clock is not None and group.get(CLOCK) == CLOCKS.index(clock)
            return (group.get(AMOUNT), group.get(SAID)) if mine else (None, None)
    return None, None


def check_entries(groups: list[Group]) -> None:
    """Refuse groups whose entries of ours were spoiled.

    Raises:
        StateError: a count, a plan's number or a base that is none.
    """
    for index, group in enumerate(groups):
        if COUNT in group:
            _require_count(group[COUNT], index)
        if PLAN in group and (isinstance(group[PLAN], bool) or not isinstance(group[PLAN], int)):
            raise StateError(f"param_groups[{index}][{PLAN!r}] is {group[PLAN]!r}, not the number of a plan")
        if CLOCK in group and group[CLOCK] not in range(len(CLOCKS)):
            raise StateError(f"param_groups[{index}][{CLOCK!r}] is {shown(group[CLOCK])}, not the number of a clock")
        for key in (AMOUNT, SAID):
            if key in group and not is_amount(group[key]):
                raise StateError(f"param_groups[{index}][{key!r}] is {shown(group[key])}, not an amount")
        for key, value in group.items():
            if isinstance(key, str) and key.startswith(_BASE) and not is_finite_number(value):
                raise StateError(f"param_groups[{index}][{key!r}] is {shown(value)}, not a finite number")


def _require_count(count: Any, index: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**62:
        raise StateError(f"param_groups[{index}][{COUNT!r}] is {shown(count)}, not a number of updates")


def is_amount(value: Any) -> bool:
    """Whether a saved value is an amount: a number from 0 on."""
    return is_finite_number(value) and bool(0 <= value < 2**62)


def is_finite_number(value: Any) -> bool:
    """Whether a saved value is one: a float, or an integer that is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False


def remove_entries(groups: list[Group]) -> None:
    """Take every trace out again."""
    for group in groups:
        for key in [key for key in group if isinstance(key, str) and key.startswith(OURS)]:
            del group[key]
