"""Checks of the arguments of adapters when they are passed: their kinds, their order, and the plan."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import wraps
from itertools import permutations
from typing import Any, Final, TypeVar, cast

from paramsched.core.plan.forms import FORMS, PlanLike
from paramsched.core.run.arguments import PlanSource, unwrapped_optimizer, unwrapped_optimizers
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.tracebacks import shortened
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, ParamschedError, shown

_Adapter = TypeVar("_Adapter", bound=Callable[..., Any])


def without_optimizer(line: str, *, most: int) -> Callable[[_Adapter], _Adapter]:
    """Return a decorator: the adapter refuses an optimizer, because its engine has one.

    Args:
        line: the call to write, such as `PlanCallback(plan)`.
        most: the number of positional arguments, with `self`.
    """

    def decorate(adapter: _Adapter) -> _Adapter:
        @wraps(adapter)
        def called(*args: Any, **options: Any) -> Any:
            if len(args) > most:
                found = "too many arguments; the Trainer has the optimizer"
                raise InvalidCall(f"{line.partition('(')[0]}(…)", found, f"Write {line}")
            try:
                return adapter(*args, **options)
            except ParamschedError as error:
                raise shortened(error)  # noqa: B904  # the same error

        return cast(_Adapter, called)

    return decorate


def check_plan(call: str, plan: PlanLike, names: Collection[str] = ()) -> None:
    """Raise if a plan cannot be read. The engine attaches it only when training begins.

    Raises:
        InvalidArgument, ConfigError, FileNotFoundError: as `ps.Scheduler`.
    """
    PlanSource.of(plan, call, names)


def check_kinds(call: str, **given: Any) -> None:
    """Raise if an argument has a wrong kind; if the arguments are in another order, with the corrected call.

    Args:
        call: the user's call, such as `accelerate.scheduler`.
        given: its positional arguments, by name and in order.
    """
    wrong = [name for name, value in given.items() if not _KINDS[name][0](value)]
    if not wrong:
        return
    for values in permutations(given.values()):
        if all(_KINDS[name][0](value) for name, value in zip(given, values, strict=True)):
            texts = map(_text, given, values)
            found = f"the order of the arguments is {', '.join(given)}"
            raise InvalidArgument(f"{call}(…)", found, example=f"{call}({', '.join(texts)})")
    name = wrong[0]
    if name == "optimizer":
        _unwrapped(given[name])  # raises
    if name == "plan":
        check_plan(call, given[name])  # raises
    found = f"expected {_KINDS[name][1]}, got {type(given[name]).__name__}"
    raise InvalidArgument(CallSite(call, name, shown(given[name])), found)


def _text(name: str, value: Any) -> str:
    return repr(value) if isinstance(value, str) else value.__name__ if isinstance(value, type) else name


def _unwrapped(given: Any) -> Any:
    return unwrapped_optimizers(given) if isinstance(given, Mapping) else unwrapped_optimizer(given)


def _is_optimizer(given: Any) -> bool:
    with suppress(InvalidArgument):
        _unwrapped(given)
        return True
    return False


def _is_plan(given: Any) -> bool:
    return isinstance(given, FORMS) and not (isinstance(given, Mapping) and given and _is_optimizer(given))


def _is_loader(given: Any) -> bool:
    # Engines wrap loaders in classes without a common base, so a loader is what has a length, items or a dataset.
    is_sized = hasattr(given, "__len__") or hasattr(given, "__iter__") or hasattr(given, "dataset")
    return is_sized and not isinstance(given, FORMS)


_KINDS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "accelerator": (lambda given: hasattr(given, "num_processes"), "an Accelerator"),
    "loader": (_is_loader, "a loader"),
    "optimizer": (_is_optimizer, "an optimizer"),
    "plan": (_is_plan, "a plan"),
    "scheduler": (lambda given: isinstance(given, Scheduler), "a Scheduler"),
    "trainer": (lambda given: isinstance(given, type), "a class, such as transformers.Trainer"),
}
"""The requirement for an argument with a name: a test, and the description for messages."""
