"""Access to optimizers and their wrappers, and `isinstance` compatibility of our classes with MMEngine's."""

import inspect
import sys
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, final, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from paramsched.core.dropins.group_fields import ParamGroup, set_both_momenta, set_entries, set_value
from paramsched.core.fields import is_number
from paramsched.core.files.arguments import Argument
from paramsched.core.run.steps import watch_updates
from paramsched.mmengine.reader.arguments import meaning_of_class, row_of_class


@runtime_checkable
class Wrapper(Protocol):
    """A wrapper of an optimizer, such as our `OptimWrapper` or MMEngine's."""

    optimizer: Any

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...


OptimizerLike: TypeAlias = Optimizer | Wrapper
"""A torch optimizer, or a wrapper of one that has its `param_groups`."""


@final
class ValuesOnly(Optimizer):
    """An optimizer that has values in its groups, but no parameters, so that a step changes nothing.

    Args:
        groups: the values of each group.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]]) -> None:
        empty = [{**group, "params": [torch.nn.Parameter(torch.zeros(0))]} for group in groups]
        super().__init__(empty, dict(groups[0]))

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # there is no loss
        """Change nothing."""


# The float that a tensor was last filled with, before rounding. Not an attribute, because copies would inherit it.
_exact: WeakIdKeyDictionary = WeakIdKeyDictionary()


def require_optimizer(optimizer: object) -> None:
    """Raise an error if the object is neither an optimizer nor a wrapper of one."""
    if not isinstance(optimizer, (Optimizer, Wrapper)):
        raise TypeError(
            f"``optimizer`` should be an Optimizer, but got {type(optimizer).__name__}. "
            "For example: torch.optim.SGD(model.parameters(), lr=0.1), or an OptimWrapper of one"
        )


def inner_optimizer(optimizer: Any) -> Optimizer | None:
    """Return the wrapped torch optimizer; None if a wrapper contains another object."""
    seen = 0
    while isinstance(optimizer, Wrapper) and seen < 10:
        optimizer, seen = optimizer.optimizer, seen + 1
    return optimizer if isinstance(optimizer, Optimizer) else None


def pseudo_group(optimizer: Any) -> ParamGroup | None:
    """Return the group that a wrapper appends for the lr without per-group factors; None if there is none."""
    return None if isinstance(optimizer, Optimizer) else getattr(optimizer, "base_param_settings", None)


def present_value(group: ParamGroup, name: str) -> Any:
    """Return the value of field `name` in a group; for a tensor, the float with which it was last filled."""
    value = group["betas"][0] if name == "momentum" and "betas" in group else group[name]
    if isinstance(value, torch.Tensor):
        exact: float | None = _exact.get(value, None)  # type: ignore[no-untyped-call]  # torch lacks a type
        if exact is not None and value.item() == torch.tensor(exact, dtype=value.dtype).item():
            return exact
        return float(value)
    return value


def write_value(group: ParamGroup, name: str, value: Any) -> None:
    """Write a value into field `name` of a group; for `momentum` of Adam, also into `betas[0]`."""
    if name == "momentum" and "betas" in group:
        set_both_momenta(group, value)
        entry = group["betas"][0]
    else:
        set_value(group, value, name)
        entry = group[name]
    if isinstance(entry, torch.Tensor):
        _exact[entry] = float(value)


def initial_number(group: ParamGroup, name: str) -> float:
    """Return `initial_<name>` of a group as a number. If it is missing, first set it to the present value."""
    set_entries([group], replace=False, **{f"initial_{name}": [present_value(group, name)]})
    return float(group[f"initial_{name}"])


def require_number_field(group: ParamGroup, name: str) -> None:
    """Raise an error if a field is not a number."""
    if not is_number(group[name]):
        raise TypeError(
            f"param_name={name!r}: the group has {name}={group[name]!r}, which is not a number. "
            "For Adam's betas[0] write a Momentum class, LinearMomentum(optimizer, …)"
        )


# Weak dictionaries instead of attributes, because copies of the optimizer must not inherit them
# (docs/reference/divergences.md, MMEngine 33).
_updates: WeakKeyDictionary[Optimizer, int] = WeakKeyDictionary()
_has_stepped: WeakKeyDictionary[Optimizer, bool] = WeakKeyDictionary()  # since the last scheduler was built


def start_counting(optimizer: Any) -> None:
    """Count the updates of an optimizer from now on; `has_stepped` ignores its earlier steps."""
    inner = inner_optimizer(optimizer)
    if inner is not None:
        if inner not in _updates:
            _updates[inner] = 0

            def note_step(optimizer: Optimizer) -> None:
                _has_stepped[optimizer] = True

            def note_update(optimizer: Optimizer) -> None:
                _updates[optimizer] += 1

            watch_updates(inner, note_step, note_update)
        _has_stepped[inner] = False


def has_stepped(optimizer: Any) -> bool:
    """Return whether the optimizer was stepped since `start_counting`; a skipped step counts too."""
    inner = inner_optimizer(optimizer)
    return inner is None or _has_stepped.get(inner, True)


def counted_updates(optimizer: Any) -> int:
    """Return the number of updates of an optimizer since the first `start_counting` for it."""
    inner = inner_optimizer(optimizer)
    return 0 if inner is None else _updates.get(inner, 0)


def may_step_later(optimizer: Any) -> bool:
    """Return whether a scheduler may be stepped before the optimizer: if it accumulates or has a loss scaler."""
    accumulates = getattr(optimizer, "_accumulative_counts", 1) > 1
    return accumulates or getattr(optimizer, "loss_scaler", None) is not None


def shadowing_steps(optimizer: Any) -> tuple[Any, ...]:
    """Return the functions set as `step` on the optimizer object, and on the optimizer that it wraps.

    An item of the tuple is None if `step` was not replaced there.
    """
    holders: Sequence[Any] = (optimizer, inner_optimizer(optimizer))
    found = (vars(one).get("step") for one in holders if one is not None)
    return tuple(None if getattr(step, "__wrapped__", None) is not None else step for step in found)


# Once MMEngine is imported, `isinstance` accepts our classes as MMEngine's and the reverse, because MMEngine's Runner
# and hooks reject or skip objects that are not a `_ParamScheduler`. This module never imports MMEngine.


_OWN_PACKAGE = __name__.rpartition(".")[0] + "."
_PEER_MODULES = ("mmengine.optim.scheduler", "mmengine.optim")


class PeerAwareMeta(ABCMeta):
    """A metaclass for which MMEngine's class of the same name, and its subclasses, are subclasses of ours."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        if type.__subclasscheck__(cls, subclass):
            return True
        peer = _peer_namesake(cls)
        return peer is not None and peer in subclass.__mro__


