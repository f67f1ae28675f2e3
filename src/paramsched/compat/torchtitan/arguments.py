"""The table of arguments of torchtitan's jobs."""

from typing import Literal, final

from paramsched.core.files.arguments import argument, argument_table


@final
@argument_table
class Entries:
    """The entries of the `lr_scheduler` table."""

    warmup_steps: float = argument(200, low=0)
    total_steps: int | None = argument(None, low=1, example=1000)
    decay_ratio: float | None = argument(None, low=0, high=1, example=0.2)
    decay_type: Literal["linear", "sqrt", "cosine"] = argument("linear")
    min_lr_factor: float = argument(0.0, low=0)


@final
@argument_table
class Training:
    """The entries of `training` that affect the schedule."""

    steps: int | None = argument(None, low=1, example=1000)
