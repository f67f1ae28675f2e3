"""Files that build on others: `_base_` in Python, YAML and JSON, and `with read_base():`; each file is read once."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

from paramsched.config._base_merging import merge_upon_base
from paramsched.config._config_variables import put_variables_in
from paramsched.config._package_configs import NotInstalled, config_in_package, module_in_package
from paramsched.config._plain_data import plain_data
from paramsched.config.data_paths import entry_path
from paramsched.config.faults import Faults
from paramsched.config.python_config.base_references import References
from paramsched.config.python_config.config_file import BaseReader, FileNames, PythonFile, referred_value
from paramsched.config.python_config.limits import Budget
from paramsched.config.python_config.source import PythonSource, no_collection
from paramsched.config.python_config.values import BaseReference, NeedsRunning
from paramsched.config.syntaxes.json_text import read_json
from paramsched.config.syntaxes.yaml_text import read_yaml
from paramsched.config.text_limits import MOST_BYTES, refuse_long_text
from paramsched.config.value_words import short_json
from paramsched.errors import ConfigError, Fault

_MOST_ABOVE: Final = 20
_MOST_FILES: Final = 200
_SYNTAXES: Final[Mapping[str, Callable[[str, str], Any]]] = {
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}


def read_with_bases(text: str, source: str, file: Path | None, suffix: str) -> FileNames:
    """The names of a config and of the files it builds on.

    Args:
        text: the config's.
        source: its name, for messages.
        file: its path; None: bases cannot be looked for.
        suffix: `.py`, `.json`, `.yaml` or `.yml`.

    Raises:
        ConfigError: the config, or a base of it, cannot be read.
    """
    return _BaseFileReader(source).read(text, source, file, suffix, ())


@final
class _BaseFileReader:
    """One config and its bases.

    Args:
        source: the config's name, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._budget = Budget()
        self._done: dict[str, FileNames] = {}

    def read(self, text: str, source: str, file: Path | None, suffix: str, above: tuple[str, ...]) -> FileNames:
        """A file's names; `above` are the files that led to it."""
        self._budget.add_text(len(text))
        text, references = put_variables_in(text, source, file)
        if file is not None:
            above = (*above, str(_path_without_dots(file)))
        if suffix == ".py":
            return self._python(text, source, file, references, above)
        return self._data(text, source, suffix, file, references, above)

    def _python(
        self, text: str, source: str, file: Path | None, references: References, above: tuple[str, ...]
    ) -> FileNames:
        bases = BaseReader(
            lambda paths: self._together(paths, source, file, above),
            None if file is None else lambda module, level: self._module(module, level, source, file, above),
        )
        with no_collection(len(text)):
            # The tree is gone before the search for garbage begins again.
            return PythonFile(PythonSource(text, source, len(above) > 1), self._budget, references, bases).read()

    def _data(
        self,
        text: str,
        source: str,
        suffix: str,
        file: Path | None,
        references: References,
        above: tuple[str, ...],
    ) -> FileNames:
        faults = Faults()
        data = plain_data(_SYNTAXES[suffix](text, source), faults)
        faults.raise_any(source)
        if not isinstance(data, dict):
            raise ConfigError(source, ["no mapping of names. Write param_scheduler and train_cfg, with their values"])
        paths = data.pop("_base_", [])
        base = self._together(paths, source, file, above) if paths else {}
        if references:
            data = {name: _with_references(value, references, base, source) for name, value in data.items()}
        own = {name: value for name, value in data.items() if not str(name).startswith("__")}
        return FileNames(merge_upon_base(base, own, source))

    def _together(self, paths: Any, source: str, file: Path | None, above: tuple[str, ...]) -> Mapping[str, Any]:
        """The names of the files in `_base_`."""
        given = [paths] if isinstance(paths, str) else paths
        for one in given if isinstance(given, (list, tuple)) else [given]:
            if isinstance(one, NeedsRunning):
                raise _base_error(source, str(one), "Write the path itself, _base_ = './base.py'")
        if not isinstance(given, (list, tuple)) or not all(isinstance(path, str) for path in given):
            raise _base_error(
                source, f"{short_json(paths)} is no path and no list of paths", "Write _base_ = './base.py'"
            )
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for path in given:
            names = self._base(path, source, file, above)
            values = {name: value for name, value in names.values.items() if name not in names.imported}
            twice = [name for name in values if name in found]
            if twice:
                both = f"{owners[twice[0]]} and {path} both have {', '.join(twice[:5])}"
                raise _base_error(source, both, "Keep each name in one of them")
            for name, value in values.items():
                found[name] = _with_scope(value, path.partition("::")[0]) if "::" in path else value
                owners[name] = path
        return found

    def _base(self, path: str, source: str, file: Path | None, above: tuple[str, ...]) -> FileNames:
        if file is None:
            raise _base_error(source, f"{path} is looked for beside the file", "Give the file's path, not its text")
        place = config_in_package(path) if "::" in path else _path_without_dots(file.absolute().parent / path)
        if isinstance(place, NotInstalled):
            raise _base_error(source, f"{path}: {place.found}", place.instead)
        return self._file(place, path, source, above)

    def _module(self, module: str, level: int, source: str, file: Path, above: tuple[str, ...]) -> FileNames:
        said = "." * level + module
        folder = file.absolute().parent.joinpath(*[".."] * (level - 1))
        relative = _path_without_dots(folder.joinpath(*module.split(".")).with_suffix(".py"))
        place = relative if level else module_in_package(module)
        if isinstance(place, NotInstalled):
            raise _base_error(source, f"{said}: {place.found}", place.instead)
        return self._file(place, said, source, above)

    def _file(self, place: Path, asked: str, source: str, above: tuple[str, ...]) -> FileNames:
        known = self._done.get(str(place))
        if known is not None:
            return known
        if str(place) in above:
            raise _base_error(source, f"{asked} is its own base", "Leave it out")
        if len(above) >= _MOST_ABOVE:
            raise _base_error(source, f"{asked}: more than {_MOST_ABOVE} files, one the base of the other")
        if len(self._done) >= _MOST_FILES:
            raise _base_error(source, f"{asked}: more than {_MOST_FILES} files together")
        if place.suffix != ".py" and place.suffix not in _SYNTAXES:
            raise _base_error(source, f"{asked} is no config", "Write a path that ends in .py, .yaml, .yml or .json")
        text = _base_text(place, asked, source)
        try:
            refuse_long_text(text, str(place))
            found = self.read(text, str(place), place, place.suffix, above)
        except ConfigError as error:
            if error.source != str(place):
                raise
            # Whoever reads the message knows the config, not this file.
            faults = [
                f"{fault.place(error.source)}: {f'{fault.path}: ' if fault.path else ''}{fault.message}"
                for fault in error.faults
            ]
            raise ConfigError(self._source, faults) from None
        self._done[str(place)] = found
        return found


