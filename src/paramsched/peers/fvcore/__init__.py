"""The dialect of fvcore and detectron2: param schedulers as mappings, and the `SOLVER` section of a config.

- `{"CosineParamScheduler": {"start_value": 1, "end_value": 0}, "max_iter": 90000}`, composites too
- `{"SOLVER": {"LR_SCHEDULER_NAME": "WarmupMultiStepLR", …}}`, or what stands in it; the rest has detectron2's defaults
- a file goes upon the one that its `_BASE_` names; `STEPS: (60000, 80000)` is read as detectron2 reads it
- values are multiples of base, as detectron2's `LRMultiplier` takes them

Facts: fvcore 0.1.5, detectron2 0.6.
"""

from paramsched.peers.fvcore.base_files import read as read
from paramsched.peers.fvcore.plans import bases_of as bases_of
from paramsched.peers.fvcore.plans import recognizes as recognizes
from paramsched.peers.fvcore.plans import to_plan as to_plan

__all__ = ["bases_of", "read", "recognizes", "scheduler_entries", "to_plan"]

scheduler_entries = ("SOLVER",)
"""Where its files say the schedule; `paramsched check` points there."""
