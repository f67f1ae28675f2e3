"""GradualWarmupScheduler: a warmup ramp, followed by any other scheduler.

It replaces the class of the package warmup-scheduler, and the variant that tutorials publish: change only the import
line. `docs/reference/divergences.md` lists the differences and their reasons. In a plan, write for example
`warmup(20, 0.125) >> cosine()` instead.

Source: warmup-scheduler 0.3, pytorch-gradual-warmup-lr 7021d63a.
"""

from paramsched.core.calls.lazy_imports import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
