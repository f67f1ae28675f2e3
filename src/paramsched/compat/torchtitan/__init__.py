"""The dialect of torchtitan: the `lr_scheduler` table of a job, alone or next to `training` and `optimizer`.

- A warmup reaches base one update before its end. The decay starts at base and would reach its floor right after the
  last update.
- `decay_ratio` is a fraction of `total_steps`, rounded to the nearest update. Without it the decay starts after the
  warmup.
- `total_steps` defaults to `training.steps`.
- A job is TOML up to torchtitan 0.2, or YAML. Since 0.3 it is a function in a Python file, which is not read.

Source: torchtitan b5bcd76c (2026-08-21), `components/optimizer/lr_scheduler.py` and `models/*/config_registry.py`.
"""

from paramsched.compat.torchtitan.plans import (
    bases_of,
    notes_of,
    read,
    recognizes,
    scheduler_entries,
    syntax_of,
    to_plan,
)

__all__ = ["bases_of", "notes_of", "read", "recognizes", "scheduler_entries", "syntax_of", "to_plan"]
