"""Config files of MMEngine: a `.py` file is code, and is run; YAML and JSON are read.

MMEngine's own `Config` runs a file if MMEngine is installed; otherwise the loader of `old_style` does.
"""

import ast
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.printing import entry_path
from paramsched.core.base.problem import Problem
from paramsched.core.files.text_limits import read_bounded_text
from paramsched.errors import ConfigError, ParamschedError
from paramsched.mmengine.config_dict import inside
from paramsched.mmengine.old_style import (
    DATA_SUFFIXES,
    bases_at,
    entries_of_data,
    line_of_bases,
    load_old_style,
    variables_replaced,
)

CONFIG_KEYS: Final = ("param_scheduler", "optim_wrapper", "_base_")
"""Keys of which a config of MMEngine has at least one, and a plan none."""
IS_CODE: Final = "it is code, a config of MMEngine in Python"
"""The problem of a file that is run only when asked."""
_CLASS_IN_MODULE: Final = re.compile(r"mmengine(\.\w+){2,}")


def load_config(path: Path) -> dict[str, Any]:
    """Return the entries of a config and of its bases. A `.py` file is run.

    `sys.path`, the modules that Python finds, and the working folder are as before afterwards.

    Raises:
        OSError: the file cannot be read.
        ConfigError: the file is not a config, or it raises an error when it is run.
        MissingDependency: the file needs MMEngine, which is not installed.
    """
    path = Path(os.path.normpath(path.absolute()))
    read_bounded_text(path)  # MMEngine would wait for a pipe
    if not runs_code(path):
        return load_old_style(path)
    mmengine = _mmengine()
    _refuse_special_files(path, set())
    with _process_restored():
        try:
            return load_old_style(path) if mmengine is None else _loaded_by(mmengine, path)
        except ParamschedError:
            raise
        except (Exception, SystemExit) as error:  # whatever the file raises
            raise _error_of_code(error, path) from error


def runs_code(path: Path) -> bool:
    """Return whether loading a config would run Python: for a `.py` file, and for YAML or JSON with such a base.

    Nothing is run. False for a file that cannot be read, which `load_config` reports.
    """
    return _runs_code(Path(os.path.normpath(path.absolute())), set())


def _runs_code(path: Path, seen: set[Path]) -> bool:
    if path.suffix not in DATA_SUFFIXES or path in seen:
        return path.suffix == ".py"
    seen.add(path)
    with suppress(OSError, ParamschedError, RecursionError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # load_config shows them
        # The text is searched as load_config reads it, because a variable or an escape may spell `_base_`.
        code, _ = variables_replaced(read_bounded_text(path), path)
        bases = entries_of_data(code, path).get("_base_", [])
        return any(_runs_code(base, seen) for _, base in bases_at(bases, path))
    return False


def _refuse_special_files(path: Path, seen: set[Path]) -> None:
    """Raise for a base that is a pipe, a folder or a device, for whose end MMEngine would wait."""
    if path in seen or path.suffix != ".py":
        return
    seen.add(path)
    bases: list[tuple[str, Path]] = []
    with suppress(SyntaxError, ValueError, ParamschedError):  # running the file reports it
        line = line_of_bases(ast.parse(read_bounded_text(path), str(path)))
        bases = [] if line is None else list(bases_at(ast.literal_eval(line), path))
    for name, base in bases:
        if base.exists() and not base.is_file():
            found = f"the base {name} is not a regular file ({base})"
            raise ConfigError(str(path), [Problem(entry_path("_base_"), found, code=UNREADABLE)])
        if base.is_file():
            _refuse_special_files(base, seen)


def _mmengine() -> ModuleType | None:
    """Return the module of MMEngine's configs; None if it is not installed."""
    try:
        return import_module("mmengine.config")
    except ImportError:
        return None


def _loaded_by(mmengine: ModuleType, path: Path) -> dict[str, Any]:
    """Return the entries as MMEngine reads them, without importing the modules in `custom_imports`."""
    config = mmengine.Config.fromfile(path, import_custom_modules=False, format_python_code=False)
    return {name: _with_short_types(value) for name, value in config.to_dict().items()}


def _with_short_types(value: Any) -> Any:
    """Remove the module from the names of MMEngine's classes, which the new style writes: `mmengine.optim.StepLR`.

    `mmengine.StepLR` has no module. It is a name in a registry, with its scope.
    """
    short = inside(value, _with_short_types)
    if isinstance(short, dict) and _CLASS_IN_MODULE.fullmatch(str(short.get("type"))):
        short["type"] = str(short["type"]).rpartition(".")[2]
    return short


@contextmanager
def _process_restored() -> Iterator[None]:
    """Restore `sys.path`, `sys.modules` and the working folder after the `with` block."""
    search_path, entries, modules, folder = sys.path, sys.path[:], dict(sys.modules), _working_folder()
    try:
        yield
    finally:
        sys.path = search_path
        sys.path[:] = entries
        if folder is not None and folder != _working_folder():
            os.chdir(folder)
        _restore_modules(modules)


def _working_folder() -> str | None:
    """Return the working folder; None if it was removed."""
    with suppress(OSError):
        return os.getcwd()  # noqa: PTH109  # a text, as os.chdir takes it
    return None


def _restore_modules(before: Mapping[str, Any]) -> None:
    """Restore the modules, and keep those that any other code would have imported too.

    A second copy of such a module would have other classes than the values of the config, and packages such as torch
    cannot be imported twice.
    """
    new = {name: module for name, module in sys.modules.items() if name not in before}
    for name in new:
        del sys.modules[name]
    sys.modules.update(before)
    kept = {name for name in new if "." not in name and _is_found(name, new[name])}
    sys.modules.update({name: module for name, module in new.items() if name.partition(".")[0] in kept | before.keys()})


def _is_found(name: str, module: Any) -> bool:
    """Return whether importing a module would find the same file."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin == getattr(getattr(module, "__spec__", None), "origin", None)


def _error_of_code(error: BaseException, path: Path) -> ConfigError:
    """Return the error of a config that was run, at the line of the config or base that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    file = next((frame.filename for frame in frames if frame.name == "<module>"), None)
    if file is None and isinstance(error, SyntaxError):
        return _error_of_syntax(_syntax_error_in(path, ()) or error, path)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    found = f"running it raised {type(error).__name__}: {text}"
    return ConfigError(file or str(path), [Problem("", found, code=UNREADABLE, line=lines[-1] if lines else None)])


def _error_of_syntax(error: SyntaxError, path: Path) -> ConfigError:
    file = error.filename if error.filename and os.path.isabs(error.filename) else str(path)  # noqa: PTH117  # a text
    line, column, text = error.lineno, error.offset, (error.text or "").rstrip("\n")
    found = f"not Python: {error.msg}"
    return ConfigError(file, [Problem("", found, code=UNREADABLE, line=line, column=column, text=text)])


def _syntax_error_in(path: Path, above: tuple[Path, ...]) -> SyntaxError | None:
    """Return the syntax error of a config or of its bases, because that of MMEngine does not name the file."""
    if path.suffix != ".py" or path in above:
        return None
    with suppress(OSError, ParamschedError, ValueError):  # bases that are not literals, or cannot be read
        text = read_bounded_text(path)
        try:
            tree = ast.parse(text, str(path))
            ast.parse(variables_replaced(text, path)[0], str(path))
        except SyntaxError as error:
            return error
        line = line_of_bases(tree)
        bases = [] if line is None else bases_at(ast.literal_eval(line), path)
        found = (_syntax_error_in(base, (*above, path)) for _, base in bases)
        return next(filter(None, found), None)
    return None
