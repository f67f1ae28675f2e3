"""The names of this package, for type checkers."""

from paramsched.core.schedules.rules.base import Coefficients as Coefficients
from paramsched.core.schedules.rules.base import Rule as Rule
from paramsched.core.schedules.rules.base import ShareRule as ShareRule
from paramsched.core.schedules.rules.descents import cosine as cosine
from paramsched.core.schedules.rules.descents import cosine_restarts as cosine_restarts
from paramsched.core.schedules.rules.descents import one_cycle as one_cycle
from paramsched.core.schedules.rules.descents import polynomial as polynomial
from paramsched.core.schedules.rules.scaling import anneal as anneal
from paramsched.core.schedules.rules.scaling import constant as constant
from paramsched.core.schedules.rules.scaling import exponential as exponential
from paramsched.core.schedules.rules.scaling import linear as linear
from paramsched.core.schedules.rules.scaling import multistep as multistep
from paramsched.core.schedules.rules.scaling import schedule as schedule
from paramsched.core.schedules.rules.scaling import step as step
