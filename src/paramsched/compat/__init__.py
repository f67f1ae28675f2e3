"""Other libraries, one folder each: its classes. Follows the versions that they name.

Imports `engines`, `show` and `core`; never `mmengine` or `tools`.
"""

from paramsched.core.calls.lazy_imports import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
