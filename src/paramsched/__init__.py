"""Hyperparameter schedules as data."""

from paramsched.schedules import *  # noqa: F403
from paramsched import curves
__all__=[n for n in dir() if n[0]!='_']
