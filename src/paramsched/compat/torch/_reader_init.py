"""The dialect of torch: the schedulers of `torch.optim.lr_scheduler`, as a class with its arguments.

- A class is `{"StepLR": {"step_size": 30}}`, `{"type": "StepLR", "step_size": 30}`, or a form of Hydra or Lightning.
- The scheduler counts updates, or epochs if the config contains `interval: epoch`.
- `monitor` names the metric of `ReduceLROnPlateau`.

Source: torch 2.13.
"""

from paramsched.compat.torch.plans import bases_of, recognizes, to_plan

__all__ = ["bases_of", "recognizes", "scheduler_entries", "to_plan"]

scheduler_entries = ("lr_scheduler", "scheduler")
