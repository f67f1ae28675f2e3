"""Schedules: basic shapes, combinations of schedules, recipes, and the one-line text of a schedule.

Every module of this package is imported, so a new file with a `@shape` is enough to add a shape.
"""

from importlib import import_module
from pkgutil import iter_modules

from paramsched.schedules import rules as rules
from paramsched.schedules.affine import Absolute as Absolute
from paramsched.schedules.affine import AffineLevel as AffineLevel
from paramsched.schedules.affine import Level as Level
from paramsched.schedules.affine import absolute as absolute
from paramsched.schedules.affine import following as following
from paramsched.schedules.affine import previous as previous
from paramsched.schedules.anneal import Anneal as Anneal
from paramsched.schedules.anneal import anneal as anneal
from paramsched.schedules.anneal import cooldown as cooldown
from paramsched.schedules.anneal import cosine as cosine
from paramsched.schedules.anneal import linear as linear
from paramsched.schedules.anneal import warmup as warmup
from paramsched.schedules.as_factor import as_factor as as_factor
from paramsched.schedules.averages import ademamix_beta3 as ademamix_beta3
from paramsched.schedules.averages import ema_power as ema_power
from paramsched.schedules.averages import ema_warmup as ema_warmup
from paramsched.schedules.averages import exponential_warmup as exponential_warmup
from paramsched.schedules.averages import gaussian_warmup as gaussian_warmup
from paramsched.schedules.averages import radam_warmup as radam_warmup
from paramsched.schedules.averages import untuned_exponential_warmup as untuned_exponential_warmup
from paramsched.schedules.averages import untuned_linear_warmup as untuned_linear_warmup
from paramsched.schedules.base import Schedule as Schedule
from paramsched.schedules.cuts import skip as skip
from paramsched.schedules.cuts import take as take
from paramsched.schedules.cyclic import cosine_restarts as cosine_restarts
from paramsched.schedules.cyclic import cyclic as cyclic
from paramsched.schedules.cyclic import cyclical_anneal as cyclical_anneal
from paramsched.schedules.cyclic import one_cycle as one_cycle
from paramsched.schedules.decays import Exponential as Exponential
from paramsched.schedules.decays import exponential as exponential
from paramsched.schedules.decays import geometric as geometric
from paramsched.schedules.decays import inverse_sigmoid as inverse_sigmoid
from paramsched.schedules.decays import inverse_sqrt as inverse_sqrt
from paramsched.schedules.decays import inverse_time as inverse_time
from paramsched.schedules.decays import logistic as logistic
from paramsched.schedules.decays import natural_exponential as natural_exponential
from paramsched.schedules.decays import power_law as power_law
from paramsched.schedules.leaves import Constant as Constant
from paramsched.schedules.leaves import constant as constant
from paramsched.schedules.leaves import from_function as from_function
from paramsched.schedules.leaves import like as like
from paramsched.schedules.leaves import register_function as register_function
from paramsched.schedules.named_anneals import cosine_wave as cosine_wave
from paramsched.schedules.named_anneals import linear_cosine as linear_cosine
from paramsched.schedules.named_anneals import polynomial_cycle as polynomial_cycle
from paramsched.schedules.named_anneals import tanh as tanh
from paramsched.schedules.noise import noise as noise
from paramsched.schedules.one_operand import jagged as jagged
from paramsched.schedules.one_operand import rounded as rounded
from paramsched.schedules.pointwise import clamp as clamp
from paramsched.schedules.pointwise import maximum as maximum
from paramsched.schedules.pointwise import minimum as minimum
from paramsched.schedules.recipes import noam as noam
from paramsched.schedules.recipes import overlay as overlay
from paramsched.schedules.recipes import piecewise as piecewise
from paramsched.schedules.recipes import polynomial as polynomial
from paramsched.schedules.recipes import power_scheduler as power_scheduler
from paramsched.schedules.recipes import rsqrt as rsqrt
from paramsched.schedules.recipes import slanted_triangular as slanted_triangular
from paramsched.schedules.recipes import t5 as t5
from paramsched.schedules.recipes import trapezoid as trapezoid
from paramsched.schedules.recipes import tri_stage as tri_stage
from paramsched.schedules.recipes import wsd as wsd
from paramsched.schedules.recipes import wsd_s as wsd_s
from paramsched.schedules.recurrence import recurrence as recurrence
from paramsched.schedules.registry import SHAPES as SHAPES
from paramsched.schedules.registry import shape as shape
from paramsched.schedules.restarts import restarts as restarts
from paramsched.schedules.restarts import warmup_restarts as warmup_restarts
from paramsched.schedules.retimed import chain as chain
from paramsched.schedules.retimed import every as every
from paramsched.schedules.retimed import shift as shift
from paramsched.schedules.retimed import window as window
from paramsched.schedules.sequence import with_lengths as with_lengths
from paramsched.schedules.staircases import chebyshev as chebyshev
from paramsched.schedules.staircases import multistep as multistep
from paramsched.schedules.staircases import stairs as stairs
from paramsched.schedules.staircases import step as step
from paramsched.schedules.table import table as table
from paramsched.schedules.table import table_file as table_file
from paramsched.schedules.table import tabulate as tabulate
from paramsched.schedules.text.parsing import meant_line as meant_line
from paramsched.schedules.text.parsing import parse as parse
from paramsched.schedules.text.parsing import parse_own as parse_own
from paramsched.schedules.text.parsing import schedule_or_faults as schedule_or_faults
from paramsched.schedules.text.parsing import value_in as value_in

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
