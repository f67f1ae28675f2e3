"""What authors of extensions need, by kind. Everything in `paramsched.core` is internal and may change.

An adapter of an engine also needs `engine_facts`, `reporting` and `run_end` of `paramsched.engines`.
"""

# A shape: a formula of time.
from paramsched.core.builders import constructor as constructor
from paramsched.core.schedules import SHAPES as SHAPES
from paramsched.core.schedules.affine import Absolute as Absolute
from paramsched.core.schedules.affine import Affine as Affine
from paramsched.core.schedules.anneal import anneal as anneal
from paramsched.core.schedules.base import Schedule as Schedule
from paramsched.core.schedules.lengths import PERIOD as PERIOD
from paramsched.core.schedules.own import shape as shape
from paramsched.core.time import Duration as Duration
from paramsched.core.time import DurationLike as DurationLike

# A curve: a path from one level to another.
from paramsched.core.curves.arrays import Array as Array
from paramsched.core.curves.arrays import Arrays as Arrays
from paramsched.core.curves.base import Curve as Curve
from paramsched.core.curves.base import curve as curve

# A metric rule: a state machine that observes a measured value.
from paramsched.core.feedback import Guided as Guided
from paramsched.core.feedback import Hold as Hold
from paramsched.core.feedback import HoldState as HoldState
from paramsched.core.feedback import MetricRule as MetricRule
from paramsched.core.feedback import Plateau as Plateau
from paramsched.core.feedback import PlateauState as PlateauState

# Problems of data, and the values of an optimizer.
from paramsched.core.files.diagnostic_collector import DiagnosticCollector as DiagnosticCollector
from paramsched.core.plan import Plan as Plan
from paramsched.core.plan.extras import Bases as Bases

# The values of a plan, and of its metric rules for recorded metrics.
from paramsched.core.plan import replay as replay
from paramsched.core.plan.trace import Trace as Trace

# Files of plans, and their formats.
from paramsched.core.files.plan_files import PlanText as PlanText
from paramsched.core.files.plan_files import Loaded as Loaded
from paramsched.core.files.plan_files import convert as convert
from paramsched.core.files.plan_files import formats as formats
from paramsched.core.files.plan_files import open_plan as open_plan

# Checks of arguments, and the errors that name a call.
from paramsched.core.number_checks import checked as checked
from paramsched.core.number_checks import positive_number as positive_number
from paramsched.errors import CallSite as CallSite

__all__ = sorted(name for name in globals() if not name.startswith("_"))
