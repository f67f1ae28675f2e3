"""The one mutable object: it holds a clock and writes into an optimizer."""

from paramsched.scheduler.scheduler import Scheduler as Scheduler
