"""A former name of a module; `base/former_names.py` has the current one."""

import sys
from importlib import import_module

from paramsched.base.former_names import former_module

sys.modules[__name__] = former_module(__name__)
sys.modules[f"{__name__}.table"] = import_module("paramsched.peers.mmengine.table")
