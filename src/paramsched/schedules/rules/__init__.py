"""Rules: the steps of a recurrence, which change the current value at each tick.

A rule is a frozen value named after its shape. At tick k of its own clock (0 at the first tick in its window) it
replaces the current value v by

    v <- a(k) * v + b(k) * base + c(k) + e(k) * entry

Here `entry` is the value before the rule's first tick. Outside its window `[begin, end)` a rule changes no value.
All counts are numbers of ticks. The argument `by` selects the tick: an update, an epoch, or every n updates. The
schedulers of MMEngine and torch are such rules.
"""

from paramsched.schedules.rules.base import Clock as Clock
from paramsched.schedules.rules.base import Coefficients as Coefficients
from paramsched.schedules.rules.base import Rule as Rule
from paramsched.schedules.rules.base import ShareRule as ShareRule
from paramsched.schedules.rules.base import TableRule as TableRule
from paramsched.schedules.rules.base import table as table
from paramsched.schedules.rules.descents import CosineRestartsRule as CosineRestartsRule
from paramsched.schedules.rules.descents import CosineRule as CosineRule
from paramsched.schedules.rules.descents import OneCycleRule as OneCycleRule
from paramsched.schedules.rules.descents import PolynomialRule as PolynomialRule
from paramsched.schedules.rules.descents import cosine as cosine
from paramsched.schedules.rules.descents import cosine_restarts as cosine_restarts
from paramsched.schedules.rules.descents import one_cycle as one_cycle
from paramsched.schedules.rules.descents import polynomial as polynomial
from paramsched.schedules.rules.scaling import AnnealRule as AnnealRule
from paramsched.schedules.rules.scaling import ConstantRule as ConstantRule
from paramsched.schedules.rules.scaling import ExponentialRule as ExponentialRule
from paramsched.schedules.rules.scaling import LinearRule as LinearRule
from paramsched.schedules.rules.scaling import MultiStepRule as MultiStepRule
from paramsched.schedules.rules.scaling import ScheduleRule as ScheduleRule
from paramsched.schedules.rules.scaling import StepRule as StepRule
from paramsched.schedules.rules.scaling import anneal as anneal
from paramsched.schedules.rules.scaling import constant as constant
from paramsched.schedules.rules.scaling import exponential as exponential
from paramsched.schedules.rules.scaling import linear as linear
from paramsched.schedules.rules.scaling import multistep as multistep
from paramsched.schedules.rules.scaling import schedule as schedule
from paramsched.schedules.rules.scaling import step as step
