"""The Scheduler: the only mutable object, which keeps a clock and writes values into an optimizer."""

from paramsched.scheduler.scheduler import Scheduler as Scheduler
