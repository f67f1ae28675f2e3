"""Amounts that a loop says: checked before anything is done with them."""

from collections.abc import Mapping
from math import isfinite
from numbers import Integral, Real
from typing import Any

import torch

from paramsched.errors import InvalidArgument, shown
from paramsched.plan.run_amounts import Amount
from paramsched.time.calendar import CLOCKS, OTHER_WORDS

MOST_CONSUMED = 2**62
"""Amounts are below it: they fit where a checkpoint keeps integers in 64 bits, and NumPy counts on."""


def checked_amount(call: str, unit: str | None, given: Mapping[str, Any]) -> Amount:
    """The amount of a call such as `consumed(tokens=4096)`.

    Args:
        call: how it begins: `"scheduler.consumed("`.
        unit: what the plan's clock counts; None for updates.
        given: its keywords.

    Raises:
        InvalidArgument: not one keyword, another unit than the clock's, or no amount of it.

    >>> checked_amount("scheduler.consumed(", "samples", {"images": 64})
    64
    """
    plain = None if unit is None else given.get(unit)
    if type(plain) is int and len(given) == 1 and 0 <= plain < MOST_CONSUMED:
        return plain if unit != "seconds" else float(plain)  # said at every update: ahead of all that takes time
    asked = f"{call}{', '.join(f'{name}={_shown(value)}' for name, value in given.items())})"
    if unit is None:
        name = next((name for name in given if OTHER_WORDS.get(name, name) in CLOCKS), "tokens")
        raise InvalidArgument(asked, "the plan's clock counts updates", f'Write ps.Plan(…, clock="{name}")')
    instead = f"Write {call}{unit}={0.25 if unit == 'seconds' else 4096})"
    if len(given) != 1:
        raise InvalidArgument(asked, f"the plan's clock counts {unit}, and one number says how many", instead)
    ((name, value),) = given.items()
    if OTHER_WORDS.get(name, name) != unit:
        raise InvalidArgument(asked, f"the plan's clock counts {unit}", instead)
    amount = _number_of(value)
    if amount is None or not 0 <= amount < MOST_CONSUMED:
        if amount is not None and amount < 0:
            raise InvalidArgument(asked, "below 0, and an amount does not go back", instead)
        kind = "number of seconds from 0 on" if unit == "seconds" else f"whole number of {unit} from 0 on"
        raise InvalidArgument(asked, f"not a {kind}", instead)
    if unit == "seconds":
        return float(amount)
    if amount != int(amount):
        raise InvalidArgument(asked, f"a fraction of {unit}", instead)
    return int(amount)


def _number_of(value: Any) -> Amount | None:
    """A number, or a tensor that holds one, as Python has it; None for anything else."""
    if isinstance(value, torch.Tensor):
        if value.ndim != 0 or value.dtype == torch.bool or value.is_complex():
            return None
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _shown(value: Any) -> str:
    return str(value.item()) if isinstance(value, torch.Tensor) and value.ndim == 0 else shown(value)
