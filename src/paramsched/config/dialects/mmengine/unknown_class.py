"""What is said of a scheduler class that nobody knows: what it may be, and how to make it known."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Final

from paramsched.config.dialects.mmengine.table import SCOPES, class_names

_OF_MMAGIC: Final = {
    "LinearLrInterval": (
        "from begin on it gives lr values between start_factor and end_factor, which are no multiples of lr",
        "Import mmagic.engine.schedulers before (on the command line: --import mmagic.engine.schedulers), or write a "
        "native plan, lr: window(linear(absolute(0.0002), absolute(0)), 40000)",
    ),
    "ReduceLR": (
        "it reduces lr when the metric of a hook of mmagic's has stopped improving",
        "Write type='ReduceOnPlateauLR', which acts on the metric of a validation, or a native plan, "
        'lr: plateau("loss", factor=0.5, patience=5)',
    ),
}
"""Classes that configs of mmagic use: what each does, and what to write."""


def fault_of_unknown_class(asked: str, scope: str, name: str) -> tuple[str, str]:
    """What was found, and what to write instead.

    Args:
        asked: the class as the config has it.
        scope: the package before the name, "" for none.
        name: without the package.
    """
    near = probably_meant(name, class_names())
    if near is not None and not scope:
        return f'"{asked}" is none of MMEngine\'s schedulers; did you mean "{near}"?', f"Write type='{near}'"
    if name in _OF_MMAGIC and scope in ("", "mmagic"):
        what, instead = _OF_MMAGIC[name]
        return f'"{asked}" is a class of mmagic, and it is not imported: {what}', instead
    found = f'"{asked}" is none of MMEngine\'s schedulers, and no class of yours has this name'
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{asked}" is a class of the package {scope}, which is not installed'
    register = f"PARAM_SCHEDULERS.register_module(module={name}), which is in paramsched.compat.mmengine"
    return found, f"Import its module before (on the command line: --import the.module), or call {register}"


def probably_meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that is so near that it was probably meant; None where none is."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return close[0] if close else None
