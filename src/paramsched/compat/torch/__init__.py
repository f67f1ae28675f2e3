"""Drop-ins for torch's schedulers: change only the import line.

The drop-ins cover every name of `torch.optim.lr_scheduler`, and `SWALR`. `docs/reference/divergences.md` lists the
differences from torch 2.13.

Source: torch 2.13.
"""

from paramsched.base.foreign_names import no_attribute
from paramsched.core.calls.lazy_imports import lazy_names

_lazy_name, __all__, __dir__ = lazy_names(__name__, __file__)


def __getattr__(name: str) -> object:
    """Return a public name, or an attribute of `torch.optim.lr_scheduler` that is not defined here."""
    try:
        return _lazy_name(name)
    except AttributeError:
        if name.startswith("__"):
            raise
    from torch.optim import lr_scheduler

    if not hasattr(lr_scheduler, name):
        raise no_attribute(__name__, name, __all__)
    return getattr(lr_scheduler, name)
