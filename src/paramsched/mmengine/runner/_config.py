"""Read the arguments of a Runner from a config."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final

from paramsched.core.base.codes import REFUSED_VALUE
from paramsched.core.base.near_names import closest
from paramsched.core.base.printing import child_path, entry_path
from paramsched.core.files.problem_collector import ProblemCollector, short_json
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.mmengine.building import report_kind
from paramsched.mmengine.config_file import load_config

LEFT_TO_ACCELERATE: Final = (
    "compile", "default_scope", "env_cfg", "experiment_name", "launcher", "log_level", "log_processor", "vis_backends",
    "visualizer",
)  # fmt: skip
"""Entries of MMEngine's configs that the Runner ignores, most of them because Accelerate replaces them."""


def read_config(config: Mapping[str, Any], signature: inspect.Signature, problems: ProblemCollector) -> dict[str, Any]:
    """Return the arguments of a Runner in a config, and import the modules in `custom_imports`.

    Args:
        config: the entries of the config.
        signature: the signature of the Runner.
        problems: receives the problems.
    """
    arguments = {name: value for name, value in config.items() if name in signature.parameters and name != "cfg"}
    for name in config.keys() - arguments.keys() - {*LEFT_TO_ACCELERATE, "custom_imports", "cfg"}:
        near = closest(name, signature.parameters)
        if near is not None:  # otherwise it is a variable of the config
            found = f'unknown argument of Runner; did you mean "{near}"?'
            problems.add(entry_path(name), found, code=REFUSED_VALUE)
    if config.get("custom_imports") is not None:
        _import_modules(config["custom_imports"], entry_path("custom_imports"), problems)
    return {"model": None, **arguments, "cfg": config}


def _import_modules(config: Any, path: str, problems: ProblemCollector) -> None:
    """Import the modules that register classes of a config."""
    names = config.get("imports") if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)):
        report_kind(config, "dict with a list of modules", path, problems, "For example: dict(imports=['my_model'])")
        return
    for index, name in enumerate(names):
        try:
            import_module(name)
        except (ImportError, TypeError, ValueError, AttributeError) as error:
            advice = "Use the name of a module on Python's path"
            problems.add(child_path(child_path(path, "imports"), index), str(error), advice, code=REFUSED_VALUE)


def config_as_dict(cfg: Any) -> dict[str, Any]:
    """Return a config as a dict, read from a file, MMEngine's Config or a mapping."""
    plain = cfg
    if isinstance(cfg, (str, PathLike)):  # a `.py` file is run
        path = Path(cfg)
        try:
            if not path.is_file():  # reading a pipe could block forever
                raise FileNotFoundError("no such file" if not path.exists() else "not a regular file")
            plain = load_config(path)
        except ParamschedError:
            raise
        except (OSError, ValueError) as error:
            raise ConfigError(str(path), [f"it cannot be read: {error}"]) from None
    to_dict = getattr(plain, "to_dict", None)  # a method of MMEngine's Config
    plain = plain if to_dict is None else to_dict()
    if not isinstance(plain, Mapping) or not all(isinstance(name, str) for name in plain):
        site = str(cfg) if isinstance(cfg, (str, PathLike)) else "Runner.from_cfg(…)"
        found = f"expected a mapping from names to values, got {short_json(plain)}"
        raise InvalidArgument(site, found, "For example: model=dict(type='…')")
    return dict(plain)
