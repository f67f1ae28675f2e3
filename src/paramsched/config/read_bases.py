"""Files that build on others: `_base_` in Python, YAML and JSON, and `with read_base():`; each file is read once."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from paramsched.base.diagnostic import Diagnostic, entry_path
from paramsched.base.files import kind_of_file, open_to_read
from paramsched.config.faults import short_json
from paramsched.config.file_formats import read_peer_data
from paramsched.config.merge_configs import (
    NotInstalled,
    config_in_package,
    merge_upon_base,
    module_in_package,
    put_variables_in,
)
from paramsched.config.python_config.config_file import BaseReader, FileNames, PythonFile, referred_value
from paramsched.config.python_config.evaluator import References
from paramsched.config.python_config.source import PythonSource, no_collection
from paramsched.config.python_config.values import BaseReference, Budget, NeedsRunning
from paramsched.config.text_limits import MOST_BYTES, refuse_long_text
from paramsched.errors import ConfigError

_MOST_ABOVE: Final = 20
_MOST_FILES: Final = 200


def read_with_bases(text: str, source: str, path: Path | None, suffix: str) -> FileNames:
    """The names of a config and of the files it builds on.

    Args:
        path: where it is; None: bases cannot be looked for.
        suffix: `.py`, `.json`, `.yaml` or `.yml`.
    """
    above = () if path is None else (str(path_without_dots(path)),)
    return _BaseFileReader(source).read_config(_ConfigFile(text, source, path, suffix, above))


@final
@dataclass(frozen=True, slots=True)
class _ConfigFile:
    """The config itself, or one of its bases.

    Args:
        path: where it is; None where that is not known.
        above: the files that led to it, and itself.
    """

    text: str
    source: str
    path: Path | None
    suffix: str
    above: tuple[str, ...]

    def error(self, found: str, instead: str = "") -> ConfigError:
        return ConfigError(self.source, [Diagnostic(entry_path("_base_"), found, instead)])


@final
class _BaseFileReader:
    """Reads one config and its bases, each file once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._budget = Budget()
        self._done: dict[str, FileNames] = {}

    def read_config(self, file: _ConfigFile) -> FileNames:
        self._budget.add_text(len(file.text))
        text, references = put_variables_in(file.text, file.source, file.path)
        file = replace(file, text=text)
        return self.read_python(file, references) if file.suffix == ".py" else self.read_data(file, references)

    def read_python(self, file: _ConfigFile, references: References) -> FileNames:
        """A Python file, which asks for its bases as it comes to them."""
        bases = BaseReader(
            lambda paths: self.read_bases(paths, file),
            None if file.path is None else lambda module, level: self.read_module(module, level, file),
        )
        with no_collection(len(file.text)):
            # The tree is gone before the search for garbage begins again.
            source = PythonSource(file.text, file.source, base=len(file.above) > 1)
            return PythonFile(source, self._budget, references, bases).read()

    def read_data(self, file: _ConfigFile, references: References) -> FileNames:
        """YAML or JSON, merged upon its bases."""
        data = read_peer_data(file.text, "json" if file.suffix == ".json" else "yaml", file.source)
        if not isinstance(data, dict):
            found = "no mapping of names. Write param_scheduler and train_cfg, with their values"
            raise ConfigError(file.source, [found])
        paths = data.pop("_base_", [])
        base = self.read_bases(paths, file) if paths else {}
        if references:
            data = {name: _with_references(value, references, base, file.source) for name, value in data.items()}
        own = {name: value for name, value in data.items() if not str(name).startswith("__")}
        return FileNames(merge_upon_base(base, own, file.source))

    def read_bases(self, paths: Any, file: _ConfigFile) -> Mapping[str, Any]:
        """No two files in `_base_` may have the same name."""
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for path in _paths_of_bases(paths, file):
            names = self.read_base(path, file)
            values = {name: value for name, value in names.values.items() if name not in names.imported}
            twice = [name for name in values if name in found]
            if twice:
                both = f"{owners[twice[0]]} and {path} both have {', '.join(twice[:5])}"
                raise file.error(both, "Keep each name in one of them")
            for name, value in values.items():
                found[name] = _with_scope(value, path.partition("::")[0]) if "::" in path else value
                owners[name] = path
        return found

    def read_base(self, path: str, file: _ConfigFile) -> FileNames:
        """A base by its path, `./base.py` or `package::folder/base.py`."""
        if file.path is None:
            raise file.error(f"{path} is looked for beside the file", "Give the file's path, not its text")
        place = config_in_package(path) if "::" in path else path_without_dots(file.path.absolute().parent / path)
        if isinstance(place, NotInstalled):
            raise file.error(f"{path}: {place.found}", place.instead)
        return self.read_once(place, path, file)

    def read_module(self, module: str, level: int, file: _ConfigFile) -> FileNames:
        """A base by the name of its module, as `with read_base():` asks for it."""
        assert file.path is not None
        said = "." * level + module
        folder = file.path.absolute().parent.joinpath(*[".."] * (level - 1))
        relative = path_without_dots(folder.joinpath(*module.split(".")).with_suffix(".py"))
        place = relative if level else module_in_package(module)
        if isinstance(place, NotInstalled):
            raise file.error(f"{said}: {place.found}", place.instead)
        return self.read_once(place, said, file)

    def read_once(self, place: Path, asked: str, file: _ConfigFile) -> FileNames:
        """One that several files ask for is read for the first of them."""
        known = self._done.get(str(place))
        if known is not None:
            return known
        if str(place) in file.above:
            raise file.error(f"{asked} is its own base", "Leave it out")
        if len(file.above) >= _MOST_ABOVE:
            raise file.error(f"{asked}: more than {_MOST_ABOVE} files, one the base of the other")
        if len(self._done) >= _MOST_FILES:
            raise file.error(f"{asked}: more than {_MOST_FILES} files together")
        if place.suffix not in (".py", ".yaml", ".yml", ".json"):
            raise file.error(f"{asked} is no config", "Write a path that ends in .py, .yaml, .yml or .json")
        base = _ConfigFile(
            text_of_base(place, asked, file.error), str(place), place, place.suffix, (*file.above, str(place))
        )
        try:
            refuse_long_text(base.text, base.source)
            found = self.read_config(base)
        except ConfigError as error:
            raise error_in_base(error, base.source, self._source) from None
        self._done[str(place)] = found
        return found


