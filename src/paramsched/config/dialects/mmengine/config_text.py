"""A config from the text of a file, and as one."""

from pathlib import Path
from typing import Any

from paramsched.config.base_files.read_bases import read_with_bases
from paramsched.config.dialects.mmengine.python_text import python_text
from paramsched.config.faults import Faults, plain_data
from paramsched.config.python_config.reading import public_names
from paramsched.config.syntaxes.json_and_toml import read_json
from paramsched.config.syntaxes.yaml_text import read_yaml
from paramsched.errors import ConfigError


def read(text: str, source: str = "config") -> Any:
    """A config from the text of a file: Python, YAML or JSON. `_base_` files are looked for beside `source`."""
    file = Path(source) if Path(source).is_file() else None
    suffix = Path(source).suffix
    if suffix == ".py":
        return public_names(read_with_bases(text, source, file, suffix))
    if suffix in (".yaml", ".yml", ".json"):
        if "_base_" in text or "{{" in text:
            return public_names(read_with_bases(text, source, file, suffix))
        return _plain_config((read_json if suffix == ".json" else read_yaml)(text, source), source)
    return _read_unnamed(text, source, file)


def write(data: Any) -> str:
    """A config as Python text."""
    return python_text(data)


def _read_unnamed(text: str, source: str, file: Path | None) -> Any:
    """A config where no suffix says whether it is Python: it is, if it assigns something."""
    refusal: ConfigError | None = None
    try:
        names = public_names(read_with_bases(text, source, file, ".py"))
        if names or "_base_" in text:
            return names
    except ConfigError as error:
        refusal = error
    try:
        data = _plain_config(read_yaml(text, source), source)
    except ConfigError:
        data = None
    if isinstance(data, (dict, list)) or refusal is None:
        return data
    raise refusal


def _plain_config(raw: Any, source: str) -> Any:
    faults = Faults()
    data = plain_data(raw, faults)
    faults.raise_any(source)
    return data
