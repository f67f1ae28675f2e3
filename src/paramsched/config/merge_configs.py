"""How a config goes upon its bases: variables, packages, and the merge itself."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, final

from paramsched.base.diagnostic import ROOT, Diagnostic, TextLines, child_path
from paramsched.config.faults import type_in_words
from paramsched.config.python_config.evaluator import References
from paramsched.config.python_config.values import NeedsRunning
from paramsched.errors import ConfigError

_TO_REPLACE: Final = "Write _delete_=True into the dict to replace what the base has"


def merge_upon_base(
    base: Mapping[str, Any],
    over: Mapping[str, Any],
    source: str = "config",
    path: str = ROOT,
    *,
    instead: str = _TO_REPLACE,
) -> dict[str, Any]:
    """`over` upon `base`: dicts go into each other, everything else replaces; `_delete_=True` in a dict replaces too.

    Args:
        source, path: the file's name, and where in it these are, for messages.
        instead: what to write where a dict would go into something else, which is an error.

    >>> merge_upon_base({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(base)
    for key, value in over.items():
        before = out.get(key)
        if not isinstance(value, dict) or key not in out:
            out[key] = value
            continue
        replaces = value.get("_delete_", False)
        value = {name: one for name, one in value.items() if name != "_delete_"}
        if isinstance(replaces, NeedsRunning):
            out[key] = replaces
        elif replaces:
            out[key] = value
        elif isinstance(before, NeedsRunning):
            out[key] = before
        elif isinstance(before, dict):
            out[key] = merge_upon_base(before, value, source, child_path(path, key), instead=instead)
        else:
            found = f"a dict here, and {type_in_words(before)} in the base"
            raise ConfigError(source, [Diagnostic(child_path(path, key), found, instead)])
    return out


# The variables of MMEngine's config files: `{{ fileDirname }}`, `{{ $NAME:default }}`, `{{ _base_.x }}`.
#
# As in MMEngine they are put into the text as it stands, inside quotes and outside.


_OF_FILE: Final = re.compile(r"\{\{\s*(fileDirname|fileBasenameNoExtension|fileBasename|fileExtname)\s*\}\}")
_OF_SYSTEM: Final = re.compile(r"\{\{['\"]?\s*\$(\w+)\s*:\s*(\S{0,200}?)\s*['\"]?\}\}")
_OF_BASE: Final = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def put_variables_in(text: str, source: str, file: Path | None) -> tuple[str, References]:
    """The text with its variables, and what stands in it for values of the bases.

    Args:
        file: its path; None: what the path would say is not known.
    """
    if "{{" not in text:
        return text, References()
    # A character for private use, so that no text of a user's can be taken for what stands in for a value.
    sign = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    paths: dict[str, str] = {}
    missing: list[Diagnostic] = []

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

    known = _file_variables(file)
    text = _OF_FILE.sub(lambda found: known.get(found[1], f"{sign}{found[1]}{sign}"), text)
    text = _OF_SYSTEM.sub(value_in_environment, text)
    text = _OF_BASE.sub(stand_in_for_base, text)
    if missing:
        raise ConfigError(source, missing)
    return text, References(sign, paths) if sign in text else References()


def _file_variables(file: Path | None) -> dict[str, str]:
    """What MMEngine's variables say of a path, with slashes on every system."""
    if file is None:
        return {}
    path = Path(os.path.normpath(file.absolute()))
    values = {
        "fileDirname": str(path.parent),
        "fileBasename": path.name,
        "fileBasenameNoExtension": path.stem,
        "fileExtname": path.suffix,
    }
    return {variable: value.replace("\\", "/") for variable, value in values.items()}


_DISTRIBUTIONS: Final = {
    "mmseg": "mmsegmentation",
    "mmaction": "mmaction2",
}
"""Packages that are installed by another name than they are imported by."""


_RENAMED: Final = {"mmcls": "mmpretrain"}
"""Packages that go on under another name, with the same configs."""


@final
@dataclass(frozen=True, slots=True)
class NotInstalled:
    """Why a config of a package is not found, and what to do."""

    found: str
    instead: str


def config_in_package(asked: str) -> Path | NotInstalled:
    """The file that `package::folder/file.py` means."""
    package, _, inside = asked.partition("::")
    folder = _package_folder(package)
    if isinstance(folder, NotInstalled):
        return folder
    file = folder / ".mim" / "configs" / inside
    if not file.is_file():
        return NotInstalled(
            f"the package {package} is here, and has no {file}",
            f"Install the version of {_distribution_name(package)} that has it",
        )
    return file


def module_in_package(dotted: str) -> Path | NotInstalled:
    """The file of the module `package.folder.file`; nothing is imported."""
    package, *inside = dotted.split(".")
    folder = _package_folder(package)
    return folder if isinstance(folder, NotInstalled) else folder.joinpath(*inside).with_suffix(".py")


def _package_folder(package: str) -> Path | NotInstalled:
    """Where an installed package lies; it is looked for, not imported."""
    try:
        spec = find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError, AttributeError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places and package in _RENAMED:
        found = f"the package {package} is not installed; it is called {_RENAMED[package]} now"
        return NotInstalled(found, f"Write {_RENAMED[package]} in place of {package}")
    if not places:
        return NotInstalled(
            f"the package {package} is not installed", f"Write pip install {_distribution_name(package)}"
        )
    return Path(places[0])


def _distribution_name(package: str) -> str:
    return _DISTRIBUTIONS.get(package, package)
