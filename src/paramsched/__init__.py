"""Hyperparameter schedules as data."""

from paramsched.schedules import *  # noqa: F403
from paramsched.feedback import plateau
from paramsched.time import Calendar, Duration
from paramsched.plan import Plan, Binding, Target, resolve
from paramsched._trace import Trace, trace
from paramsched._diff import diff
from paramsched.errors import InvalidArgument
from paramsched import curves, errors
__all__=[n for n in dir() if n[0]!='_']
