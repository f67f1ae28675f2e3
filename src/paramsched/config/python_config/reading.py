"""Read a Python config without running it, as MMEngine follows it; what would have to be run is a `NeedsRunning`."""

from pathlib import Path
from typing import Any

from paramsched.config.python_config.config_file import FileNames
from paramsched.config.python_config.values import ImportedName
from paramsched.config.python_config.values import NeedsRunning as NeedsRunning
from paramsched.config.read_bases import read_with_bases


def read_python(text: str, source: str = "config", folder: Path | None = None) -> dict[str, Any]:
    """The names a config assigns, and their values.

    Args:
        folder: where bases are looked for; None: a `_base_` cannot be read.

    Raises:
        ConfigError: no Python, or a base that cannot be read.

    >>> read_python("n = 4; param_scheduler = dict(type='StepLR', step_size=2 * n)")
    {'n': 4, 'param_scheduler': {'type': 'StepLR', 'step_size': 8}}
    """
    file = None if folder is None else folder / Path(source).name
    return public_names(read_with_bases(text, source, file, ".py"))


def public_names(names: FileNames) -> dict[str, Any]:
    """Return the names for users; a module, a class or a function becomes a placeholder, since it is not a value."""
    return {
        name: NeedsRunning(value.line, str(value))
        if name in names.imported and isinstance(value, ImportedName)
        else value
        for name, value in names.values.items()
    }
