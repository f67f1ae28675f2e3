"""Durations of training, and the run facts that convert their units."""

from paramsched.time.calendar import Calendar as Calendar
from paramsched.time.duration import Duration as Duration
from paramsched.time.duration import DurationLike as DurationLike
from paramsched.time.duration import count_of as count_of
from paramsched.time.duration import length_with_unit as length_with_unit
