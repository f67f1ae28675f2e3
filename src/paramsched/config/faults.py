"""A former name of a module; `base/former_names.py` has the current one."""

import sys

from paramsched.base.former_names import former_module

sys.modules[__name__] = former_module(__name__)