def _base_error(source: str, found: str, instead: str = "") -> ConfigError:
    return ConfigError(source, [Fault(entry_path("_base_"), found, instead)])


def _path_without_dots(path: Path) -> Path:
    """The whole path without `..`, by its text alone: links stay, as MMEngine leaves them."""
    return Path(os.path.normpath(path.absolute()))


def _base_text(place: Path, asked: str, source: str) -> str:
    try:
        kind = place.stat().st_mode
        if not stat.S_ISREG(kind):
            found = "a folder" if stat.S_ISDIR(kind) else "a pipe" if stat.S_ISFIFO(kind) else "a device"
            raise _base_error(source, f"{asked} is {found}", "Write the path of a file")
        with place.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise _base_error(source, f"{asked} has more than {MOST_BYTES:,} bytes; a config is a short text")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise _base_error(source, f"{asked} cannot be read: there is no {place}") from None
    except UnicodeDecodeError:
        raise _base_error(source, f"{asked} cannot be read: it is no UTF-8", "Save the file as UTF-8") from None
    except (OSError, ValueError) as error:
        raise _base_error(source, f"{asked} cannot be read: {error}") from None


def _with_scope(value: Any, scope: str) -> Any:
    """A base of another package: its outermost dicts with a type say whose type that is."""
    if isinstance(value, dict):
        if "type" in value:
            return value if value.get("_scope_") is not None else {**value, "_scope_": scope}
        return {name: _with_scope(one, scope) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_with_scope(one, scope) for one in value])
    return value


def _with_references(value: Any, references: References, base: Mapping[str, Any], source: str) -> Any:
    if isinstance(value, dict):
        return {name: _with_references(one, references, base, source) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_references(one, references, base, source) for one in value]
    if not isinstance(value, str):
        return value
    found = references.read(value, lambda: NeedsRunning(1, "{{ … }}", source, "is only a part of a text"))
    return referred_value(found, base) if isinstance(found, BaseReference) else found
