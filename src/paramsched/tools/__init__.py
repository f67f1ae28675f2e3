"""Tools around a run: recipes, audit, range test.

Promised. A training run needs none of them. Imports `engines`, `show` and
`core`; never `compat` or `mmengine`.
"""

from paramsched.core.calls.lazy_imports import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
