"""The dialect of Megatron-LM: the arguments of its learning rate, weight decay and batch size.

- a mapping, `{"lr_decay_style": "cosine", …}`; the words of a command line, `["--lr-decay-style", "cosine", …]`; or the
  text of one, or of the script that launches the run; arguments that schedule nothing may stand between them
- runs by `train_iters` are plans by updates; those by `train_samples` are plans on the clock of samples
- `min_lr`, `lr_warmup_init` and the weight decays are values; the learning rate's peak is base
- `rampup_batch_size` and `global_batch_size` become the target `batch_size` of a plan in samples

Facts: Megatron-LM core 0.14, `OptimizerParamScheduler`.
"""

from paramsched.peers.megatron.plans import bases_of, recognizes, to_plan

__all__ = ["bases_of", "command_lines", "recognizes", "scheduler_entries", "to_plan"]

scheduler_entries = ("lr_decay_style",)
command_lines = True
