"""Configs inside installed packages: where MMEngine looks for `mmdet::folder/file.py` and `mmdet.configs.file`."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, final

_DISTRIBUTIONS: Final = {
    "mmseg": "mmsegmentation",
    "mmaction": "mmaction2",
}
"""Packages that are installed by another name than they are imported by."""


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
    if not places:
        return NotInstalled(
            f"the package {package} is not installed", f"Write pip install {_distribution_name(package)}"
        )
    return Path(places[0])


def _distribution_name(package: str) -> str:
    return _DISTRIBUTIONS.get(package, package)
