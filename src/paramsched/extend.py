"""Names for shapes and curves of your own. Everything in `paramsched.core` is internal and may change.

`paramsched.shape` registers a shape. An adapter of an engine needs `engine_facts`, `reporting` and `run_end` of
`paramsched.engines`.
"""

# The arguments of a function, and what it returns.
from paramsched.base.params import Count as Count
from paramsched.base.params import Positive as Positive
from paramsched.base.params import Share as Share
from paramsched.core.curves import Array as Array
from paramsched.core.schedules import Schedule as Schedule

# A curve: a path from one level to another.
from paramsched.core.curves import Curve as Curve
from paramsched.core.curves import curve as curve
from paramsched.core.curves import curve_family as curve_family

# What `paramsched.trace` returns.
from paramsched.core.plan import Trace as Trace

__all__ = sorted(name for name in globals() if not name.startswith("_"))


def __dir__() -> list[str]:
    return __all__
