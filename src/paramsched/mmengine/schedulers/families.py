"""The scheduler classes of the learning rate and of momentum, made from those of `param_scheduler`.

`StepLR` is what `class StepLR(LRSchedulerMixin, StepParamScheduler): ...` would be, with the signature and docstring of
`StepParamScheduler` without `param_name`. `families.pyi` declares the classes for type checkers.
"""

import inspect
from typing import Any, Final

from paramsched.core.calls.checked_calls import shortened
from paramsched.errors import ParamschedError
from paramsched.mmengine.schedulers import param_scheduler
from paramsched.mmengine.schedulers.base import LRSchedulerMixin, MomentumSchedulerMixin, _ParamScheduler

_SCHEDULES: Final = (
    param_scheduler.ConstantParamScheduler,
    param_scheduler.CosineAnnealingParamScheduler,
    param_scheduler.CosineRestartParamScheduler,
    param_scheduler.ExponentialParamScheduler,
    param_scheduler.LinearParamScheduler,
    param_scheduler.MultiStepParamScheduler,
    param_scheduler.OneCycleParamScheduler,
    param_scheduler.PolyParamScheduler,
    param_scheduler.ReduceOnPlateauParamScheduler,
    param_scheduler.StepParamScheduler,
)


def class_of_family(mixin: type[_ParamScheduler], schedule: type[_ParamScheduler], suffix: str, value: str) -> Any:
    """Return the class of a schedule for one entry.

    Args:
        mixin: the mixin that passes the entry as `param_name`.
        schedule: the class for any entry, such as `StepParamScheduler`.
        suffix: the end of the name, in place of `ParamScheduler`.
        value: the words of the docstring for the scheduled value.
    """

    def __init__(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # a method of the class
        try:
            mixin.__init__(self, optimizer, *args, **kwargs)  # type: ignore[call-arg]  # a mixin has no `param_name`
        except ParamschedError as error:
            raise shortened(error)  # noqa: B904  # the same error

    signature = inspect.signature(schedule.__init__)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "param_name"]
    __init__.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect reads it
    text, _, _ = inspect.cleandoc(schedule.__doc__ or "").partition("\n\n>>>")  # the example passes `param_name`
    lines = [line for line in text.splitlines() if not line.strip().startswith("param_name:")]
    doc = "\n".join(lines).replace("the value", value)
    name = schedule.__name__.removesuffix("ParamScheduler") + suffix
    namespace = {"__init__": __init__, "__module__": __name__, "__qualname__": name, "__doc__": doc}
    return type(name, (mixin, schedule), namespace)


_derived = [class_of_family(LRSchedulerMixin, schedule, "LR", "the learning rate") for schedule in _SCHEDULES]
_derived += [
    class_of_family(MomentumSchedulerMixin, schedule, "Momentum", "the momentum")
    for schedule in _SCHEDULES
    if schedule is not param_scheduler.OneCycleParamScheduler
]

SCHEDULER_CLASSES: Final[dict[str, type[Any]]] = {schedule.__name__: schedule for schedule in (*_SCHEDULES, *_derived)}
"""MMEngine's 29 scheduler classes by name."""

globals().update({cls.__name__: cls for cls in _derived})
