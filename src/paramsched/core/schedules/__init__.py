"""Schedules: shapes, combinations of schedules, published schedules, and the one-line text of a schedule.

Every module of this package is imported, so a new file with a `@formula()` is enough to add a shape to texts and files.
"""

from importlib import import_module
from pkgutil import iter_modules

from paramsched.core.schedules.combinators import absolute as absolute
from paramsched.core.schedules.level import Absolute as Absolute
from paramsched.core.schedules.level import Level as Level
from paramsched.core.schedules.own import shape as shape
from paramsched.core.schedules.registry import SHAPES as SHAPES
from paramsched.core.schedules.schedule import Schedule as Schedule
from paramsched.core.schedules.text import calls_function as calls_function
from paramsched.core.schedules.text import parse as parse
from paramsched.core.schedules.text import parse_own as parse_own

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
