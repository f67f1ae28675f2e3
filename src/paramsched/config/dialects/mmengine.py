"""The former path of `paramsched.peers.mmengine`: one module under both names."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("paramsched.peers.mmengine")
sys.modules[f"{__name__}.table"] = import_module("paramsched.peers.mmengine.table")
