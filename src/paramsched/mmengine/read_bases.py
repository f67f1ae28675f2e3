"""Configs with base files: `_base_` in Python, YAML and JSON, and `with read_base():`. Each file is read once."""

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, final

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.files import kind_of_file, open_to_read
from paramsched.core.base.printing import entry_path
from paramsched.core.base.problem import Problem, TextLines
from paramsched.core.files.diagnostic_collector import short_json
from paramsched.core.files.plan_files import read_peer_data
from paramsched.core.files.text_limits import MOST_BYTES, refuse_long_text
from paramsched.errors import ConfigError
from paramsched.mmengine.python_config.config_file import (
    FileNames,
    PythonFile,
    merge_upon_base,
    referred_value,
)
from paramsched.mmengine.python_config.source import PythonSource, no_collection
from paramsched.mmengine.python_config.values import BaseReference, Budget, NeedsRunning, References

_MOST_ABOVE: Final = 20
_MOST_FILES: Final = 200


def read_with_bases(text: str, source: str, path: Path | None, suffix: str) -> FileNames:
    """Return the names of a config and of its base files.

    Args:
        path: the path of the config; None if bases cannot be read.
        suffix: `.py`, `.json`, `.yaml` or `.yml`.
    """
    above = () if path is None else (str(path_without_dots(path)),)
    return _BaseFileReader(source).read_config(_ConfigFile(text, source, path, suffix, above))


@final
@dataclass(frozen=True, slots=True)
class _ConfigFile:
    """A config or one of its bases.

    Args:
        path: the path of the file; None if it is unknown.
        above: the chain of files that led to this file, including itself.
    """

    text: str
    source: str
    path: Path | None
    suffix: str
    above: tuple[str, ...]

    def error(self, found: str, instead: str = "") -> ConfigError:
        return ConfigError(self.source, [Problem(entry_path("_base_"), found, instead, code=UNREADABLE)])


