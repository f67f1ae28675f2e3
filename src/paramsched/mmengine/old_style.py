"""A loader of MMEngine's configs in the old style (`_base_`), for use without MMEngine.

A `.py` file is run, and has the values of `Config.fromfile(path).to_dict()` of MMEngine 0.10.7. In YAML `1e-3` is a
number, which MMEngine reads as text.
"""

import ast
import os
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.printing import ROOT, child_path, entry_path
from paramsched.core.base.problem import Problem, TextLines
from paramsched.core.files.plan_files import read_foreign_data
from paramsched.core.files.problem_collector import type_name_of
from paramsched.core.files.text_limits import read_bounded_text
from paramsched.errors import ConfigError, MissingDependency
from paramsched.mmengine.config_dict import ConfigDict, inside

DATA_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MOST_NESTED: Final = 20
_NOT_ENTRIES: Final = ("_base_", "_deprecation_")

_OF_FILE: Final = re.compile(r"\{\{\s*(fileDirname|fileBasenameNoExtension|fileBasename|fileExtname)\s*\}\}")
_OF_ENVIRONMENT: Final = re.compile(r"\{\{['\"]?\s*\$(\w+)\s*:\s*(\S*?)\s*['\"]?\}\}")
_OF_BASE: Final = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")

Placeholders: TypeAlias = dict[str, tuple[list[str], ConfigError]]
"""From a text in place of `{{ _base_.a.b }}` to the keys of the entry, and the error if it cannot be replaced."""


def load_old_style(path: Path) -> dict[str, Any]:
    """Return the entries of a config and of its bases.

    Raises:
        OSError: the file cannot be read.
        ConfigError: a file is not a config, or its bases do not fit.
        MissingDependency: a file is in the new style, which needs MMEngine.
        Exception: whatever a `.py` file raises.
    """
    return _load(path, read_bounded_text(path), ()).to_dict()


def _load(path: Path, text: str, above: tuple[Path, ...]) -> ConfigDict:
    """Return the entries of the text of a config; `above` are the files that led to it."""
    code, placeholders = variables_replaced(text, path)
    if path.suffix == ".py":
        tree = ast.parse(code, str(path))
        if _is_new_style(tree):
            raise MissingDependency(f"{path}: a config with read_base() or imported classes", "mmengine")
        base = _entries_of_bases(_value_of(line_of_bases(tree), path), path, above)
        tree.body = [node for node in tree.body if not _assigns_base(node)]
        own: dict[str, Any] = {"_base_": base}
        exec(compile(tree, str(path), "exec"), own)  # noqa: S102  # the user asked to run it
    else:
        own = entries_of_data(code, path)
        base = _entries_of_bases(own.get("_base_", []), path, above)
    own = {name: one for name, one in own.items() if name not in _NOT_ENTRIES and not name.startswith("__")}
    own = {name: one for name, one in own.items() if not isinstance(one, (FunctionType, ModuleType))}
    return _merged_files(_with_base_values(deepcopy(own), placeholders, base), base, path, ROOT)


def entries_of_data(text: str, path: Path) -> dict[str, Any]:
    """Return the entries of a config in YAML or JSON."""
    if path.suffix not in DATA_SUFFIXES:
        raise ConfigError(str(path), ["expected a file that ends in .py, .yaml, .yml or .json"])
    data = read_foreign_data(text, "json" if path.suffix == ".json" else "yaml", str(path))
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise ConfigError(str(path), ["expected a mapping from names to values"])
    return data


def variables_replaced(text: str, path: Path) -> tuple[str, Placeholders]:
    """Replace `{{ fileDirname }}` and `{{$NAME:default}}` by their values, and `{{ _base_.x }}` by placeholders."""
    placeholders: Placeholders = {}
    values = {"fileDirname": str(path.parent), "fileBasename": path.name, "fileExtname": path.suffix}
    values["fileBasenameNoExtension"] = path.stem

    def value_of_file(found: re.Match[str]) -> str:
        return values[found[1]].replace("\\", "/")

    def value_in_environment(found: re.Match[str]) -> str:
        value = os.environ.get(found[1], found[2])
        if not value:
            absent, advice = f"the environment has no {found[1]}", f"Write {{{{${found[1]}:default}}}}"
            raise ConfigError(str(path), [TextLines(found.string).fault(found.start(), absent, advice)])
        return value

    def placeholder(found: re.Match[str]) -> str:
        name, wanted = f"_{found[1]}_{uuid.uuid4().hex}", "expected an entry of the bases as an entire value"
        advice = "In a .py file, write _base_.x + …"
        problem = TextLines(found.string).fault(found.start(), f"{wanted}, got {found[0]}", advice)
        placeholders[name] = found[1].split("."), ConfigError(str(path), [problem])
        return f'"{name}"'

    text = _OF_ENVIRONMENT.sub(value_in_environment, _OF_FILE.sub(value_of_file, text))
    return _OF_BASE.sub(placeholder, text), placeholders


