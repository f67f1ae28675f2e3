"""The dialect of Megatron-LM up to core 0.17 (before 532ad926, 2026-04-21), in which the batch size has a ramp.

As `megatron`, but `rampup_batch_size` is a ramp of the target `batch_size`.

Source: Megatron-LM core 0.14, `OptimizerParamScheduler` and `num_microbatches_calculator`.
"""

from typing import Any

from paramsched.compat.megatron.plans import bases_of, plan_of
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.plan import Plan
from paramsched.core.time import Calendar

__all__ = ["bases_of", "command_lines", "scheduler_entries", "to_plan"]

scheduler_entries = ("lr_decay_style",)
command_lines = True


def to_plan(
    data: Any,
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # each peer has this parameter
    base: BaseLike | None = None,  # noqa: ARG001  # each peer has this parameter
) -> Plan:
    """Return the plan with the values of Megatron's scheduler. The arguments and errors are those of `megatron`.

    >>> options = "--train-samples 9000 --rampup-batch-size 16 16 800 --global-batch-size 32"
    >>> print(to_plan(options.split()))
    clock: samples
    horizon: 8992 samples
    lr: linear(over="9000 samples")
    batch_size = 1.0: stairs(16.0, 32.0, 1, "800 samples")
    """
    return plan_of(data, ramps=True)
