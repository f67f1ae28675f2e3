"""A config to the arguments of a Runner: files are read, modules imported, misspelt names found."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final

from torch import nn

from paramsched.config import mmengine
from paramsched.config.faults import Faults, entry_path, short_json
from paramsched.config.plan_files import read_plan_text
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.near_names import closest
from paramsched.runner._checks.settings import check_settings

LEFT_TO_ACCELERATE: Final = (
    "compile", "default_scope", "env_cfg", "experiment_name", "launcher", "log_level", "log_processor", "vis_backends",
    "visualizer",
)  # fmt: skip
"""Entries of MMEngine's configs that have no meaning here."""


def settings_in(cfg: Any, parameters: Mapping[str, inspect.Parameter]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a config are arguments of a Runner, and the whole config.

    Args:
        cfg: a mapping, or the path of a file.
        parameters: those of a Runner, by name.

    Raises:
        ConfigError: every fault, those of the arguments among them.
    """
    faults = Faults()
    whole = _config_as_dict(cfg)
    settings = {name: value for name, value in whole.items() if name in parameters and name != "cfg"}
    for name in whole.keys() - settings.keys() - set(LEFT_TO_ACCELERATE) - {"custom_imports", "cfg"}:
        near = closest(name, parameters)
        if near is not None:  # else it is a variable of the config's own
            faults.add(entry_path(name), f'no argument of Runner; did you mean "{near}"?')
    # Before the rest is checked: they register what the config names.
    _import_named_modules(whole.get("custom_imports"), faults)
    if "model" not in settings:
        faults.add(
            entry_path("model"), "it is missing", "Write model=dict(type='…'), or give Runner.from_cfg(…, model=…)"
        )
    if faults.count:
        # The Runner itself would not be reached: what it would refuse is told now, with the rest.
        defaults = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
        check_settings({**defaults, "model": nn.Identity(), **settings}, faults.found())
    return settings, whole


def _config_as_dict(cfg: Any) -> dict[str, Any]:
    """A config by names, from a file, from MMEngine's Config, or from a mapping."""
    plain = _read_config_file(Path(cfg)) if isinstance(cfg, (str, PathLike)) else cfg
    to_dict = getattr(plain, "to_dict", None)  # MMEngine's Config has it
    plain = plain if to_dict is None else to_dict()
    if not isinstance(plain, Mapping):
        found = f"a {type(plain).__name__} is no config"
        raise InvalidArgument("Runner.from_cfg(…)", found, "Give a mapping, or the path of a file that says one")
    if not all(isinstance(name, str) for name in plain):
        odd = next(name for name in plain if not isinstance(name, str))
        raise InvalidArgument(
            "Runner.from_cfg(…)", f"its entry {short_json(odd)} is no name", "Name each entry by text"
        )
    return dict(plain)


def _read_config_file(path: Path) -> Any:
    """What a config file says; a `.py` file is read, not run."""
    try:
        if not path.is_file():  # nor a pipe, which may never say anything
            raise FileNotFoundError("no such file" if not path.exists() else "no plain file")
        return mmengine.read(read_plan_text(path, "mmengine").text, str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, ParamschedError):
            raise
        raise ConfigError(str(path), [f"it cannot be read: {error}"]) from None


def _import_named_modules(config: Any, faults: Faults) -> None:
    """Import the modules that register what a config names."""
    if config is None:
        return
    names = config.get("imports") if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        faults.add(
            entry_path("custom_imports"), "it names no modules", "Write custom_imports=dict(imports=['my_model'])"
        )
        return
    for index, name in enumerate(names):
        path = entry_path("custom_imports", "imports", index)
        if not all(part.isidentifier() for part in name.split(".")):
            faults.add(path, f"{short_json(name)} is no module's name", "Write it as after import: 'package.module'")
            continue
        try:
            import_module(name)
        except ImportError as error:
            faults.add(path, str(error), "It is looked for where Python looks for modules")
