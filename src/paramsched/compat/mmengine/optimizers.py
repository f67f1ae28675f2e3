"""Optimizers and wrappers as the schedulers see them, and our classes as MMEngine sees them."""

import inspect
import sys
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from paramsched.compat.group_fields import ParamGroup, put_both_momenta, put_entries, put_value
from paramsched.config.arguments import Argument
from paramsched.fields import is_number
from paramsched.peers.mmengine.table import meaning_of_class, row_of_class
from paramsched.scheduler.updates import watch_updates


@runtime_checkable
class Wrapper(Protocol):
    """An object that holds an optimizer: our `OptimWrapper`, MMEngine's, and others like them."""

    optimizer: Any

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...


OptimizerLike: TypeAlias = Optimizer | Wrapper
"""A torch optimizer, or an object that holds one and has its `param_groups`."""

# Beside the tensor, not on it: the float that it was last filled with, before rounding.
_exact: WeakIdKeyDictionary = WeakIdKeyDictionary()


def require_optimizer(optimizer: object) -> None:
    """Refuse what is neither an optimizer nor a wrapper of one."""
    if not isinstance(optimizer, (Optimizer, Wrapper)):
        raise TypeError(
            f"``optimizer`` should be an Optimizer, but got {type(optimizer).__name__}. "
            "Write torch.optim.SGD(model.parameters(), lr=0.1), or an OptimWrapper of one"
        )


def inner_optimizer(optimizer: Any) -> Optimizer | None:
    """Return the torch optimizer inside; None if a wrapper holds something else."""
    seen = 0
    while isinstance(optimizer, Wrapper) and seen < 10:
        optimizer, seen = optimizer.optimizer, seen + 1
    return optimizer if isinstance(optimizer, Optimizer) else None


def pseudo_group(optimizer: Any) -> ParamGroup | None:
    """Return the group that a wrapper appends to report the unscaled rate."""
    return None if isinstance(optimizer, Optimizer) else getattr(optimizer, "base_param_settings", None)


def present_value(group: ParamGroup, name: str) -> Any:
    """Return the value of a field; for a tensor the float it was last filled with."""
    value = group["betas"][0] if name == "momentum" and "betas" in group else group[name]
    if isinstance(value, torch.Tensor):
        exact: float | None = _exact.get(value, None)  # type: ignore[no-untyped-call]  # torch does not say
        if exact is not None and value.item() == torch.tensor(exact, dtype=value.dtype).item():
            return exact
        return float(value)
    return value


def write_value(group: ParamGroup, name: str, value: Any) -> None:
    """Write a field. Adam's `betas[0]` has a copy in the entry `momentum`."""
    if name == "momentum" and "betas" in group:
        put_both_momenta(group, value)
        entry = group["betas"][0]
    else:
        put_value(group, value, name)
        entry = group[name]
    if isinstance(entry, torch.Tensor):
        _exact[entry] = float(value)


def initial_number(group: ParamGroup, name: str) -> float:
    """Return `initial_<name>` of a group, written where it is missing; a number, because a tensor would change."""
    put_entries([group], replace=False, **{f"initial_{name}": [present_value(group, name)]})
    base: Any = group[f"initial_{name}"]
    return base if isinstance(base, (int, float)) else float(base)


def require_number_field(group: ParamGroup, name: str) -> None:
    """Refuse a field that is not a number."""
    if not is_number(group[name]):
        raise TypeError(
            f"param_name={name!r}: the group has {name}={group[name]!r}, which is not a number. "
            "For Adam's betas[0] write a Momentum class, LinearMomentum(optimizer, …)"
        )


# Beside the optimizer: nothing of this may travel with a copy of it (row 33 of divergences.md).
_updates: WeakKeyDictionary[Optimizer, int] = WeakKeyDictionary()
_has_stepped: WeakKeyDictionary[Optimizer, bool] = WeakKeyDictionary()  # since the last scheduler was built


def start_counting(optimizer: Any) -> None:
    """Count updates from here on; earlier steps say nothing about the order."""
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
    """Return whether the optimizer was stepped since `start_counting`; a skipped step counts here."""
    inner = inner_optimizer(optimizer)
    return inner is None or _has_stepped.get(inner, True)


def counted_updates(optimizer: Any) -> int:
    """Return the number of updates that were counted."""
    inner = inner_optimizer(optimizer)
    return 0 if inner is None else _updates.get(inner, 0)


def may_step_later(optimizer: Any) -> bool:
    """Return whether the scheduler may step first: the optimizer accumulates, or a scaler may skip."""
    accumulates = getattr(optimizer, "_accumulative_counts", 1) > 1
    return accumulates or getattr(optimizer, "loss_scaler", None) is not None


