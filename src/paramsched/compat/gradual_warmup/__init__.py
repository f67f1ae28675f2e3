"""GradualWarmupScheduler: a ramp before any other scheduler, both published forms.

Change the import line only. What differs, and why: `docs/compat/divergences.md`. Without a drop-in the same is
`warmup(20, 0.125) >> cosine()`.
"""

from paramsched.compat.gradual_warmup._scheduler import GradualWarmupScheduler

__all__ = ["GradualWarmupScheduler"]
