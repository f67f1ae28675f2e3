"""The dialect of MMEngine: its `param_scheduler`, by itself or in a whole config, in Python, YAML or JSON.

- one dict with `type` (a name or a class), a list of them, or a dict of lists by the names of several optimizers
- counts are epochs where `by_epoch` is true (the default), else iterations; a plan calls those updates
- a missing `end` is the end of the run: of `train_cfg`, else of the calendar
- schedulers of one field combine as in MMEngine: the plan's line is a chain of windows where that is exact, and a
  `recurrence` otherwise
- `.py` files are read without running them: assignments, loops, methods of lists and dicts, bases, variables; with
  `run_config=True` MMEngine executes them
"""

from paramsched.peers.mmengine.config_run import execute, read, write
from paramsched.peers.mmengine.plans import bases_of, to_plan, to_plans
from paramsched.peers.mmengine.table import recognizes
from paramsched.peers.mmengine.write_plan import from_plan

__all__ = [
    "bases_of",
    "execute",
    "from_plan",
    "read",
    "recognizes",
    "scheduler_entries",
    "to_plan",
    "to_plans",
    "write",
]

scheduler_entries = ("param_scheduler",)
