"""The dialect of detectron2, whose schedulers are fvcore's: the `SOLVER` section of a config.

- A config is `{"SOLVER": {"LR_SCHEDULER_NAME": "WarmupMultiStepLR", …}}` or the section alone; missing entries have
  detectron2's defaults.
- The entries of a file are merged over those of the file that `_BASE_` names. `STEPS: (60000, 80000)` is read as
  detectron2 does.
- Values are multiples of base, as in detectron2's `LRMultiplier`.

Source: fvcore 0.1.5, detectron2 0.6.
"""

from paramsched.compat.fvcore.plans import bases_of, notes_of, read, recognizes, scheduler_entries, to_plan

__all__ = ["bases_of", "notes_of", "read", "recognizes", "scheduler_entries", "to_plan"]
