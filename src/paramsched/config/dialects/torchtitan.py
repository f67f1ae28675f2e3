"""The former path of `paramsched.peers.torchtitan`: one module under both names."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("paramsched.peers.torchtitan")
