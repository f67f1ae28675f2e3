"""The dialect of Megatron-LM: the arguments of its learning rate, weight decay and batch size.

- The input is a mapping, `{"lr_decay_style": "cosine", …}`, a command line as a list,
  `["--lr-decay-style", "cosine", …]`, or the text of a command line or of the script that launches the run. It may
  contain arguments that are unrelated to schedules.
- A run by `train_iters` becomes a plan in updates, and a run by `train_samples` a plan on the clock of samples.
- `min_lr`, `lr_warmup_init` and the weight decays are absolute values; the peak of lr is the base.
- `step_batch_size_schedule` and `global_batch_size` become the target `batch_size` of a plan in samples.
- `rampup_batch_size` has no effect since core 0.18. The dialect `megatron_0_17` reads it as a ramp.

Source: Megatron-LM core 0.20 (d98e8a64, 2026-08-22), `OptimizerParamScheduler` and `num_microbatches_calculator`.
"""

from paramsched.compat.megatron.arguments import recognizes
from paramsched.compat.megatron.plans import bases_of, groups_of, notes_of, to_plan

__all__ = ["bases_of", "command_lines", "groups_of", "notes_of", "recognizes", "scheduler_entries", "to_plan"]

scheduler_entries = ("lr_decay_style",)
command_lines = True
