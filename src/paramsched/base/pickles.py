"""The form of pickles: a version, the public name of what is restored, and text, numbers and other pickled values.

A pickle names `paramsched.unpickle`, and no module or class of the inside, so that both may be renamed. Pickles of
1.0.0rc6 name them. `NAMES_OF_RC6` has the present module of each of their names; only loading a pickle uses it.
"""

import sys
from collections.abc import Callable, Sequence
from functools import reduce
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, final

if TYPE_CHECKING:
    from importlib.abc import Loader
else:  # the import of the class would load 24 further modules, a sixth of the import of the library
    Loader = object

_Function = TypeVar("_Function", bound=Callable[..., Any])

Reduced: TypeAlias = tuple[Any, ...]
"""What `__reduce__` returns."""

FORM: Final = 1
"""The version of the form; a larger one is of a later version of the library."""

_CONSTRUCTORS: Final[dict[str, Callable[..., Any]]] = {}


def restores(name: str) -> Callable[[_Function], _Function]:
    """Return a decorator for the function that restores what `pickled(name, …)` has written."""

    def keep(function: _Function) -> _Function:
        _CONSTRUCTORS[name] = function
        return function

    return keep


def pickled(name: str, *arguments: Any) -> Reduced:
    """Return the result of `__reduce__` of a value.

    Args:
        name: the public name of its constructor, or of the module that `paramsched` imports to know it.
        arguments: what the function that `restores(name)` takes.
    """
    return unpickle, (FORM, name, *arguments)


def pickled_object(value: object, package: str, state: Any) -> Reduced:
    """Return the result of `__reduce__` of an object with a state, which `__setstate__` or its attributes take.

    Args:
        value: the object. The class of a user is pickled by its own name.
        package: the public package of its class, if it is one of this library: `""` or `"compat.torch"`.
        state: the state.
    """
    value_class = type(value)
    is_of_library = value_class.__module__.partition(".")[0] == "paramsched"
    return (
        unpickle,
        (FORM, "object", f"{package}.{value_class.__name__}".lstrip(".") if is_of_library else value_class),
        state,
    )


@restores("object")
def _new_object(class_or_name: str | type) -> Any:
    """Return an object without a state."""
    new_class: Any = public_value(class_or_name) if isinstance(class_or_name, str) else class_or_name
    return new_class.__new__(new_class)


def public_value(name: str) -> Any:
    """Return what `paramsched.<name>` is.

    >>> public_value("Plan").__name__
    'Plan'
    """
    return reduce(getattr, name.split("."), import_module("paramsched"))


def unpickle(form: int, name: str, *arguments: Any) -> Any:
    """Restore a value from a pickle. Pickles call this function; do not call it yourself.

    Args:
        form: the version of the form of the pickle.
        name: the public name of what is restored.
        arguments: text, numbers and other restored values.

    Raises:
        StateError: a later version of the library has written the pickle.

    >>> import pickle
    >>> import paramsched as ps
    >>> b"core" in pickle.dumps(ps.cosine())
    False
    """
    if form != FORM or (name not in _CONSTRUCTORS and not _imported(name)):
        error = import_module("paramsched.errors").StateError
        raise error(
            f"pickle of {name}: expected form {FORM}, got form {form}. Load it with the version of paramsched that "
            "wrote it, and save the plan as text: ps.dump(plan, 'plan.yaml')"
        )
    return _CONSTRUCTORS[name](*arguments)


unpickle.__module__ = "paramsched"  # the public place, which pickles name


def _imported(name: str) -> bool:
    """Import the module of a public name; return whether a function restores it then."""
    try:
        public_value(name)
    except AttributeError:
        return False
    return name in _CONSTRUCTORS


_CORE: Final = "paramsched.core"
_ACCELERATED: Final = "paramsched.compat.pytorch_accelerated"

_OBJECT: Final = f"{_CORE}.run.pickles_of_rc6:RC6State"  # of a class whose fields are others now

