"""Why a plan cannot be written as text."""

from collections.abc import Iterable

from paramsched.core.curves import Curve
from paramsched.core.curves.registry import Custom
from paramsched.core.plan.binding import Binding
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.contents import values_inside
from paramsched.core.schedules.leaves import FromFunction
from paramsched.core.schedules.rules import Rule


def first_without_text(bindings: Iterable[Binding]) -> tuple[str, str]:
    """Return what the first line without a text contains, and what to do.

    >>> first_without_text([Binding("lr", "cosine()", groups=lambda group: True)])
    ('the groups of lr are chosen by a function', 'Select them by name')
    """
    line = next(one for one in bindings if not one.serializable)
    if callable(line.groups):
        return f"the groups of {line.name} are chosen by a function", "Select them by name"
    parts = [one for one in values_inside(line.schedule) if isinstance(one, Schedule | Rule | Curve)]
    innermost = [one for one in parts if not one.serializable][-1]
    if isinstance(innermost, FromFunction):
        return f"{line.name} contains a function without a name", 'For example: ps.register_function("mine", f)'
    if isinstance(innermost, Custom):
        return f"{line.name} contains a curve without a name", 'For example: ps.curves.register("mine", f)'
    kind = "curve" if isinstance(innermost, Curve) else "rule" if isinstance(innermost, Rule) else "shape"
    name = type(innermost).__name__
    found = f"{line.name} contains a {name}, which no registered function makes"
    return found, f"Register one with @ps.extend.{kind}"
