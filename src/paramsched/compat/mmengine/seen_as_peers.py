"""Once MMEngine is imported, `isinstance` takes our classes for MMEngine's, and MMEngine's for ours.

MMEngine's Runner and its hooks ask `isinstance(scheduler, _ParamScheduler)`. A scheduler that fails this is refused, or
gets no metrics. Nothing here imports MMEngine.
"""

import sys
from abc import ABCMeta
from typing import Any

_HERE = __name__.rpartition(".")[0] + "."  # the modules whose classes have namesakes over there
_THERE = ("mmengine.optim.scheduler", "mmengine.optim")


class PeerAwareMeta(ABCMeta):
    """The type of classes that count MMEngine's namesake, and what derives from it, among their subclasses.

    It derives from ABCMeta so that a user's class may have an abstract base besides.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        if type.__subclasscheck__(cls, subclass):
            return True
        peer = _peer_namesake(cls)
        return peer is not None and peer in subclass.__mro__


class SeenAsPeer:
    """What MMEngine's own checks take for one of its objects, as soon as MMEngine has been imported."""

    __slots__ = ()

    @property
    def __class__(self) -> Any:
        """The object's class, which `isinstance` asks for; with MMEngine's namesake as a base where there is one."""
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
    """An object without its state, for pickle and copy."""
    return cls.__new__(cls, *arguments)


def class_peers_see(cls: type) -> type:
    """The class that others see: `cls` with MMEngine's namesake as a base, or `cls` while MMEngine is not imported."""
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
    """First among the bases, so that making the class does not call an `__init_subclass__` of the user's."""

    __slots__ = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        pass


def _peer_namesake(cls: type) -> type | None:
    """MMEngine's class with the name of one of ours."""
    if not cls.__module__.startswith(_HERE):
        return None
    for module in _THERE:
        found = vars(sys.modules[module]).get(cls.__name__) if module in sys.modules else None
        if isinstance(found, type):
            return found
    return None
