"""GradualWarmupScheduler: a warmup ramp, followed by any other scheduler.

It replaces the class of the package warmup-scheduler, and the variant that tutorials publish: change only the import
line. `docs/compat/divergences.md` lists the differences and their reasons. In a plan, write for example
`warmup(20, 0.125) >> cosine()` instead.
"""

from paramsched.compat.gradual_warmup._scheduler import GradualWarmupScheduler

__all__ = ["GradualWarmupScheduler"]
