"""The dialect of optax: the constructors of its schedules, by name and arguments.

- A constructor is a mapping as in Hydra, `{"_target_": "optax.warmup_cosine_decay_schedule", "init_value": 0.0, …}`.
  The keys `schedule` and `name`, and the form `{"warmup_cosine_decay_schedule": {…}}`, are accepted too.
  `join_schedules` contains other schedules.
- An optimizer may have schedules among its arguments, and `reduce_on_plateau` next to it; `monitor` names the metric.
- Python text with the same calls is read without executing it.
- Values are absolute values in a plan.

Source: optax 0.2.8.
"""

from paramsched.peers.optax.plans import bases_of, from_plan, recognizes, to_plan
from paramsched.peers.optax.python_text import read

__all__ = ["bases_of", "from_plan", "read", "recognizes", "to_plan"]
