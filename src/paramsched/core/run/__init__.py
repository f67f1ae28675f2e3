"""Runs: the Scheduler, and what a run may have besides one plan, one optimizer and one process."""

from paramsched.core.run.scheduler import Scheduler as Scheduler