def _is_new_style(tree: ast.Module) -> bool:
    """Return whether MMEngine reads a config in the new style: with `read_base()`, or classes that are imported."""
    for node in ast.walk(tree):
        if _assigns_base(node):
            return False
        modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + str(node.module)]
        if isinstance(node, ast.With) or any(one.partition(".")[0] not in sys.stdlib_module_names for one in modules):
            return True
    return False


def _assigns_base(node: ast.AST) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id == "_base_"


def line_of_bases(tree: ast.Module) -> ast.expr | None:
    """Return the expression of `_base_` in a config; None if it has no bases."""
    return next((node.value for node in tree.body if isinstance(node, ast.Assign) and _assigns_base(node)), None)


def _value_of(line: ast.expr | None, path: Path) -> Any:
    return [] if line is None else eval(compile(ast.Expression(line), str(path), "eval"), {})  # noqa: S307  # as exec


def bases_at(paths: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield each base in `_base_` of a config, as it is written and as a path."""
    for one in paths if isinstance(paths, list) else [paths]:
        yield one, _path_of_base(one, path)


def _path_of_base(base: Any, path: Path) -> Path:
    """Return the path of a base, `./base.py` or `package::folder/base.py`."""
    if not isinstance(base, str):
        raise _base_error(path, f"expected a path or a list of paths, got {type_name_of(base)}", "Write './base.py'")
    package, _, name = base.rpartition("::")
    if not package:
        return Path(os.path.normpath(path.parent / base))
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise _base_error(path, f"{base}: the package {package} is not installed")
    return Path(spec.submodule_search_locations[0]) / ".mim" / "configs" / name


def _entries_of_bases(paths: Any, path: Path, above: tuple[Path, ...]) -> ConfigDict:
    """Return the entries of all files in `_base_`; two files must not have the same name."""
    found = ConfigDict()
    for one, base in bases_at(paths, path):
        if base in (*above, path) or len(above) >= _MOST_NESTED:
            raise _base_error(path, f"{one} is its own base, or there are more than {_MOST_NESTED} nested bases")
        try:
            text = read_bounded_text(base)
        except OSError as error:
            raise _base_error(path, f"{one} cannot be read: {error.strerror or error} ({base})") from None
        entries = _load(base, text, (*above, path))
        if twice := sorted(entries.keys() & found.keys()):
            raise _base_error(path, f"two bases have {', '.join(twice[:5])}", "Keep each name in one of them")
        scope = one.partition("::")[0] if "::" in one else None
        found.update(entries if scope is None else inside(entries, partial(_with_scope, scope=scope)))
    return found


def _with_scope(value: Any, scope: str) -> Any:
    """Add `_scope_` to the outermost dicts with a `type`, unless they have a `_scope_`."""
    if isinstance(value, dict) and "type" in value:
        return {**value, "_scope_": scope if value.get("_scope_") is None else value["_scope_"]}
    return inside(value, partial(_with_scope, scope=scope))


def _with_base_values(value: Any, placeholders: Placeholders, base: ConfigDict) -> Any:
    """Replace each placeholder of `{{ _base_.x }}` by the value of the bases."""
    if not isinstance(value, str):
        return inside(value, partial(_with_base_values, placeholders=placeholders, base=base))
    name = next((name for name in placeholders if name in value), None)
    if name is None:
        return value
    keys, error = placeholders[name]
    found: Any = base
    for key in keys:
        if value != name or not isinstance(found, dict) or key not in found:
            raise error
        found = found[key]
    return found


def _merged_files(over: Mapping[str, Any], base: ConfigDict, path: Path, place: str) -> ConfigDict:
    """Return the base updated by a config, as in `Config.fromfile`: a dict over another value is an error."""
    merged = base.copy()
    for key, value in over.items():
        if isinstance(value, dict) and key in merged and not value.pop("_delete_", False):
            before = merged[key]
            if not isinstance(before, ConfigDict):
                found = f"expected {type_name_of(before)} as in the base, got a dict"
                advice = "Write _delete_=True in the dict to replace what the base has"
                raise ConfigError(str(path), [Problem(child_path(place, key), found, advice, code=UNREADABLE)])
            merged[key] = _merged_files(value, before, path, child_path(place, key))
        else:
            merged[key] = value
    return merged


def _base_error(path: Path, found: str, advice: str = "") -> ConfigError:
    """Return an error of a config's `_base_`."""
    return ConfigError(str(path), [Problem(entry_path("_base_"), found, advice, code=UNREADABLE)])
