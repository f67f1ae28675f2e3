"""Drop-in replacements for the schedulers of other libraries: change only the import line."""

from importlib.util import find_spec as _find_spec

from paramsched.errors import MissingDependency

if _find_spec("torch") is None:
    raise MissingDependency("paramsched.compat", "torch", "torch")
