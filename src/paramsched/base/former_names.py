"""Former names: each works with a DeprecationWarning, and is listed on `docs/explanation/stability.md`."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from paramsched.base.user_warnings import warn_user

FORMER_NAMES: Final = {
    "0.2": {
        "paramsched.config.Finding": "paramsched.errors.Diagnostic",
        "paramsched.config.diagnostic_collector.Faults": "paramsched.config.diagnostic_collector.DiagnosticCollector",
        "paramsched.config.dialects": "paramsched.peers",
        "paramsched.config.faults": "paramsched.config.diagnostic_collector",
        "paramsched.config.mmengine": "paramsched.peers.mmengine",
        "paramsched.errors.Asked": "paramsched.errors.CallSite",
        "paramsched.errors.Fault": "paramsched.errors.Diagnostic",
        "paramsched.errors.asked_with_value": "paramsched.errors.site_with_value",
        "paramsched.errors.nearest": "paramsched.errors.did_you_mean",
        "paramsched.runner.RunnerView": "paramsched.runner.Runner",
        "paramsched.show.Drawable": "paramsched.show.Curves",
        "paramsched.show.Recorded": "paramsched.show.RecordedCurves",
        "paramsched.show.read_forward": "paramsched.show.simulate",
        "paramsched.show.recorded": "paramsched.show.curves_from_values",
        ".asked": ".site",
        ".faults": ".diagnostics",
        ".serialisable": ".serializable",
        ".tell": ".report",
    },
}
"""Current names by the version that deprecated the former ones. The name of a package includes its modules."""

_CURRENT = {former: current for names in FORMER_NAMES.values() for former, current in names.items()}


def former_module(name: str) -> ModuleType:
    """Return the module whose former name is `name`, and warn."""
    return import_module(_current(name))


def former_names_of(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module, which returns the values of its former names, and warns."""

    def read(name: str) -> Any:
        former = f"{module}.{name}"
        if former not in _CURRENT:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, current = _current(former).rpartition(".")
        return getattr(import_module(home), current)

    return read


def former_attribute(name: str) -> property:
    """Return a property for the former name of an attribute, which returns the value of the current name, and warns."""
    return property(lambda self: getattr(self, _current(f".{name}").removeprefix(".")))


def _current(former: str) -> str:
    warn_user(f"{former} is deprecated; use {_CURRENT[former]}", DeprecationWarning)
    return _CURRENT[former]