class SeenAsPeer:
    """A base class whose instances pass MMEngine's `isinstance` checks."""

    __slots__ = ()

    @property
    def __class__(self) -> Any:
        """The class, with MMEngine's class of the same name as an additional base if it exists."""
        return class_peers_see(type(self))

    @__class__.setter
    def __class__(self, value: type) -> None:
        object.__dict__["__class__"].__set__(self, value)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # With the default function, pickle rejects an object whose `__class__` differs from its type.
        if type(self).__reduce__ is not object.__reduce__:
            return self.__reduce__()
        default = object.__reduce_ex__(self, max(protocol, 2))
        return make_empty, *default[1:]


def make_empty(cls: type, *arguments: Any) -> Any:
    """Create an object without its state, for pickle and copy."""
    return cls.__new__(cls, *arguments)


def class_peers_see(cls: type) -> type:
    """Return `cls` with MMEngine's class of the same name as a base, or `cls` if MMEngine is not imported."""
    found = vars(cls).get("_seen_class")
    if found is not None:
        return found  # type: ignore[no-any-return]  # set below
    peer = next((one for base in cls.__mro__ if (one := _peer_namesake(base)) is not None), None)
    if peer is None:
        return cls
    seen = cls
    if peer not in cls.__mro__:
        namespace = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        seen = type(cls)(cls.__name__, (_NoSubclassHook, cls, peer), namespace)
    type.__setattr__(cls, "_seen_class", seen)
    return seen


class _NoSubclassHook:
    """The first base of the class from `class_peers_see`, so that a user's `__init_subclass__` is not called."""

    __slots__ = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        pass


def _peer_namesake(cls: type) -> type | None:
    """Return MMEngine's class with the name of our class `cls`; None if there is none."""
    if not cls.__module__.startswith(_OWN_PACKAGE):
        return None
    for module in _PEER_MODULES:
        found = vars(sys.modules[module]).get(cls.__name__) if module in sys.modules else None
        if isinstance(found, type):
            return found
    return None


_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
_OPTIMIZER = {"optimizer": Argument(meaning="a torch optimizer, or a wrapper of one")}
_PARAM_NAME = {"param_name": Argument(meaning='the param-group entry to schedule, such as "lr"')}


def set_up_from_table(cls: type) -> None:
    """Set the signature and docstring of a scheduler class from its row in `paramsched.mmengine.reader.arguments`."""
    found = row_of_class(cls.__name__)
    assert found is not None, cls
    row, family = found
    scheduler: Any = cls
    scheduler.table_row = row
    scheduler._counted = row.counted
    scheduler._configured = ("param_name", *(name for name in row.arguments if name != "last_step"))
    scheduler._argument_signature = inspect.Signature(_parameters_of(row.arguments))
    arguments = {**_OPTIMIZER, **(_PARAM_NAME if family == "ParamScheduler" else {}), **row.arguments}
    if "__init__" not in vars(cls):

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # assigned as a method below
            above: Any = super(scheduler, self)
            (above._construct if family == "ParamScheduler" else above.__init__)(*args, **kwargs)

        scheduler.__init__ = __init__  # an inherited `__init__` would have the signature of another class
    scheduler.__init__.__signature__ = inspect.Signature([_SELF, *_parameters_of(arguments)])
    described = "\n    ".join(f"{name}: {one.meaning}." for name, one in arguments.items())
    remarks = [inspect.cleandoc(cls.__doc__)] if cls.__doc__ else []
    scheduler.__doc__ = "\n\n".join([meaning_of_class(row, family), *remarks, f"Args:\n    {described}\n"])


def _parameters_of(arguments: Mapping[str, Argument]) -> list[inspect.Parameter]:
    defaults = {name: one.default for name, one in arguments.items() if one.default is not ...}
    kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    return [inspect.Parameter(name, kind, default=defaults.get(name, none)) for name in arguments]
