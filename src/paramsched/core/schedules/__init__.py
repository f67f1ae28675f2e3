"""Schedules: shapes, combinations of schedules, published schedules, and the one-line text of a schedule.

Every module of this package is imported, so a new file with a `@formula()` is enough to add a shape to texts and files.
"""

from importlib import import_module
from pkgutil import iter_modules

from paramsched.core.schedules.anneals import Index as Index
from paramsched.core.schedules.anneals import anneal as anneal
from paramsched.core.schedules.anneals import constant as constant
from paramsched.core.schedules.anneals import constant_level as constant_level
from paramsched.core.schedules.anneals import cooldown as cooldown
from paramsched.core.schedules.anneals import cosine as cosine
from paramsched.core.schedules.anneals import cosine_wave as cosine_wave
from paramsched.core.schedules.anneals import first_level as first_level
from paramsched.core.schedules.anneals import geometric as geometric
from paramsched.core.schedules.anneals import is_anneal as is_anneal
from paramsched.core.schedules.anneals import last_level as last_level
from paramsched.core.schedules.anneals import linear as linear
from paramsched.core.schedules.anneals import polynomial as polynomial
from paramsched.core.schedules.anneals import stage_from_base as stage_from_base
from paramsched.core.schedules.anneals import tanh as tanh
from paramsched.core.schedules.anneals import warmup as warmup
from paramsched.core.schedules.combinators import absolute as absolute
from paramsched.core.schedules.combinators import as_factor as as_factor
from paramsched.core.schedules.combinators import chain as chain
from paramsched.core.schedules.combinators import clamp as clamp
from paramsched.core.schedules.combinators import like as like
from paramsched.core.schedules.combinators import maximum as maximum
from paramsched.core.schedules.combinators import minimum as minimum
from paramsched.core.schedules.combinators import rounded as rounded
from paramsched.core.schedules.cycles import cosine_restarts as cosine_restarts
from paramsched.core.schedules.cycles import cyclic as cyclic
from paramsched.core.schedules.cycles import every as every
from paramsched.core.schedules.cycles import restarts as restarts
from paramsched.core.schedules.decays import exponential as exponential
from paramsched.core.schedules.decays import inverse_sqrt as inverse_sqrt
from paramsched.core.schedules.decays import inverse_time as inverse_time
from paramsched.core.schedules.decays import multistep as multistep
from paramsched.core.schedules.decays import piecewise as piecewise
from paramsched.core.schedules.decays import power_law as power_law
from paramsched.core.schedules.decays import stairs as stairs
from paramsched.core.schedules.decays import step as step
from paramsched.core.schedules.decays import table as table
from paramsched.core.schedules.level import AbsoluteValue as AbsoluteValue
from paramsched.core.schedules.level import Level as Level
from paramsched.core.schedules.level import split_level as split_level
from paramsched.core.schedules.published import noam as noam
from paramsched.core.schedules.published import one_cycle as one_cycle
from paramsched.core.schedules.published import wsd as wsd
from paramsched.core.schedules.registry import SHAPES as SHAPES
from paramsched.core.schedules.schedule import Schedule as Schedule
from paramsched.core.schedules.schedule import shape_of_name as shape_of_name
from paramsched.core.schedules.sequence import begins_of as begins_of
from paramsched.core.schedules.sequence import sequence_of as sequence_of
from paramsched.core.schedules.sequence import stages_of as stages_of
from paramsched.core.schedules.span import depends_on_base as depends_on_base
from paramsched.core.schedules.span import values_by_base as values_by_base
from paramsched.core.schedules.text import calls_function as calls_function
from paramsched.core.schedules.text import parse as parse
from paramsched.core.schedules.text import parse_own as parse_own
from paramsched.core.schedules.user_shapes import Length as Length
from paramsched.core.schedules.user_shapes import shape as shape
from paramsched.core.schedules.windows import overlay as overlay
from paramsched.core.schedules.windows import shift as shift
from paramsched.core.schedules.windows import skip as skip
from paramsched.core.schedules.windows import take as take
from paramsched.core.schedules.windows import window as window
from paramsched.core.schedules.windows import with_lengths as with_lengths
from paramsched.core.schedules.windows import with_unit as with_unit

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