NAMES_OF_RC6: Final[dict[str, dict[str, str]]] = {
    "paramsched.base.problem": {"CallSite": "", "PlanWarning": "", "Problem": ""},
    "paramsched.compat.gradual_warmup.scheduler": {"GradualWarmupScheduler": ""},
    f"{_ACCELERATED}.placeholders": {"Expression": "", "TrainerPlaceholderValues": ""},
    f"{_ACCELERATED}.schedulers": {
        "CosineLrScheduler": f"{_ACCELERATED}.cosine_scheduler",
        "WSDLrScheduler": f"{_ACCELERATED}.wsd_scheduler",
    },
    "paramsched.compat.torch.compositions": {"ChainedScheduler": "", "SequentialLR": ""},
    "paramsched.compat.torch.cycles": {
        "CosineAnnealingLR": "",
        "CosineAnnealingWarmRestarts": "",
        "CyclicLR": "",
        "OneCycleLR": "",
    },
    "paramsched.compat.torch.decay": {
        "ConstantLR": "",
        "ExponentialLR": "",
        "LambdaLR": "",
        "LinearLR": "",
        "MultiStepLR": "",
        "MultiplicativeLR": "",
        "PolynomialLR": "",
        "StepLR": "",
    },
    "paramsched.compat.torch.plateau": {"ReduceLROnPlateau": "", "SWALR": ""},
    f"{_CORE}.curves.curve": {"_named": "", "custom_curve": ""},
    f"{_CORE}.feedback": {
        "Hold": f"{_CORE}.metrics.metric_rules:HoldRule",
        "HoldState": f"{_CORE}.metrics.metric_rules",
        "Plateau": f"{_CORE}.metrics.metric_rules:PlateauRule",
        "PlateauState": f"{_CORE}.metrics.metric_rules",
    },
    f"{_CORE}.files.plan_files": {"PlanText": "paramsched.files.plan_files"},
    f"{_CORE}.plan.binding": {"Binding": "", "Target": ""},
    f"{_CORE}.plan.plan": {"Plan": ""},
    f"{_CORE}.plan.traces": {
        "LrLambda": f"{_CORE}.plan.lr_lambda",
        "Trace": "",
        "TraceBase": "",
        "TracedTimes": f"{_CORE}.plan.traces:TracedUpdates",
        "_Curve": f"{_CORE}.plan.traces:_TracedLine",
    },
    f"{_CORE}.run.record": {"BasePolicy": _OBJECT},
    f"{_CORE}.run.scheduler": {"Scheduler": ""},
    f"{_CORE}.run.several": {"Loads": _OBJECT},
    f"{_CORE}.run.start": {"PlanSource": _OBJECT},
    f"{_CORE}.run.state": {
        "Entry": f"{_CORE}.run.pickles_of_rc6:RC6Plan",
        "History": _OBJECT,
        "Processes": _OBJECT,
        "RunPosition": _OBJECT,
        "SavedRun": _OBJECT,
    },
    f"{_CORE}.schedules.level": {"Absolute": f"{_CORE}.schedules.level:AbsoluteValue"},
    f"{_CORE}.schedules.schedule": {"Schedule": "", "shape_of_name": ""},
    f"{_CORE}.time.duration": {"Duration": ""},
    f"{_CORE}.time.run_facts": {"RunFacts": ""},
    f"{_CORE}.values": {"Values": f"{_CORE}.plan.values"},
    "paramsched.mmengine.schedulers.families": {
        f"{name}{suffix}": ""
        for suffix in ("LR", "Momentum")
        for name in (
            *("Constant", "CosineAnnealing", "CosineRestart", "Exponential", "Linear"),
            *("MultiStep", "Poly", "ReduceOnPlateau", "Step"),
        )
    }
    | {"OneCycleLR": ""},
    "paramsched.mmengine.schedulers.optim_wrapper": {"OptimWrapper": ""},
    "paramsched.mmengine.schedulers.param_scheduler": {
        f"{name}ParamScheduler": ""
        for name in (
            *("Constant", "CosineAnnealing", "CosineRestart", "Exponential", "Linear"),
            *("MultiStep", "OneCycle", "Poly", "ReduceOnPlateau", "Step"),
        )
    },
    "paramsched.tools.recipes.book": {"Recipe": ""},
}
"""A dict from each module in pickles of 1.0.0rc6 to its names, and what each name is now.

It is `""` for a name that is still there, else the module that has it, or `module:name` if it has another name. This
table finds a module that is gone. A module that remains without one of its names needs the line
`__getattr__ = names_in_pickles(__name__)`.
"""


_MODULES_OF_RC5: Final = frozenset(
    {
        *(f"paramsched.compat.torch.{name}" for name in ("cosine", "cyclic", "functions", "one_cycle", "swa")),
        f"{_CORE}.base.problem",
        *(f"{_CORE}.feedback.{name}" for name in ("base", "hold", "plateau")),
        *(f"{_CORE}.plan.{name}" for name in ("functions", "resolved", "trace")),
        *(f"{_CORE}.run.{name}" for name in ("arguments", "on_base", "processes")),
        "paramsched.mmengine.schedulers.optimizers",
    }
)
"""The modules in pickles of 1.0.0rc5, which are refused, that 1.0.0rc6 does not have."""


def pickle_of_rc5(what: str) -> Exception:
    """Return the error about a pickle of 1.0.0rc5 or an earlier version."""
    error: Exception = import_module("paramsched.errors").StateError(
        f"pickle of {what}: expected one of 1.0.0rc6 or later, got one of an earlier version. Load it with the version "
        "of paramsched that wrote it, and save the plan as text: ps.dump(plan, 'plan.yaml')"
    )
    return error


def names_in_pickles(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module: what a name in a pickle of 1.0.0rc6 is now."""

    def present_value(name: str) -> Any:
        home, _, present = NAMES_OF_RC6.get(module, {}).get(name, "").partition(":")
        if not home:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(home), present or name)

    return present_value


@final
class _ModuleOfRC6(Loader):
    """Load a module that only pickles name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = names_in_pickles(module.__name__)


@final
class _ModulesOfRC6:
    """Find the modules that are gone; Python asks only for what no file has."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in _MODULES_OF_RC5:
            raise pickle_of_rc5(fullname)
        is_inside = fullname.startswith("paramsched.") and fullname.count(".") > 1  # `paramsched.tools` may be absent
        is_package = any(module.startswith(f"{fullname}.") for module in (*NAMES_OF_RC6, *_MODULES_OF_RC5))
        if is_inside and (fullname in NAMES_OF_RC6 or is_package):
            return ModuleSpec(fullname, _ModuleOfRC6(), is_package=is_package)
        return None


def find_modules_in_pickles() -> None:
    """Let Python find the modules in pickles of 1.0.0rc6 that are gone."""
    if not any(isinstance(finder, _ModulesOfRC6) for finder in sys.meta_path):
        sys.meta_path.append(_ModulesOfRC6())
