"""The former path of `paramsched.config.diagnostic_collector`: one module under both names."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("paramsched.config.diagnostic_collector")