@final
class _BaseFileReader:
    """A reader of one config and its bases, which reads each file once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._budget = Budget()
        self._done: dict[str, FileNames] = {}

    def read_config(self, file: _ConfigFile) -> FileNames:
        self._budget.add_text(len(file.text))
        text, references = _put_variables_in(file.text, file.source, file.path)
        file = replace(file, text=text)
        return self.read_python(file, references) if file.suffix == ".py" else self.read_data(file, references)

    def read_python(self, file: _ConfigFile, references: References) -> FileNames:
        """Read a Python file, which may request bases at any line."""
        names_of_module = None if file.path is None else partial(self.read_module, file)
        with no_collection(len(file.text)):
            # Free the tree before garbage collection starts again.
            source = PythonSource(file.text, file.source, base=len(file.above) > 1)
            return PythonFile(source, self._budget, references, partial(self.read_bases, file), names_of_module).read()

    def read_data(self, file: _ConfigFile, references: References) -> FileNames:
        """Read YAML or JSON and merge it into its bases."""
        data = read_peer_data(file.text, "json" if file.suffix == ".json" else "yaml", file.source)
        if not isinstance(data, dict):
            found = "expected a mapping of names to values. Write param_scheduler and train_cfg, with their values"
            raise ConfigError(file.source, [found])
        paths = data.pop("_base_", [])
        base = self.read_bases(file, paths) if paths else {}
        if references:
            data = {name: _with_references(value, references, base, file.source) for name, value in data.items()}
        own = {name: value for name, value in data.items() if not str(name).startswith("__")}
        return FileNames(merge_upon_base(base, own, file.source))

    def read_bases(self, file: _ConfigFile, paths: Any) -> Mapping[str, Any]:
        """Return the names of all files in `_base_`; two files must not define the same name."""
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        given = [paths] if isinstance(paths, str) else paths
        for one in given if isinstance(given, (list, tuple)) else [given]:
            if isinstance(one, NeedsRunning):
                raise file.error(str(one), "Use the path itself, _base_ = './base.py'")
        if not isinstance(given, (list, tuple)) or not all(isinstance(path, str) for path in given):
            raise file.error(
                f"expected a path or a list of paths, got {short_json(paths)}", "For example: _base_ = './base.py'"
            )
        for path in given:
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
        """Read a base file by its path, `./base.py` or `package::folder/base.py`."""
        if file.path is None:
            found = f"{path}: the folder of the config is unknown"
            raise file.error(found, "Pass the path of the config, not its text")
        if "::" not in path:
            return self.read_once(path_without_dots(file.path.absolute().parent / path), path, file)
        package, _, inside = path.partition("::")
        place = _package_folder(package, path, file.error) / ".mim" / "configs" / inside
        if not place.is_file():
            advice = f"Install the version of {_DISTRIBUTIONS.get(package, package)} that has it"
            raise file.error(f"{path}: the package {package} is installed, but has no {place}", advice)
        return self.read_once(place, path, file)

    def read_module(self, file: _ConfigFile, module: str, level: int) -> FileNames:
        """Read a base file by its module name, as in `with read_base():`."""
        assert file.path is not None
        said = "." * level + module
        parts = module.split(".")
        if level:
            folder = file.path.absolute().parent.joinpath(*[".."] * (level - 1))
        else:
            folder = _package_folder(parts.pop(0), said, file.error)
        place = folder.joinpath(*parts).with_suffix(".py")
        return self.read_once(path_without_dots(place) if level else place, said, file)

    def read_once(self, place: Path, site: str, file: _ConfigFile) -> FileNames:
        """Read a base file, or return it if it was read before."""
        known = self._done.get(str(place))
        if known is not None:
            return known
        if str(place) in file.above:
            raise file.error(f"{site} is its own base", "Leave it out")
        if len(file.above) >= _MOST_ABOVE:
            raise file.error(f"{site}: more than {_MOST_ABOVE} nested files")
        if len(self._done) >= _MOST_FILES:
            raise file.error(f"{site}: more than {_MOST_FILES} base files")
        if place.suffix not in (".py", ".yaml", ".yml", ".json"):
            raise file.error(f"{site} is not a config", "Use a path that ends in .py, .yaml, .yml or .json")
        base = _ConfigFile(
            text_of_base(place, site, file.error), str(place), place, place.suffix, (*file.above, str(place))
        )
        try:
            refuse_long_text(base.text, base.source)
            found = self.read_config(base)
        except ConfigError as error:
            raise error_in_base(error, base.source, self._source) from None
        self._done[str(place)] = found
        return found


def path_without_dots(path: Path) -> Path:
    """Return the absolute path without `..`, without following links, as MMEngine does."""
    return Path(os.path.normpath(path.absolute()))


def error_in_base(error: ConfigError, base: str, config: str) -> ConfigError:
    """Return an error of a base as an error of the config, which the user knows."""
    if error.source != base:  # the error of a nested base has its location already
        return error
    return ConfigError(config, [f"{fault.location(base)}: {fault.path_and_message}" for fault in error.diagnostics])


def text_of_base(place: Path, site: str, error: Callable[..., ConfigError]) -> str:
    """Read a base file. Only regular files are opened, because a pipe could block forever.

    Args:
        place: the path of the file.
        site: the path as the config writes it, for messages.
        error: returns the error for a description and an advice.
    """
    try:
        kind = place.stat().st_mode
        if not stat.S_ISREG(kind):
            raise error(f"{site} is {kind_of_file(kind)}", "Use the path of a file")
        with open_to_read(place) as stream:
            data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise error(f"{site} has more than {MOST_BYTES:,} bytes; a config is a short text")
        return data.decode("utf-8-sig")
    except ConfigError:
        raise
    except FileNotFoundError:
        raise error(f"{site} cannot be read: there is no {place}") from None
    except UnicodeDecodeError:
        raise error(f"{site} cannot be read: it is not valid UTF-8", "Save the file as UTF-8") from None
    except (OSError, ValueError) as refusal:
        raise error(f"{site} cannot be read: {refusal}") from None


def _with_scope(value: Any, scope: str) -> Any:
    """Add `_scope_` to the outermost dicts that have a `type`, unless they have a `_scope_`."""
    if isinstance(value, dict):
        if "type" in value:
            return value if value.get("_scope_") is not None else {**value, "_scope_": scope}
        return {name: _with_scope(one, scope) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_with_scope(one, scope) for one in value])
    return value


def _with_references(value: Any, references: References, base: Mapping[str, Any], source: str) -> Any:
    """Return a value of YAML or JSON with the values of the bases in place of `{{ _base_.x }}`."""
    if isinstance(value, dict):
        return {name: _with_references(one, references, base, source) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_references(one, references, base, source) for one in value]
    if not isinstance(value, str):
        return value
    found = references.read(value, lambda: NeedsRunning(1, "{{ … }}", source, "is only a part of a text"))
    return referred_value(found, base) if isinstance(found, BaseReference) else found


# The variables of MMEngine's config files: `{{ fileDirname }}`, `{{ $NAME:default }}`, `{{ _base_.x }}`.
#
# As in MMEngine, they are replaced in the text, inside and outside of quotes.


_OF_FILE: Final = re.compile(r"\{\{\s*(fileDirname|fileBasenameNoExtension|fileBasename|fileExtname)\s*\}\}")
_OF_SYSTEM: Final = re.compile(r"\{\{['\"]?\s*\$(\w+)\s*:\s*(\S{0,200}?)\s*['\"]?\}\}")
_OF_BASE: Final = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def _put_variables_in(text: str, source: str, file: Path | None) -> tuple[str, References]:
    """Return the text with its variables replaced, and the placeholders that the text now contains for `_base_.x`.

    Args:
        file: the path of the file. If it is None, variables such as `fileDirname` get a placeholder.
    """
    if "{{" not in text:
        return text, References()
    # A private-use character, so that no text of the user equals a placeholder.
    sign = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    paths: dict[str, str] = {}
    missing: list[Problem] = []

    def value_in_environment(found: re.Match[str]) -> str:
        value = os.environ.get(found[1], found[2])
        if not value:
            absent = f"the environment has no {found[1]}"
            instead = f"Set it, or write {{{{ ${found[1]}:default }}}}"
            missing.append(TextLines(found.string).fault(found.start(), absent, instead))
        return value

    def stand_in_for_base(found: re.Match[str]) -> str:
        stand_in = f"{sign}{len(paths)}{sign}"
        paths[stand_in] = found[1]
        return f'"{stand_in}"'

    known: dict[str, str] = {}
    if file is not None:
        path = Path(os.path.normpath(file.absolute()))
        known = {
            "fileDirname": str(path.parent),
            "fileBasename": path.name,
            "fileBasenameNoExtension": path.stem,
            "fileExtname": path.suffix,
        }

    def value_of_file(found: re.Match[str]) -> str:
        return known.get(found[1], f"{sign}{found[1]}{sign}").replace("\\", "/")  # as MMEngine does on every system

    text = _OF_FILE.sub(value_of_file, text)
    text = _OF_SYSTEM.sub(value_in_environment, text)
    text = _OF_BASE.sub(stand_in_for_base, text)
    if missing:
        raise ConfigError(source, missing)
    return text, References(sign, paths) if sign in text else References()


# Bases in installed packages, which are located without being imported.

_DISTRIBUTIONS: Final = {"mmseg": "mmsegmentation", "mmaction": "mmaction2"}
"""A dict from module to package name, for packages that are installed under another name than their module."""

_RENAMED: Final = {"mmcls": "mmpretrain"}
"""A dict from former to current module names of packages that were renamed and kept their configs."""


def _package_folder(package: str, site: str, error: Callable[..., ConfigError]) -> Path:
    try:
        spec = find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError, AttributeError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if places:
        return Path(places[0])
    found = f"{site}: the package {package} is not installed"
    if package in _RENAMED:
        name = _RENAMED[package]
        raise error(f"{found}; it is called {name} now", f"Use {name} in place of {package}")
    raise error(found, f"Write pip install {_DISTRIBUTIONS.get(package, package)}")
