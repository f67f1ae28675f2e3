"""Recorded answers that may differ in the last places of their floats, because NumPy's functions depend on the CPU.

A number that was printed with 6 to 14 digits may also differ by 1 in its last digit, because its value may be half-way.
"""

import re
from decimal import Decimal
from typing import Any

from paramsched.core.curves.arrays import equal_to_last_places

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?(?![\w.])")


def same_answer(found: Any, recorded: Any) -> bool:
    """Return whether two answers are equal, up to 4 units in the last place of the largest float of a text or list."""
    if found == recorded:
        return True
    if isinstance(found, dict) and isinstance(recorded, dict):
        return found.keys() == recorded.keys() and all(same_answer(found[key], recorded[key]) for key in recorded)
    if isinstance(found, (list, tuple)) and isinstance(recorded, (list, tuple)):
        if recorded and all(isinstance(one, float) for one in (*found, *recorded)):
            return equal_to_last_places(found, recorded)
        return len(found) == len(recorded) and all(map(same_answer, found, recorded))
    if isinstance(found, float) and isinstance(recorded, float):
        return equal_to_last_places(found, recorded)
    if not (isinstance(found, str) and isinstance(recorded, str)):
        return False
    mine, theirs = _NUMBER.findall(found), _NUMBER.findall(recorded)
    if _NUMBER.split(found) != _NUMBER.split(recorded) or len(mine) != len(theirs):
        return False
    differing = [pair for pair in zip(mine, theirs, strict=True) if pair[0] != pair[1]]
    if any(one.lstrip("-").isdigit() and other.lstrip("-").isdigit() for one, other in differing):
        return False  # integers are counts
    pairs = [
        (float(one), float(one) if _is_printed(one, other) else float(other))
        for one, other in zip(mine, theirs, strict=True)
        if not one.isdigit()
    ]
    return equal_to_last_places([one for one, _ in pairs], [other for _, other in pairs])


def _is_printed(found: str, recorded: str) -> bool:
    """Return whether two rounded numbers differ by at most 1 in their last digit."""
    (mantissa, _, power), (other, _, its_power) = found.partition("e"), recorded.partition("e")
    digits = len(mantissa.lstrip("-0.").replace(".", ""))
    places = len(mantissa.partition(".")[2])
    if power != its_power or places != len(other.partition(".")[2]) or not 6 <= digits < 15:
        return False
    return abs(Decimal(mantissa) - Decimal(other)) <= Decimal(1).scaleb(-places)
