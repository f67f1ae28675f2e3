"""Manifests of checkpoints with the size and SHA-256 of each file, and the record of the last checkpoint.

A file of a checkpoint is read only after it has been verified against the manifest.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, final

from paramsched.errors import StateError
from paramsched.mmengine import disk

MANIFEST: Final = "manifest.json"
_FORMAT: Final = "paramsched.runner 1"
_MOST_BYTES: Final = 10**8  # a manifest has about 100 bytes per file


@final
@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a checkpoint as they were saved.

    Args:
        run: the name of the run, which a resumed run keeps.
        iteration: the iteration at which the checkpoint was saved.
        files: a dict from the path of each file, relative to the checkpoint, to its size in bytes and its SHA-256.
        digest: the SHA-256 of the manifest.
    """

    run: str
    iteration: int
    files: dict[str, tuple[int, str]]
    digest: str


def write_manifest(folder: Path, run: str, iteration: int) -> Manifest:
    """Flush the files of a checkpoint to the disk and write their manifest.

    Args:
        folder: the folder of the checkpoint.
        run: the name of the run.
        iteration: the iteration of the run.
    """
    disk.flush_tree(folder)
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    entries = {"format": _FORMAT, "run": run, "iteration": iteration, "files": files}
    digest = _digest_of_entries(entries)
    disk.replace_text(folder / MANIFEST, json.dumps({**entries, "sha256": digest}, indent=1) + "\n")
    return Manifest(run, iteration, files, digest)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a checkpoint.

    Raises:
        StateError: the manifest is missing or damaged.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8")
        entries = json.loads(text)
        digest = entries.pop("sha256")
        intact = text == json.dumps({**entries, "sha256": digest}, indent=1) + "\n" and digest == _digest_of_entries(
            entries
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None
    if not intact:
        raise StateError(f"{file}: it has changed since it was written (by its SHA-256)")
    if entries["format"] != _FORMAT:
        raise StateError(f"{file}: expected format {_FORMAT!r}, got {entries['format']!r}")
    return Manifest(
        entries["run"],
        entries["iteration"],
        {name: (size, sha) for name, (size, sha) in entries["files"].items()},
        digest,
    )


def damaged_files(folder: Path, manifest: Manifest, only: str | None = None) -> list[str]:
    """Return a message for each damaged or missing file of a checkpoint.

    Args:
        folder: the folder of the checkpoint.
        manifest: the manifest of the checkpoint.
        only: the path of a single file to check; None for all.
    """
    found = []
    for name, (size, digest) in manifest.files.items():
        file = folder / name
        if only not in (None, name):
            continue
        if not file.is_file():
            found.append(f"{file}: it is missing")
        elif (now := file.stat().st_size) != size:
            found.append(f"{file}: it has {now:,} bytes, and was saved with {size:,}")
        elif sha256_of(file) != digest:
            found.append(f"{file}: it has changed since it was saved (by its SHA-256)")
    return found


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_of_entries(entries: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


# The file last_checkpoint contains the name of the checkpoint to resume from and the SHA-256 of its manifest, so that
# a changed name or a replaced checkpoint is detected.

NEWEST: Final = "last_checkpoint"
_NONE_YET: Final = "(none yet)"
_TWO_LINES: Final = re.compile(r"(?P<name>[^\n]+)\nsha256 (?P<digest>[0-9a-f]{64})\n")


@final
@dataclass(frozen=True, slots=True)
class LastCheckpoint:
    """The content of the file `last_checkpoint`, which names the checkpoint to resume from.

    Args:
        name: the name of the checkpoint; None if the run has no checkpoint yet.
        digest: the SHA-256 of the manifest; None if the run has no checkpoint yet.
    """

    name: str | None
    digest: str | None

    @classmethod
    def of(cls, checkpoint: Path, folder: Path) -> Self:
        """Return the content of the file for a checkpoint.

        The name is an absolute path if the checkpoint is not in the folder of the run.

        Args:
            checkpoint: the folder of the checkpoint.
            folder: the folder of the run.
        """
        place = checkpoint.resolve()
        name = place.name if place.parent == folder.resolve() else str(place)
        return cls(name, read_manifest(checkpoint).digest)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the file `last_checkpoint` in a folder; return None if the file is missing.

        Raises:
            StateError: the file is damaged.
        """
        file = folder / NEWEST
        try:
            with file.open("rb") as stream:
                text = stream.read(10_000).decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{file}: it cannot be read ({error})") from None
        found = _TWO_LINES.fullmatch(text)
        if found is None or "\0" in text:
            raise StateError(f"{file}: it cannot be read; expected the name and SHA-256 of a checkpoint")
        if found["name"] == _NONE_YET:
            if found["digest"] != _digest_of_none():
                raise StateError(f"{file}: it has changed since it was written (by its SHA-256)")
            return cls(None, None)
        return cls(found["name"], found["digest"])

    @property
    def text(self) -> str:
        """The content of the file as text."""
        if self.name is None:
            return f"{_NONE_YET}\nsha256 {_digest_of_none()}\n"
        return f"{self.name}\nsha256 {self.digest}\n"


def manifest_digest(checkpoint: Path) -> str | None:
    """Return the SHA-256 of a checkpoint's manifest, or None if the manifest is missing or damaged."""
    try:
        return read_manifest(checkpoint).digest
    except StateError:
        return None


def _digest_of_none() -> str:
    return hashlib.sha256(_NONE_YET.encode()).hexdigest()
