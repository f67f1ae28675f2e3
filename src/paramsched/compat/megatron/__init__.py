"""Megatron-LM: a drop-in for its `OptimizerParamScheduler`, also for plans, and the reader of its arguments.

Change only the import line; Megatron is not required. `docs/coming_from/megatron.md` has the assignment for a
class that Megatron's own code imports. `docs/reference/divergences.md` lists the differences and their reasons.

The reader reads the arguments of its learning rate, weight decay and batch size:

- The input is a mapping, `{"lr_decay_style": "cosine", …}`, such as `vars(args)`, or a YAML or JSON file of it. It may
  contain arguments that are unrelated to schedules.
- A run by `train_iters` becomes a plan in updates, and a run by `train_samples` a plan on the clock of samples.
- `min_lr`, `lr_warmup_init` and the weight decays are absolute values; the peak of lr is the base.
- `step_batch_size_schedule` and `global_batch_size` become the target `batch_size` of a plan in samples.
- `rampup_batch_size` has no effect since core 0.18.

Source: Megatron-LM core 0.20 (d98e8a64, 2026-08-22), `OptimizerParamScheduler` and `num_microbatches_calculator`.
"""

from paramsched.core.lazy_names import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
