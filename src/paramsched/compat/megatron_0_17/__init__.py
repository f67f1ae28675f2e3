"""The dialect of Megatron-LM up to core 0.17 (before 532ad926, 2026-04-21), in which the batch size has a ramp.

As `megatron`, but `rampup_batch_size` is a ramp of the target `batch_size`.

Source: Megatron-LM core 0.14, `OptimizerParamScheduler` and `num_microbatches_calculator`.
"""

from paramsched.compat.megatron_0_17.plans import bases_of, command_lines, scheduler_entries, to_plan

__all__ = ["bases_of", "command_lines", "scheduler_entries", "to_plan"]
