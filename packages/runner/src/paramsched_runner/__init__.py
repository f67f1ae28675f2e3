"""MMEngine's Runner, and what reads its configs. Users import its names from `paramsched.mmengine`."""

from paramsched.base import pass_over
from paramsched.core import lazy_names

pass_over(__name__)  # so that a warning of the Runner has the line of the user

__getattr__, __all__, __dir__ = lazy_names("paramsched.mmengine", __file__)
