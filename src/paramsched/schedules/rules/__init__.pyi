"""The names of this package, for type checkers."""

from paramsched.schedules.rules.base import Coefficients as Coefficients
from paramsched.schedules.rules.base import Rule as Rule
from paramsched.schedules.rules.base import ShareRule as ShareRule
from paramsched.schedules.rules.base import table as table
from paramsched.schedules.rules.descents import cosine as cosine
from paramsched.schedules.rules.descents import cosine_restarts as cosine_restarts
from paramsched.schedules.rules.descents import one_cycle as one_cycle
from paramsched.schedules.rules.descents import polynomial as polynomial
from paramsched.schedules.rules.scaling import anneal as anneal
from paramsched.schedules.rules.scaling import constant as constant
from paramsched.schedules.rules.scaling import exponential as exponential
from paramsched.schedules.rules.scaling import linear as linear
from paramsched.schedules.rules.scaling import multistep as multistep
from paramsched.schedules.rules.scaling import schedule as schedule
from paramsched.schedules.rules.scaling import step as step
