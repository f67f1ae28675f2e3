"""A drop-in for Megatron's `OptimizerParamScheduler`, which also schedules by a plan.

Change only the import line; Megatron is not required. To use it without editing Megatron's code, call `install()`
before that code imports the class. `docs/compat/divergences.md` lists the differences and their reasons.
"""

from paramsched.compat.megatron._installation import install
from paramsched.compat.megatron._scheduler import OptimizerParamScheduler

__all__ = ["OptimizerParamScheduler", "install"]
