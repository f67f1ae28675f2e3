"""Schedules: basic shapes, combinations of schedules, recipes, and the one-line text of a schedule.

Every module of this package is imported, so a new file with a `@shape` is enough to add a shape to texts and files.
"""

from importlib import import_module
from pkgutil import iter_modules

from paramsched.core.schedules.affine import Absolute as Absolute
from paramsched.core.schedules.affine import AffineLevel as AffineLevel
from paramsched.core.schedules.affine import Level as Level
from paramsched.core.schedules.anneal import Anneal as Anneal
from paramsched.core.schedules.base import Schedule as Schedule
from paramsched.core.schedules.decays import Exponential as Exponential
from paramsched.core.schedules.leaves import Constant as Constant
from paramsched.core.schedules.one_operand import AbsoluteSchedule as AbsoluteSchedule
from paramsched.core.schedules.one_operand import absolute as absolute
from paramsched.core.schedules.registry import SHAPES as SHAPES
from paramsched.core.schedules.registry import shape as shape
from paramsched.core.schedules.text import calls_function as calls_function
from paramsched.core.schedules.text import parse as parse
from paramsched.core.schedules.text import parse_own as parse_own

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
