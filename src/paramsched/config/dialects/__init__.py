"""A former name of `paramsched.peers`, with the former names of its modules."""

import sys
from importlib import import_module
from pkgutil import iter_modules

from paramsched.base.former_names import former_module

_peers = former_module(__name__)
for _module in iter_modules(_peers.__path__, f"{_peers.__name__}."):
    import_module(_module.name)
for _name in [name for name in sys.modules if name.startswith(f"{_peers.__name__}.")]:
    sys.modules[_name.replace(_peers.__name__, __name__)] = sys.modules[_name]
sys.modules[__name__] = _peers
