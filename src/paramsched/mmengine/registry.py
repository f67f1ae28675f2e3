"""Registry: classes by their names in configs; and the registries of models, datasets, metrics and hooks."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar, overload

from paramsched.core.base.near_names import did_you_mean

SCOPES: Final = (
    "mmengine", "mmcls", "mmdet", "mmdet3d", "mmseg", "mmaction", "mmtrack", "mmpose", "mmedit", "mmocr", "mmgen",
    "mmfewshot", "mmrazor", "mmflow", "mmhuman3d", "mmrotate", "mmselfsup", "mmyolo", "mmpretrain", "mmagic",
)  # fmt: skip
"""Packages whose registries fall back to MMEngine's: `mmcls.LinearLR` is MMEngine's `LinearLR`."""

_AnyClass = TypeVar("_AnyClass", bound=Callable[..., Any])


def registered_in_mmengine(registry: str, name: str) -> Any:
    """Return what a package has registered under a name in one of MMEngine's registries; None if there is nothing.

    Args:
        registry: the name of the registry in `mmengine.registry`.
        name: the name in a config, which may begin with the scope of a package.
    """
    scope, _, bare = name.rpartition(".")
    mmengine = sys.modules.get("mmengine.registry")
    nodes = [] if mmengine is None else [getattr(mmengine, registry)]
    while nodes:
        node = nodes.pop()
        if bare in node.module_dict and scope in ("", node.scope):
            return node.module_dict[bare]
        nodes += node.children.values()
    return None


class Registry:
    """A registry of classes by name.

    Args:
        what: the kind of classes, for messages.
        name: the name of the registry, for messages.
        fallback: a function from a name that is not registered to a class or None.
    """

    def __init__(
        self,
        what: str,
        name: str = "PARAM_SCHEDULERS",
        fallback: Callable[[str], type[Any] | None] = lambda _: None,
    ) -> None:
        self._kind, self._name, self._fallback = what, name, fallback
        self._classes: dict[str, Any] = {}  # classes, and functions that build an object

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
        """Register a class, usually as a decorator: `@PARAM_SCHEDULERS.register_module()`.

        Args:
            name: one name or a list of names; the name of the class by default.
            force: replace a class that already has the name.
            module: the class, if the method is not used as a decorator.

        Raises:
            KeyError: if the name is taken and `force` is false.
        """

        def keep(cls: _AnyClass) -> _AnyClass:
            names = [cls.__name__] if name is None else [name] if isinstance(name, str) else name
            for one in names:
                if one in self._classes and not force:
                    raise KeyError(f"{one} is already registered in {self._kind}. Write register_module(force=True)")
                self._classes[one] = cls
            return cls

        return keep if module is None else keep(module)

    def get(self, name: str) -> type[Any] | None:
        """Return the class registered under `name`, ignoring the package; None if there is none.

        The package is the scope, as in `mmdet.StepLR`, or the module, as a config with lazy imports has it.
        """
        scope, _, bare = name.rpartition(".")
        is_package = scope.partition(".")[0] in SCOPES
        return self._classes.get(name) or (self._classes.get(bare) if is_package else None)

    def build(self, cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
        """Call the class that `cfg["type"]` is or names, with the remaining entries of `cfg` as arguments.

        Raises:
            KeyError: if the name is unknown; the message suggests the nearest one.
        """
        arguments = {**(default_args or {}), **cfg}
        kind = arguments.pop("type")
        return self.find(kind)(**arguments)

    def find(self, kind: object) -> Any:
        """Return the class named in a config; a class is returned unchanged."""
        if isinstance(kind, type):
            return kind
        cls = (self.get(kind) or self._fallback(kind)) if isinstance(kind, str) else None
        if cls is None:
            known = did_you_mean(str(kind), self._classes) if self._classes else "the registry is empty"
            end = "" if known.endswith("?") else "."
            raise KeyError(
                f"{kind!r} is not in the {self._kind} registry; {known}{end} "
                f"Put @{self._name}.register_module() above your class, or pass the class itself as type"
            )
        return cls

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return len(self._classes)


def bare_class_name(kind: Any) -> str | None:
    """Return the name of a class in MMEngine's registries, without its scope; None if `kind` is not a class or name.

    >>> bare_class_name("mmdet.StepLR"), bare_class_name(dict), bare_class_name(5)
    ('StepLR', 'dict', None)
    """
    name = kind.__name__ if isinstance(kind, type) else kind
    return name.rpartition(".")[2] if isinstance(name, str) else None


def _hook_of_packages(name: str) -> Any:
    """Return a hook that is registered in MMEngine, except MMEngine's own, which need its Runner."""
    hook = registered_in_mmengine("HOOKS", name)
    return None if str(getattr(hook, "__module__", "")).startswith("mmengine.") else hook


MODELS: Final = Registry("model", "MODELS", partial(registered_in_mmengine, "MODELS"))
"""The registry of models and functions that build one: `@MODELS.register_module()`."""

DATASETS: Final = Registry("dataset", "DATASETS", partial(registered_in_mmengine, "DATASETS"))
"""The registry of datasets."""

METRICS: Final = Registry("metric", "METRICS", partial(registered_in_mmengine, "METRICS"))
"""The registry of metrics: subclasses of `Metric`, and other classes with `process` and `evaluate`."""

HOOKS: Final = Registry("hook", "HOOKS", _hook_of_packages)
"""The registry of hooks."""
