"""The dialect of torch: the schedulers of `torch.optim.lr_scheduler`, as a class or as a saved state.

- `{"StepLR": {"step_size": 30}}`, `{"type": "StepLR", "step_size": 30}`, and the forms of Hydra and Lightning
- the `state_dict()` of any scheduler, also of `SequentialLR` and `ChainedScheduler`
- `interval: epoch` beside it where the scheduler is stepped once per epoch; otherwise it counts updates
- `monitor` names the metric of `ReduceLROnPlateau`

Facts: torch 2.13.
"""

from paramsched.peers.torch.from_plan import from_plan
from paramsched.peers.torch.plans import bases_of, recognizes, to_plan

__all__ = ["bases_of", "from_plan", "recognizes", "scheduler_entries", "to_plan"]

scheduler_entries = ("lr_scheduler", "scheduler")
