"""The dialect of torchtitan: the `lr_scheduler` table of a job, alone or next to `training` and `optimizer`.

- A warmup reaches base one update before its end. The decay starts at base and would reach its floor right after the
  last update.
- `decay_ratio` is a fraction of `total_steps`, rounded to the nearest update. Without it the decay starts after the
  warmup.
- `total_steps` defaults to `training.steps`.
- A job is TOML up to torchtitan 0.2. Since 0.3 it is a function in a Python file, which is read without executing it.

Source: torchtitan b5bcd76c (2026-08-21), `components/optimizer/lr_scheduler.py` and `models/*/config_registry.py`.
"""

from paramsched.peers.torchtitan.plans import bases_of, notes_of, recognizes, scheduler_entries, to_plan
from paramsched.peers.torchtitan.python_configs import read_function
from paramsched.peers.torchtitan.texts import read, syntax_of

__all__ = ["bases_of", "notes_of", "read", "read_function", "recognizes", "scheduler_entries", "syntax_of", "to_plan"]
