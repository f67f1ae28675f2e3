"""GradualWarmupScheduler: a warmup ramp followed by any other scheduler, in both published forms.

Change only the import line. `docs/compat/divergences.md` lists the differences and their reasons. The equivalent plan
is `warmup(20, 0.125) >> cosine()`.
"""

from paramsched.compat.gradual_warmup._scheduler import GradualWarmupScheduler

__all__ = ["GradualWarmupScheduler"]
