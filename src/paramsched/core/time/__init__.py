"""Durations of training, and the run facts that convert their units."""

from paramsched.core.time.duration import Duration as Duration
from paramsched.core.time.duration import DurationLike as DurationLike
from paramsched.core.time.duration import count_of as count_of
from paramsched.core.time.run_facts import RunFacts as RunFacts
