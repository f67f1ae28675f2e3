"""Config files of MMEngine: YAML and JSON are read, a `.py` file is run, as MMEngine's own `Config.fromfile` does.

Bases (`_base_`) are merged: dicts recursively, `_delete_=True` replaces. Configs with `with read_base():` need MMEngine.
"""

import ast
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.printing import ROOT, child_path, entry_path
from paramsched.core.base.problem import Problem
from paramsched.core.files.diagnostic_collector import type_name_of
from paramsched.core.files.plan_files import read_peer_data
from paramsched.core.files.text_limits import read_bounded_text
from paramsched.errors import ConfigError, MissingDependency

_MOST_ABOVE: Final = 20
_VARIABLE: Final = re.compile(r"\{\{\s*(fileDirname|fileBasenameNoExtension|fileBasename|fileExtname)\s*\}\}")
_OF_SYSTEM: Final = re.compile(r"\{\{['\"]?\s*\$(\w+)\s*:\s*(\S*?)\s*['\"]?\}\}")
_OF_BASE: Final = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")
TO_RUN: Final = "it is a Python config, which has values only when it is run"
RUN_IT: Final = "Pass --run-config to run it; only for files that you trust"


class _Names(dict[str, Any]):
    """A dict whose entries are attributes too, as those of `_base_` in a config."""

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(name) from None
        return _Names(value) if type(value) is dict else value


def load_config(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the names of a config file and of its bases; `above` are the files that have it as a base.

    Raises:
        ConfigError: the file cannot be read, or it raises.
        MissingDependency: it has `with read_base():`, and MMEngine is not installed.
    """
    path = Path(os.path.normpath(path.absolute()))
    if path in above or len(above) >= _MOST_ABOVE:
        raise _error(path, f"{path} is its own base" if path in above else "too many nested bases", "Leave it out")
    try:
        text = _with_variables(read_bounded_text(path), path)
    except OSError as error:
        raise _error(above[-1] if above else path, f"{path} cannot be read: {error.strerror or error}") from None
    if path.suffix == ".py":
        return _run(text, path, (*above, path))
    own = read_peer_data(_OF_BASE.sub(r"@\1@", text), "json" if path.suffix == ".json" else "yaml", str(path))
    if not isinstance(own, dict):
        raise ConfigError(str(path), ["expected a mapping of names to values"])
    base = _bases(own.pop("_base_", []), path, (*above, path))
    return merged(base, _with_base_values(own, base), str(path))


def _with_variables(text: str, path: Path) -> str:
    values = {"fileDirname": path.parent, "fileBasename": path.name, "fileBasenameNoExtension": path.stem}
    values["fileExtname"] = path.suffix
    text = _VARIABLE.sub(lambda found: str(values[found[1]]).replace("\\", "/"), text)
    return _OF_SYSTEM.sub(lambda found: os.environ.get(found[1], found[2]), text)


def _with_base_values(value: Any, base: Mapping[str, Any]) -> Any:
    """Replace `@a.b@`, which stands for `{{ _base_.a.b }}`, by the value of the bases."""
    if isinstance(value, dict):
        return {name: _with_base_values(one, base) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_base_values(one, base) for one in value)
    if isinstance(value, str) and len(value) > 2 and value[0] == value[-1] == "@":
        found: Any = base
        for key in value[1:-1].split("."):
            found = found[key]
        return found
    return value


def _run(text: str, path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """Run a Python config after its bases, and return its names without modules, functions and classes."""
    try:
        tree = ast.parse(_OF_BASE.sub(r'"@\1@"', text), str(path))
        if any(isinstance(one, ast.With) and "read_base" in ast.unparse(one.items[0]) for one in tree.body):
            return _run_by_mmengine(path)
        base: dict[str, Any] = {}
        for one in [*tree.body]:
            if isinstance(one, ast.Assign) and [ast.unparse(name) for name in one.targets] == ["_base_"]:
                base = _bases(ast.literal_eval(one.value), path, above)
                tree.body.remove(one)
        names: dict[str, Any] = {"__file__": str(path), "__name__": "config", "_base_": _Names(base)}
        exec(compile(tree, str(path), "exec"), names)  # noqa: S102  # asked for by the user
    except (ConfigError, MissingDependency):
        raise
    except Exception as error:  # whatever the file raises
        raise ConfigError(str(path), [f"running it raised {type(error).__name__}: {error}"]) from error
    own = {name: one for name, one in names.items() if not name.startswith("__") and name != "_base_"}
    own = {name: one for name, one in own.items() if not isinstance(one, (ModuleType, FunctionType, type))}
    return merged(base, _with_base_values(own, base), str(path))


def _run_by_mmengine(path: Path) -> dict[str, Any]:
    try:
        from mmengine.config import Config
    except ImportError:
        raise MissingDependency(f"{path}: with read_base()", "mmengine", "mmengine") from None
    return {name: _short_types(one) for name, one in Config.fromfile(path, format_python_code=False).to_dict().items()}


def _short_types(value: Any) -> Any:
    """Remove the module from the names of MMEngine's classes: a lazy import writes `mmengine.optim.StepLR`."""
    if isinstance(value, Mapping):
        short = (
            {"type": str(value["type"]).rpartition(".")[2]} if str(value.get("type")).startswith("mmengine.") else {}
        )
        return {name: _short_types(one) for name, one in {**value, **short}.items()}
    return type(value)(map(_short_types, value)) if type(value) in (list, tuple) else value


def _bases(paths: Any, path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """Return the names of all files in `_base_`; two files must not have the same name."""
    found: dict[str, Any] = {}
    for one in [paths] if isinstance(paths, str) else paths:
        package, _, inside = one.rpartition("::")
        spec = find_spec(package) if package else None
        if package and (spec is None or not spec.submodule_search_locations):
            raise _error(path, f"{one}: the package {package} is not installed")
        places = spec.submodule_search_locations if spec is not None else None
        folder = Path(places[0]) / ".mim" / "configs" if places else path.parent
        names = load_config(folder / inside, above)
        if twice := names.keys() & found.keys():
            raise _error(path, f"two bases have {', '.join(sorted(twice)[:5])}", "Keep each name in one of them")
        found |= names
    return found


def merged(
    base: Mapping[str, Any], over: Mapping[str, Any], source: str = "config", path: str = ROOT
) -> dict[str, Any]:
    """Return `base` updated by `over`: dicts are merged, and replace the base with `_delete_=True`.

    >>> merged({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(base)
    for key, value in over.items():
        before = out.get(key)
        if isinstance(value, dict) and key in out:
            value = dict(value)
            if not value.pop("_delete_", False):
                if not isinstance(before, dict):
                    found = f"a dict here, and {type_name_of(before)} in the base"
                    advice = "Set _delete_=True in the dict to replace what the base has"
                    raise ConfigError(source, [Problem(child_path(path, key), found, advice, code=UNREADABLE)])
                value = merged(before, value, source, child_path(path, key))
        out[key] = value
    return out


def _error(path: Path, found: str, advice: str = "") -> ConfigError:
    return ConfigError(str(path), [Problem(entry_path("_base_"), found, advice, code=UNREADABLE)])
