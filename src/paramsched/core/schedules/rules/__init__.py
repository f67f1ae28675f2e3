"""Rules: the steps of the drop-in schedulers, which change the current value at each tick.

A rule is a frozen value named after its shape. At tick k of its own clock (0 at the first tick in its window) it
replaces the current value v by

    v <- a(k) * v + b(k) * base + c(k) + e(k) * entry

Here `entry` is the value before the rule's first tick. Outside its window `[begin, end)` a rule changes no value.
All counts are numbers of ticks. The argument `by` selects the tick: an update, an epoch, or every n updates. The
schedulers of MMEngine and torch are such rules.
"""

from paramsched.core.schedules.registry import RULES as _RULES
from paramsched.core.schedules.rules import descents as _descents  # noqa: F401  # registers its rules
from paramsched.core.schedules.rules import scaling as _scaling  # noqa: F401
from paramsched.core.schedules.rules.base import Coefficients as Coefficients
from paramsched.core.schedules.rules.base import Rule as Rule
from paramsched.core.schedules.rules.base import ShareRule as ShareRule

globals().update({name.removeprefix("rules."): rule for name, rule in _RULES.items()})
