"""Drop-ins for pytorch-accelerated's schedulers, with the library's names and signatures.

Change only the import line; pytorch-accelerated is not required. `docs/reference/divergences.md` lists the differences
and their reasons.

With n processes, a schedule built on `NUM_UPDATE_STEPS_PER_EPOCH` is n times too long. Write
`PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH` instead.

Source: pytorch-accelerated 0.1.61.
"""

from paramsched.core.calls.lazy_imports import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
