"""PARAM_SCHEDULERS: scheduler classes by the names they have in configs."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar, overload

from paramsched.compat.mmengine import lr_scheduler, momentum_scheduler, param_scheduler
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.rule_of_user_class import rule_of_user_class
from paramsched.config.dialects.mmengine.table import SCOPES, class_names
from paramsched.config.schedule_text import FINDERS, UserClass
from paramsched.errors import nearest

_AnyClass = TypeVar("_AnyClass", bound=type)


class Registry:
    """Classes by name.

    Args:
        what: what they are, for messages.
        name: what the registry itself is called, likewise.
        elsewhere: where a name is looked for that is not here.
    """

    def __init__(
        self,
        what: str,
        name: str = "PARAM_SCHEDULERS",
        elsewhere: Callable[[str], type[Any] | None] = lambda _: None,
    ) -> None:
        self._what, self._name, self._elsewhere = what, name, elsewhere
        self._classes: dict[str, type[Any]] = {}

    @overload
    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, module: None = None
    ) -> Callable[[_AnyClass], _AnyClass]: ...
    @overload
    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, *, module: _AnyClass
    ) -> _AnyClass: ...
    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, module: _AnyClass | None = None
    ) -> _AnyClass | Callable[[_AnyClass], _AnyClass]:
        """Make a class usable by name: `@PARAM_SCHEDULERS.register_module()` above it.

        Args:
            name: one name or several; by default the class's own.
            force: whether to replace a class that has the name.
            module: the class, where it is not decorated.

        Raises:
            KeyError: the name is taken.
        """

        def keep(cls: _AnyClass) -> _AnyClass:
            names = [cls.__name__] if name is None else [name] if isinstance(name, str) else name
            for one in names:
                if one in self._classes and not force:
                    raise KeyError(f"{one} is already registered in {self._what}. Write register_module(force=True)")
                self._classes[one] = cls
            return cls

        return keep if module is None else keep(module)

    def get(self, name: str) -> type[Any] | None:
        """The class of a name; the scope of a package of OpenMMLab's before it is read over."""
        scope, _, bare = name.rpartition(".")
        return self._classes.get(name) or (self._classes.get(bare) if scope in SCOPES else None)

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
        cls = (self.get(kind) or self._elsewhere(kind)) if isinstance(kind, str) else None
        if cls is None:
            known = nearest(str(kind), self._classes) if self._classes else "nothing is"
            raise KeyError(
                f"{kind!r} is not in the {self._what} registry; {known}. "
                f"Write @{self._name}.register_module() above your class, or give the class itself as type"
            )
        return cls

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return len(self._classes)


def _class_of_packages(name: str) -> type[Any] | None:
    """What packages have put into MMEngine's own registries by a name; nothing is imported for it."""
    scope, _, bare = name.rpartition(".")
    peer = sys.modules.get("mmengine.registry")
    nodes = [] if peer is None else [peer.PARAM_SCHEDULERS]
    while nodes:
        node = nodes.pop()
        if bare in node.module_dict and scope in ("", node.scope):
            return node.module_dict[bare]  # type: ignore[no-any-return]  # what a package registered
        nodes += node.children.values()
    return None


PARAM_SCHEDULERS: Final = Registry("parameter scheduler", elsewhere=_class_of_packages)
"""Scheduler classes by name: the 29, and those of users."""


def _user_class_named(kind: object) -> UserClass | None:
    """A scheduler class of a user's, by its name in our registry or in MMEngine's, or by itself."""
    cls = kind if isinstance(kind, type) else None
    if isinstance(kind, str):
        own = PARAM_SCHEDULERS.get(kind)
        # A class of the table may have a namesake that a package registered.
        cls = own if own is not None and not own.__module__.startswith(_TABLE_MODULES) else _class_of_packages(kind)
    if cls is None or not issubclass(cls, _ParamScheduler) or cls.__module__.startswith(_TABLE_MODULES):
        return None
    return partial(rule_of_user_class, cls)


_TABLE_MODULES = ("paramsched.compat.mmengine.", "mmengine.optim.scheduler")
FINDERS.append(_user_class_named)

for _module in (param_scheduler, lr_scheduler, momentum_scheduler):
    for _name in class_names():
        if isinstance(_found := vars(_module).get(_name), type) and _found.__module__ != _ParamScheduler.__module__:
            PARAM_SCHEDULERS.register_module(module=_found, force=True)