def shadowing_steps(optimizer: Any) -> tuple[Any, ...]:
    """Return what replaces `step` on the optimizer and on the one inside."""
    holders: Sequence[Any] = (optimizer, inner_optimizer(optimizer))
    found = (vars(one).get("step") for one in holders if one is not None)
    return tuple(None if getattr(step, "__wrapped__", None) is not None else step for step in found)


# Once MMEngine is imported, `isinstance` takes our classes for MMEngine's, and MMEngine's for ours: its Runner and its
# hooks refuse, or give no metrics to, what is no `_ParamScheduler`. Nothing here imports MMEngine.


_HERE = __name__.rpartition(".")[0] + "."  # the modules whose classes have namesakes over there
_THERE = ("mmengine.optim.scheduler", "mmengine.optim")


class PeerAwareMeta(ABCMeta):
    """Counts MMEngine's namesake, and what derives from it, among the subclasses."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        if type.__subclasscheck__(cls, subclass):
            return True
        peer = _peer_namesake(cls)
        return peer is not None and peer in subclass.__mro__


class SeenAsPeer:
    """An object that passes MMEngine's own `isinstance` checks."""

    __slots__ = ()

    @property
    def __class__(self) -> Any:
        """The class, with MMEngine's namesake as a base where there is one."""
        return class_peers_see(type(self))

    @__class__.setter
    def __class__(self, value: type) -> None:
        object.__dict__["__class__"].__set__(self, value)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # pickle refuses an object whose `__class__` is not its type, where the function is the usual one.
        if type(self).__reduce__ is not object.__reduce__:
            return self.__reduce__()
        usual = object.__reduce_ex__(self, max(protocol, 2))
        return make_empty, *usual[1:]


def make_empty(cls: type, *arguments: Any) -> Any:
    """Make an object without its state, for pickle and copy."""
    return cls.__new__(cls, *arguments)


def class_peers_see(cls: type) -> type:
    """Return `cls` with MMEngine's namesake as a base, or `cls` while MMEngine is not imported."""
    found = vars(cls).get("_seen_class")
    if found is not None:
        return found  # type: ignore[no-any-return]  # what is kept below
    peer = next((one for base in cls.__mro__ if (one := _peer_namesake(base)) is not None), None)
    if peer is None:
        return cls
    seen = cls
    if peer not in cls.__mro__:
        told = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        seen = type(cls)(cls.__name__, (_NoSubclassHook, cls, peer), told)
    type.__setattr__(cls, "_seen_class", seen)
    return seen


class _NoSubclassHook:
    """First among the bases, so that no `__init_subclass__` of the user's is called."""

    __slots__ = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        pass


def _peer_namesake(cls: type) -> type | None:
    """Return MMEngine's class with the name of one of ours."""
    if not cls.__module__.startswith(_HERE):
        return None
    for module in _THERE:
        found = vars(sys.modules[module]).get(cls.__name__) if module in sys.modules else None
        if isinstance(found, type):
            return found
    return None


_AnyClass = TypeVar("_AnyClass", bound=type)

_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
_OPTIMIZER = {"optimizer": Argument(meaning="a torch optimizer, or a wrapper that holds one")}
_PARAM_NAME = {"param_name": Argument(meaning="the entry of the param groups")}
# `last_step` is the clock; MMEngine's own states have not the others.
_NOT_IN_STATES = ("last_step", "pct_start", "anneal_strategy", "three_phase", "min_value")


def set_up_from_table(cls: _AnyClass) -> _AnyClass:
    """Give a class of the table its row, signature and docstring."""
    found = row_of_class(cls.__name__)
    assert found is not None, cls
    row, family = found
    scheduler: Any = cls
    scheduler.table_row = row
    scheduler._counted = row.counted
    scheduler._configured = ("param_name", *(name for name in row.arguments if name not in _NOT_IN_STATES))
    scheduler._argument_signature = inspect.Signature(_parameters_of(row.arguments))
    arguments = {**_OPTIMIZER, **(_PARAM_NAME if family == "ParamScheduler" else {}), **row.arguments}
    if "__init__" not in vars(cls):

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # it becomes one
            super(scheduler, self).__init__(*args, **kwargs)

        scheduler.__init__ = __init__  # an inherited one would have the signature of another class
    scheduler.__init__.__signature__ = inspect.Signature([_SELF, *_parameters_of(arguments)])
    described = "\n    ".join(f"{name}: {one.meaning}." for name, one in arguments.items())
    remarks = [inspect.cleandoc(cls.__doc__)] if cls.__doc__ else []
    scheduler.__doc__ = "\n\n".join([meaning_of_class(row, family), *remarks, f"Args:\n    {described}\n"])
    return cls


def _parameters_of(arguments: Mapping[str, Argument]) -> list[inspect.Parameter]:
    defaults = {name: one.default for name, one in arguments.items() if one.default is not ...}
    kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    return [inspect.Parameter(name, kind, default=defaults.get(name, none)) for name in arguments]
