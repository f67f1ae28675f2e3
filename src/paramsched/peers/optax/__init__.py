"""The dialect of optax: the constructors of its schedules, by name and arguments.

- `{"_target_": "optax.warmup_cosine_decay_schedule", "init_value": 0.0, …}`, as Hydra has it; `schedule:`, `name:` or
  `{"warmup_cosine_decay_schedule": {…}}` say it too; `join_schedules` holds others
- an optimizer with schedules among its arguments; `reduce_on_plateau` beside it, whose metric `monitor` names
- the same calls as Python text, which is read and never run
- values are values as they stand

Facts: optax 0.2.8.
"""

from paramsched.peers.optax.plans import bases_of, from_plan, recognizes, to_plan
from paramsched.peers.optax.python_text import read

__all__ = ["bases_of", "from_plan", "read", "recognizes", "to_plan"]
