"""Config files of MMEngine: a `.py` file is code, and is run; YAML and JSON are read.

MMEngine's own `Config` runs a `.py` file if MMEngine is installed. The loader below is for use without it: of the old
style it reads `_base_`, but neither `{{ variables }}` nor the values of a base in code, such as `_base_.model`. YAML
has the rules of plan files: no anchors and tags, and `1e-3` is a number, which MMEngine reads as text.
"""

import ast
import os
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from paramsched.base import ROOT, Problem, child_path, codes, entry_path
from paramsched.errors import ConfigError, MissingDependency, ParamschedError
from paramsched.files import read_bounded_text, read_data, type_name_of

IS_CODE: Final = "it is code, a config of MMEngine in Python"
"""The problem of a file that is run only when asked."""
_DATA_SUFFIXES: Final = (".yaml", ".yml", ".json")
_CLASS_IN_MODULE: Final = re.compile(r"mmengine(\.\w+){2,}")
_VARIABLE: Final = re.compile(r"\{\{\s*(_base_\.|file[BDE]|['\"]?\s*\$)[^{}]*\}\}")
_MOST_NESTED: Final = 20


def load_config(path: Path) -> dict[str, Any]:
    """Return the entries of a config and of its bases. A `.py` file is run.

    Raises:
        OSError: the file cannot be read.
        ConfigError: the file is not a config, or it raises an error when it is run.
        MissingDependency: the file needs MMEngine, which is not installed.
    """
    path = Path(os.path.normpath(path.absolute()))
    text = read_bounded_text(path)
    try:
        return _load(path, text, ())
    except ParamschedError:
        raise
    except (Exception, SystemExit) as error:  # whatever a `.py` file raises
        if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == "mmengine":
            raise MissingDependency(f"{path}: a config with read_base() or imported classes", "mmengine") from None
        raise _error_of_code(error, path) from error


def runs_code(path: Path) -> bool:
    """Return whether loading a config would run Python: for a `.py` file, and for YAML or JSON with such a base.

    Nothing is run. False for a file that cannot be read, which `load_config` reports.
    """
    return _runs_code(Path(os.path.normpath(path.absolute())), set())


