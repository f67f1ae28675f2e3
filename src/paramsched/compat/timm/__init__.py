"""The dialect of timm: the keyword arguments of `timm.scheduler.create_scheduler_v2`, as a mapping.

- `sched` is `cosine`, `poly`, `tanh`, `step`, `multistep`, `wsd`, `rsqrt`, `constant`, `plateau` or `none`.
- The options of timm's training script are supported too: its `args.yaml`, `{"epochs": 300, …}`, or its command line,
  as a list, `["--sched", "cosine", …]`, or as text. Options that are unrelated to schedules are ignored.
- Counts are epochs. lr changes between epochs, or at each update with `step_on_epochs: false`.
- A warmup replaces the first values of the curve, whose time includes the warmup. With `warmup_prefix: true` the curve
  starts after the warmup.
- `min_lr` and `warmup_lr` are absolute values. The plan's horizon is the number of epochs that timm returns.
- `plateau` requires `eval_metric`, the name of its metric.

Source: timm 1.0.31.
"""

from paramsched.compat.timm.plans import (
    bases_of,
    command_lines,
    facts_of,
    notes_of,
    recognizes,
    scheduler_entries,
    to_plan,
)

__all__ = [
    "bases_of", "command_lines", "facts_of", "notes_of", "recognizes", "scheduler_entries", "to_plan",
]  # fmt: skip
