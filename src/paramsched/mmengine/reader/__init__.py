"""The dialect of MMEngine: its `param_scheduler`, alone or in a complete config, in Python, YAML or JSON.

- `param_scheduler` is a dict with `type` (a name or a class), a list of such dicts, or, for several optimizers, a dict
  that maps each optimizer's name to a list.
- Counts are epochs if `by_epoch` is true (the default), else iterations, which a plan calls updates.
- A missing `end` is the end of the run, from `train_cfg` or else from the calendar.
- Schedulers of one field combine as in MMEngine. The plan contains a chain of windows if that is exact, else a
  `recurrence`.
- `.py` files are run, only with `run_config=True`.
"""

from paramsched.mmengine.reader.arguments import recognizes
from paramsched.mmengine.reader.config_run import execute, facts_of, read
from paramsched.mmengine.reader.plans import bases_of, to_plan

__all__ = ["bases_of", "execute", "facts_of", "read", "recognizes", "scheduler_entries", "to_plan"]

scheduler_entries = ("param_scheduler",)
