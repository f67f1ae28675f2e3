"""A registry of classes by name, and the problems of an entry of a config that names one."""

import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, TypeVar, overload

from paramsched.base import codes
from paramsched.base.problem_collector import ProblemCollector
from paramsched.base.words import child_path, did_you_mean
from paramsched.errors import ConfigError, InvalidArgument

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
        self._kind = what
        self._name = name
        self._fallback = fallback
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
            names = cls.__name__ if name is None else name
            for key in [names] if isinstance(names, str) else names:
                if key in self._classes and not force:
                    raise KeyError(f"{key} is already registered in {self._kind}. Write register_module(force=True)")
                self._classes[key] = cls
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
        cls = self.find(arguments.pop("type"))
        return cls(**arguments)

    def find(self, class_or_name: object) -> Any:
        """Return the class named in a config; a class is returned unchanged."""
        if isinstance(class_or_name, type):
            return class_or_name
        cls = (self.get(class_or_name) or self._fallback(class_or_name)) if isinstance(class_or_name, str) else None
        if cls is None:
            hint = did_you_mean(str(class_or_name), self._classes) if self._classes else "the registry is empty"
            end = "" if hint.endswith("?") else "."
            raise KeyError(
                f"{class_or_name!r} is not in the {self._kind} registry; {hint}{end} "
                f"Put @{self._name}.register_module() above your class, or pass the class itself as type"
            )
        return cls

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return len(self._classes)


def bare_class_name(class_or_name: Any) -> str | None:
    """Return the name of a class in MMEngine's registries, without its scope; None for another value.

    >>> bare_class_name("mmdet.StepLR"), bare_class_name(dict), bare_class_name(5)
    ('StepLR', 'dict', None)
    """
    name = class_or_name.__name__ if isinstance(class_or_name, type) else class_or_name
    return name.rpartition(".")[2] if isinstance(name, str) else None


def report_error(error: Exception, path: str, problems: ProblemCollector, of: str = "") -> None:
    """Report an error at the path of an entry, or at that of the argument which the error names.

    Args:
        error: the error.
        path: the path of the entry that was built.
        problems: receives the problems.
        of: the name of what was built, for the error of another library.
    """
    if isinstance(error, ConfigError):  # of the text of a plan
        for problem in error.problems:
            problems.report_text(path, problem)
    elif isinstance(error, InvalidArgument):
        call = error.problem.call
        if call is None:
            problems.refuse(path, error)
            return
        # The path names the argument, so the call is left out.
        value = call.got or call.value.replace("…", "")
        message = (
            error.problem.found if not value or "got" in error.problem.found else f"{error.problem.found}, got {value}"
        )
        problems.add(child_path(path, call.argument), message, error.problem.advice, code=error.problem.code)
    else:
        # The `str` of a KeyError would add quotes.
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error) or type(error).__name__
        problems.add(path, f"{of}: {text}" if of else text, code=codes.REFUSED_VALUE)


def check_names(
    function: Callable[..., Any],
    arguments: Collection[str],
    path: str,
    problems: ProblemCollector,
    title: str = "",
) -> bool:
    """Report each name that is not an argument of a function or class, and each required argument that is missing.

    Args:
        function: the function or class; a `partial` of it has arguments that are not in the config.
        arguments: the names in the config.
        path: the path of the arguments together.
        problems: receives the problems.
        title: the name of the function for messages, if not its own.

    Returns:
        True if no argument is missing.
    """
    parameters, takes_others = parameters_of(function)
    title = title or title_of(function)
    if not takes_others:
        problems.refuse_unknown(arguments, list(parameters), path, f"unknown argument of {title}")
    missing = [
        name for name, parameter in parameters.items() if parameter.default is parameter.empty and name not in arguments
    ]
    for name in missing:
        message = f"it is missing: an argument of {title}"
        problems.add(child_path(path, name), message, f"Pass {name}=…", code=codes.WRONG_ARGUMENT)
    return not missing


def title_of(function: Any) -> str:
    """Return the name of a function or class for a message."""
    function = function.func if isinstance(function, partial) else function
    return str(getattr(function, "__name__", type(function).__name__))


def parameters_of(function: Callable[..., Any]) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the parameters that can be passed by name, and True if other names are accepted too."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some classes written in C have no signature
        return {}, True
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {parameter.name: parameter for parameter in parameters if parameter.kind in by_name}
    return named, any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
