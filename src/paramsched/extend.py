"""Names for authors of extensions, by kind. Everything in `paramsched.core` is internal and may change.

An adapter of an engine also needs `engine_facts`, `reporting` and `run_end` of `paramsched.engines`.
"""

# A shape: a function of time, or one that plans schedules.
from paramsched.core.base.params import Count as Count
from paramsched.core.base.params import Positive as Positive
from paramsched.core.base.params import Share as Share
from paramsched.core.curves.arrays import Array as Array
from paramsched.core.schedules.evaluation import Base as Base
from paramsched.core.schedules.level import Absolute as Absolute
from paramsched.core.schedules.level import Level as Level
from paramsched.core.schedules.own import shape as shape
from paramsched.core.schedules.registry import SHAPES as SHAPES
from paramsched.core.schedules.schedule import Schedule as Schedule
from paramsched.core.schedules.shape import Length as Length
from paramsched.core.schedules.shape import Over as Over
from paramsched.core.schedules.shape import Period as Period
from paramsched.core.schedules.shape import Scale as Scale
from paramsched.core.schedules.shape import Time as Time
from paramsched.core.schedules.shape import formula as formula
from paramsched.core.schedules.shape import of_each as of_each
from paramsched.core.schedules.shape import of_one as of_one
from paramsched.core.schedules.shape import plan as plan
from paramsched.core.schedules.shape import planned as planned
from paramsched.core.schedules.span import Piece as Piece
from paramsched.core.schedules.span import Span as Span
from paramsched.core.time import Duration as Duration
from paramsched.core.time.duration import Number as Number

# A curve: a path from one level to another.
from paramsched.core.curves.curve import Curve as Curve
from paramsched.core.curves.curve import curve as curve
from paramsched.core.curves.curve import curve_family as curve_family

# A metric rule: a state machine that observes a measured value.
from paramsched.core.feedback import Hold as Hold
from paramsched.core.feedback import HoldState as HoldState
from paramsched.core.feedback import MetricRule as MetricRule
from paramsched.core.feedback import Plateau as Plateau
from paramsched.core.feedback import PlateauState as PlateauState

# A plan, and the values of an optimizer.
from paramsched.core.plan import Plan as Plan
from paramsched.core.plan.extras import Bases as Bases

# The values of a plan, and of its metric rules for recorded metrics.
from paramsched.core.plan import replay as replay
from paramsched.core.plan.trace import Trace as Trace

# Files of plans, and their formats.
from paramsched.core.files.plan_files import convert as convert
from paramsched.core.files.plan_files import formats as formats
from paramsched.core.files.plan_files import open_plan as open_plan

# Checks of arguments.
from paramsched.core.number_checks import checked as checked
from paramsched.core.number_checks import positive_number as positive_number

__all__ = sorted(name for name in globals() if not name.startswith("_"))