def _runs_code(path: Path, visited_paths: set[Path]) -> bool:
    if path.suffix not in _DATA_SUFFIXES or path in visited_paths:
        return path.suffix == ".py"
    visited_paths.add(path)
    with suppress(OSError, ParamschedError, RecursionError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # load_config shows them
        entries = _entries_of_data(read_bounded_text(path), path)  # parsed, because an escape may spell `_base_`
        return any(_runs_code(base, visited_paths) for base in _bases_of(entries, path))
    return False


def _load(path: Path, text: str, parents: tuple[Path, ...]) -> dict[str, Any]:
    """Return the entries of the text of a config; `parents` are the files that led to it."""
    mmengine = _mmengine() if path.suffix == ".py" else None
    if mmengine is not None:
        _refuse_special_bases(path, (), set())
        config = mmengine.Config.fromfile(path, import_custom_modules=False, format_python_code=False)
        return {name: _with_short_types(value) for name, value in config.to_dict().items()}
    entries = _entries_of_code(text, path) if path.suffix == ".py" else _entries_of_data(text, path)
    bases: dict[str, Any] = {}
    for base in _bases_of(entries, path):
        if base in (*parents, path) or len(parents) >= _MOST_NESTED:
            raise _base_error(path, f"{base} is its entries base, or there are more than {_MOST_NESTED} nested bases")
        try:
            text_of_base = read_bounded_text(base)
        except OSError as error:
            raise _base_error(path, f"{base} cannot be read: {error.strerror or error}") from None
        base_entries = _load(base, text_of_base, (*parents, path))
        twice = sorted(base_entries.keys() & bases.keys())
        if twice:
            raise _base_error(path, f"two bases have {', '.join(twice[:5])}", "Keep each name in one of them")
        bases |= base_entries
    entries.pop("_base_", None)
    return _merged(entries, bases, path, ROOT)


def _mmengine() -> ModuleType | None:
    """Return the module of MMEngine's configs; None if it is not installed."""
    try:
        return import_module("mmengine.config")
    except ImportError:
        return None


def _refuse_special_bases(path: Path, above: tuple[Path, ...], seen: set[Path]) -> None:
    """Raise for a base that is a pipe, a folder or a device, for whose end MMEngine would wait, or its own base.

    MMEngine copies a file that is its own base until Python's limit of recursion. An error of syntax is raised here
    too, because that of MMEngine does not name the file.
    """
    if path in seen or path.suffix != ".py":
        return
    seen.add(path)
    bases: list[Path] = []
    with suppress(ValueError, ParamschedError):  # running the file reports it
        tree = ast.parse(_VARIABLE.sub("0", read_bounded_text(path)), str(path))
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_base_":
                bases += _bases_of({"_base_": ast.literal_eval(node.value)}, path)
    for base in bases:
        if base in (*above, path):
            raise _base_error(path, f"{base} is its own base")
        if base.exists() and not base.is_file():
            raise _base_error(path, f"the base {base} is not a regular file")
        if base.is_file():
            _refuse_special_bases(base, (*above, path), seen)


def _inside(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a dict, list or tuple with a function applied to its values; any other value is unchanged."""
    if isinstance(value, dict):
        return {key: change(element) for key, element in value.items()}
    return type(value)(map(change, value)) if isinstance(value, (list, tuple)) else value


def _with_short_types(value: Any) -> Any:
    """Remove the module from the names of MMEngine's classes, which the new style writes: `mmengine.optim.StepLR`.

    `mmengine.StepLR` has no module. It is a name in a registry, with its scope.
    """
    short = _inside(value, _with_short_types)
    if isinstance(short, dict) and _CLASS_IN_MODULE.fullmatch(str(short.get("type"))):
        short["type"] = str(short["type"]).rpartition(".")[2]
    return short


def _entries_of_code(text: str, path: Path) -> dict[str, Any]:
    """Run a config in Python, and return its entries."""
    _refuse_variables(text, path)
    names: dict[str, Any] = {"__file__": str(path)}
    exec(compile(text, str(path), "exec"), names)  # noqa: S102  # the user asked to run it
    kept = {name: value for name, value in names.items() if not name.startswith("__")}
    return {name: value for name, value in kept.items() if not isinstance(value, (FunctionType, ModuleType))}


def _entries_of_data(text: str, path: Path) -> dict[str, Any]:
    """Return the entries of a config in YAML or JSON."""
    if path.suffix not in _DATA_SUFFIXES:
        raise ConfigError(str(path), ["expected a file that ends in .py, .yaml, .yml or .json"])
    _refuse_variables(text, path)
    data = read_data(text, "json" if path.suffix == ".json" else "yaml", str(path))
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise ConfigError(str(path), ["expected a mapping from names to values"])
    return data


def _refuse_variables(text: str, path: Path) -> None:
    message = "{{ variables }} are read by MMEngine only"
    advice = "Write the value, or use a .py file with MMEngine"
    for number, line in enumerate(text.splitlines(), start=1):
        if _VARIABLE.search(line):
            raise ConfigError(str(path), [Problem("", message, advice, code=codes.UNREADABLE, line=number)])


def _bases_of(entries: Mapping[str, Any], path: Path) -> Iterator[Path]:
    """Yield the path of each base of a config."""
    bases = entries.get("_base_", [])
    for base in bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, str) or "::" in base:
            expected = "expected a path or a list of paths; `package::file` needs MMEngine"
            raise _base_error(path, f"{expected}, got {base if isinstance(base, str) else type_name_of(base)}")
        yield Path(os.path.normpath(path.parent / base))


def _merged(entries: Mapping[str, Any], base: Mapping[str, Any], path: Path, config_path: str) -> dict[str, Any]:
    """Return the base updated by a config, as in MMEngine: a dict over another value is an error."""
    merged = dict(base)
    for key, value in entries.items():
        if not isinstance(value, dict):
            merged[key] = value
            continue
        base_entries = {} if value.get("_delete_") or key not in merged else merged[key]
        if not isinstance(base_entries, dict):
            message = f"expected {type_name_of(base_entries)} as in the base, got a dict"
            advice = "Write _delete_=True in the dict to replace what the base has"
            raise ConfigError(
                str(path), [Problem(child_path(config_path, key), message, advice, code=codes.UNREADABLE)]
            )
        without_mark = {name: element for name, element in value.items() if name != "_delete_" or key not in base}
        merged[key] = _merged(without_mark, base_entries, path, child_path(config_path, key))
    return merged


def _base_error(path: Path, message: str, advice: str = "") -> ConfigError:
    """Return an error of a config's `_base_`."""
    return ConfigError(str(path), [Problem(entry_path("_base_"), message, advice, code=codes.UNREADABLE)])


def _error_of_code(error: BaseException, path: Path) -> ConfigError:
    """Return the error of a config that was run, at the line of the config or base that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    file = next((frame.filename for frame in frames if frame.name == "<module>"), None)
    if file is None and isinstance(error, SyntaxError):
        line = error.lineno
        column = error.offset
        text = (error.text or "").rstrip("\n")
        problem = Problem("", f"not Python: {error.msg}", code=codes.UNREADABLE, line=line, column=column, text=text)
        return ConfigError(error.filename or str(path), [problem])
    lines = [frame.lineno for frame in frames if frame.filename == file]
    cause = error.args[0] if isinstance(error, KeyError) and error.args else error
    message = f"running it raised {type(error).__name__}: {cause}"
    return ConfigError(
        file or str(path), [Problem("", message, code=codes.UNREADABLE, line=lines[-1] if lines else None)]
    )
