"""Replace Megatron's scheduler with the drop-in, for code that imports the class from Megatron."""

from contextlib import ExitStack, suppress
from importlib import import_module
from importlib.util import find_spec

from paramsched.compat.megatron._scheduler import OptimizerParamScheduler
from paramsched.errors import MissingDependency

_MODULES = ("megatron.core.optimizer_param_scheduler", "nemo_automodel.components.optim.scheduler")
"""The modules that define the class: Megatron's, and NeMo Automodel's copy of it."""


def install() -> ExitStack:
    """Replace `OptimizerParamScheduler` in the modules of Megatron and of NeMo Automodel that are installed.

    Call it first in the script: code that has already imported the class keeps Megatron's.

    Returns:
        A handle. Use it in a `with` statement, or call its `close()` to restore the original classes.

    Raises:
        MissingDependency: neither library is installed.
    """
    undo, found = ExitStack(), list[str]()
    for name in _MODULES:
        with suppress(ModuleNotFoundError):  # raised if a parent package is missing
            found += [name] * (find_spec(name) is not None)
    if not found:
        raise MissingDependency("paramsched.compat.megatron.install()", "megatron-core")
    for name in found:
        module = import_module(name)
        undo.callback(setattr, module, "OptimizerParamScheduler", module.OptimizerParamScheduler)
        module.OptimizerParamScheduler = OptimizerParamScheduler  # type: ignore[attr-defined]  # defined by the library
    return undo