def _paths_of_bases(paths: Any, file: _ConfigFile) -> Sequence[str]:
    """What stands at `_base_`, a path or several, as several."""
    given = [paths] if isinstance(paths, str) else paths
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if isinstance(one, NeedsRunning):
            raise file.error(str(one), "Write the path itself, _base_ = './base.py'")
    if not isinstance(given, (list, tuple)) or not all(isinstance(path, str) for path in given):
        raise file.error(f"{short_json(paths)} is no path and no list of paths", "Write _base_ = './base.py'")
    return given


def path_without_dots(path: Path) -> Path:
    """The whole path without `..`, by its text alone: links stay, as MMEngine leaves them."""
    return Path(os.path.normpath(path.absolute()))


def error_in_base(error: ConfigError, base: str, config: str) -> ConfigError:
    """The error about a base as one about the config, which is what the reader of the message knows."""
    if error.source != base:  # about a base of its own, and says its place already
        return error
    return ConfigError(config, [f"{fault.location(base)}: {fault.path_and_message}" for fault in error.faults])


def text_of_base(place: Path, asked: str, error: Callable[..., ConfigError]) -> str:
    """What a base says. A device or a pipe is no file, and is not opened: it may never end.

    Args:
        asked: what the config writes for it, for messages.
        error: makes the error, from what was found and what to write.
    """
    try:
        kind = place.stat().st_mode
        if not stat.S_ISREG(kind):
            raise error(f"{asked} is {kind_of_file(kind)}", "Write the path of a file")
        with open_to_read(place) as stream:
            data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise error(f"{asked} has more than {MOST_BYTES:,} bytes; a config is a short text")
        return data.decode("utf-8-sig")
    except ConfigError:
        raise
    except FileNotFoundError:
        raise error(f"{asked} cannot be read: there is no {place}") from None
    except UnicodeDecodeError:
        raise error(f"{asked} cannot be read: it is no UTF-8", "Save the file as UTF-8") from None
    except (OSError, ValueError) as refusal:
        raise error(f"{asked} cannot be read: {refusal}") from None


def _with_scope(value: Any, scope: str) -> Any:
    """The outermost dicts with a type say whose type that is."""
    if isinstance(value, dict):
        if "type" in value:
            return value if value.get("_scope_") is not None else {**value, "_scope_": scope}
        return {name: _with_scope(one, scope) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_with_scope(one, scope) for one in value])
    return value


def _with_references(value: Any, references: References, base: Mapping[str, Any], source: str) -> Any:
    """The value with what its texts say of the bases, `{{ _base_.x }}`, in place."""
    if isinstance(value, dict):
        return {name: _with_references(one, references, base, source) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_references(one, references, base, source) for one in value]
    if not isinstance(value, str):
        return value
    found = references.read(value, lambda: NeedsRunning(1, "{{ … }}", source, "is only a part of a text"))
    return referred_value(found, base) if isinstance(found, BaseReference) else found
