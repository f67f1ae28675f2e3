"""Runs: the Scheduler, and what a run may have besides one plan, one optimizer and one process."""

from paramsched.core.run.amounts import checked_amount as checked_amount
from paramsched.core.run.arguments import Arguments as Arguments
from paramsched.core.run.arguments import check_option as check_option
from paramsched.core.run.engine_handle import EngineHandle as EngineHandle
from paramsched.core.run.group_entries import COUNT as COUNT
from paramsched.core.run.group_entries import remove_entries as remove_entries
from paramsched.core.run.hooks import PlanHooks as PlanHooks
from paramsched.core.run.hooks import hooks_on as hooks_on
from paramsched.core.run.processes import WORLD as WORLD
from paramsched.core.run.processes import Processes as Processes
from paramsched.core.run.record import OnBase as OnBase
from paramsched.core.run.record import OnChange as OnChange
from paramsched.core.run.record import Record as Record
from paramsched.core.run.record import plan_or_why as plan_or_why
from paramsched.core.run.record import position_of_torch as position_of_torch
from paramsched.core.run.record import read_groups as read_groups
from paramsched.core.run.record import read_scheduler_state as read_scheduler_state
from paramsched.core.run.scheduler import Scheduler as Scheduler
from paramsched.core.run.steps import watch_updates as watch_updates
from paramsched.core.run.unwrapped import unwrapped_optimizers as unwrapped_optimizers
from paramsched.core.run.value_table import LR as LR
