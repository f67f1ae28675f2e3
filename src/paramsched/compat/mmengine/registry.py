"""PARAM_SCHEDULERS: scheduler classes by the names they have in configs."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, overload

from paramsched.compat.mmengine import lr_scheduler, momentum_scheduler, param_scheduler
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.config._mmengine_curves import class_names
from paramsched.errors import nearest

_Class = TypeVar("_Class", bound=type)


class Registry:
    """Classes by name.

    Args:
        what: what they are, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._classes: dict[str, type[Any]] = {}

    @overload
    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, module: None = None
    ) -> Callable[[_Class], _Class]: ...
    @overload
    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, *, module: _Class
    ) -> _Class: ...
    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, module: _Class | None = None
    ) -> _Class | Callable[[_Class], _Class]:
        """Make a class usable by name: `@PARAM_SCHEDULERS.register_module()` above it.

        Args:
            name: one name or several; by default the class's own.
            force: whether to replace a class that has the name.
            module: the class, where it is not decorated.

        Raises:
            KeyError: the name is taken.
        """

        def keep(cls: _Class) -> _Class:
            names = [cls.__name__] if name is None else [name] if isinstance(name, str) else name
            for one in names:
                if one in self._classes and not force:
                    raise KeyError(f"{one} is already registered in {self._what}. Write register_module(force=True)")
                self._classes[one] = cls
            return cls

        return keep if module is None else keep(module)

    def get(self, name: str) -> type[Any] | None:
        """The class of a name; MMEngine's scope before it is read over."""
        return self._classes.get(name.removeprefix("mmengine."))

    def build(self, cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
        """Call the class that `cfg["type"]` names, or is, with the other entries.

        Raises:
            KeyError: an unknown name, with the nearest known one.
        """
        arguments = {**(default_args or {}), **cfg}
        kind = arguments.pop("type")
        return self.find(kind)(**arguments)

    def find(self, kind: object) -> Any:
        """The class a config names, or the class itself."""
        if isinstance(kind, type):
            return kind
        cls = self.get(kind) if isinstance(kind, str) else None
        if cls is None:
            raise KeyError(
                f"{kind!r} is not in the {self._what} registry; {nearest(str(kind), self._classes)}. "
                "Write @PARAM_SCHEDULERS.register_module() above your class"
            )
        return cls

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return len(self._classes)


PARAM_SCHEDULERS: Final = Registry("parameter scheduler")
"""Scheduler classes by name: the 29, and those of users."""

for _module in (param_scheduler, lr_scheduler, momentum_scheduler):
    for _name in class_names():
        if isinstance(_found := vars(_module).get(_name), type) and _found.__module__ != _ParamScheduler.__module__:
            PARAM_SCHEDULERS.register_module(module=_found, force=True)
