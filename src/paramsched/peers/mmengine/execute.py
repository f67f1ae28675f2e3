"""Configs that MMEngine executes, for what only running them gives."""

from collections.abc import Mapping
from typing import Any

from paramsched.base.user_warnings import warn_user
from paramsched.errors import ConfigError, MissingDependency


def execute(path: str) -> dict[str, Any]:
    """Return the values of a config file that MMEngine executes, with all its imports, and warn that it was executed.

    Raises:
        MissingDependency: MMEngine is not installed.
        ConfigError: the file cannot be executed.
    """
    try:
        from mmengine.config import Config
    except ImportError:
        raise MissingDependency("run_config=True", "mmengine", "mmengine") from None
    try:
        data = Config.fromfile(path, format_python_code=False).to_dict()
    except Exception as error:  # whatever the file raises
        found = f"MMEngine cannot execute it: {type(error).__name__}: {error}"
        raise ConfigError(path, [f"{found}. Correct the file, or leave out --run-config (run_config=True)"]) from error
    warn_user(f"{path} was executed in MMEngine")
    return {name: _with_short_types(value) for name, value in data.items()}


def _with_short_types(value: Any) -> Any:
    """Return the value with MMEngine's own classes by their names alone: lazy imports give `mmengine.optim.StepLR`."""
    if isinstance(value, Mapping):
        own = str(value.get("type", "")).startswith("mmengine.")
        short = {"type": str(value["type"]).rpartition(".")[2]} if own else {}
        return {name: _with_short_types(one) for name, one in {**value, **short}.items()}
    return type(value)(map(_with_short_types, value)) if type(value) in (list, tuple) else value
