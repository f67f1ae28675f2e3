"""Read a Python config as MMEngine's reader does, without a calendar and a plan."""

from pathlib import Path
from typing import Any

from paramsched.mmengine.python_config.config_file import public_names
from paramsched.mmengine.read_bases import read_with_bases


def read_python(text: str, source: str = "config", folder: Path | None = None) -> dict[str, Any]:
    """Return the names that a config assigns; `folder` is that of its bases."""
    file = None if folder is None else folder / Path(source).name
    return public_names(read_with_bases(text, source, file, ".py"))
