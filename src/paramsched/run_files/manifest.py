"""Checkpoints that can be trusted: the size and the SHA-256 of every file, and which checkpoint a resume begins with.

Nothing of a checkpoint is read before it is known to be that of its manifest, byte for byte.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, final

from paramsched.errors import StateError
from paramsched.run_files import disk

MANIFEST: Final = "manifest.json"
_FORMAT: Final = "paramsched.runner 1"
_MOST_BYTES: Final = 10**8  # a manifest has a hundred bytes for a file


@final
@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checkpoint was when it was saved.

    Args:
        run: which run of a folder it belongs to: runs that go on have one name.
        iteration: of the run.
        files: sizes in bytes and SHA-256 by path inside the folder.
        digest: SHA-256 of the manifest itself.
    """

    run: str
    iteration: int
    files: dict[str, tuple[int, str]]
    digest: str


def write_manifest(folder: Path, run: str, iteration: int) -> Manifest:
    """Flush every file of a checkpoint to the disk, and write down what they are."""
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
    """The manifest of a checkpoint; one that is missing, or not what was written, is a StateError."""
    file = folder / MANIFEST
    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8")
        entries = json.loads(text)
        digest = entries.pop("sha256")
        whole = text == json.dumps({**entries, "sha256": digest}, indent=1) + "\n" and digest == _digest_of_entries(
            entries
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None
    if not whole:
        raise StateError(f"{file}: it is not what was written (its SHA-256 differs)")
    if entries["format"] != _FORMAT:
        raise StateError(f"{file}: of the format {entries['format']!r}, and this version reads {_FORMAT!r}")
    return Manifest(
        entries["run"],
        entries["iteration"],
        {name: (size, sha) for name, (size, sha) in entries["files"].items()},
        digest,
    )


def damaged_files(folder: Path, manifest: Manifest, only: str | None = None) -> list[str]:
    """A line for each file, or for `only` one, that is not what was saved."""
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
            found.append(f"{file}: it is not what was saved (its SHA-256 differs)")
    return found


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_of_entries(entries: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


# last_checkpoint says which checkpoint a resume begins with: a line with its name, and one with the SHA-256 of its
# manifest, so that neither another name nor another checkpoint of the name goes unnoticed.

NEWEST: Final = "last_checkpoint"
_NONE_YET: Final = "(none yet)"
_TWO_LINES: Final = re.compile(r"(?P<name>[^\n]+)\nsha256 (?P<digest>[0-9a-f]{64})\n")


@final
@dataclass(frozen=True, slots=True)
class LastCheckpoint:
    """The checkpoint that the file names.

    Args:
        name: of the checkpoint; None where the run has none yet.
        digest: of its manifest; None where it has none, as those of earlier versions.
    """

    name: str | None
    digest: str | None

    @classmethod
    def of(cls, checkpoint: Path, folder: Path) -> Self:
        """The entry for a checkpoint; one in another folder than the run's has its whole path."""
        place = checkpoint.resolve()
        name = place.name if place.parent == folder.resolve() else str(place)
        return cls(name, manifest_digest(checkpoint))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What the file in this folder names; None where there is none."""
        file = folder / NEWEST
        try:
            with file.open("rb") as stream:
                text = stream.read(10_000).decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{file}: it cannot be read ({error})") from None
        found = _TWO_LINES.fullmatch(text)
        if found is None and re.fullmatch(r"[^\n\0]+\n", text):
            return cls(text.rstrip("\n"), None)  # an earlier version's
        if found is None or "\0" in text:
            raise StateError(f"{file}: it cannot be read; it is no name and SHA-256 of a checkpoint")
        if found["name"] == _NONE_YET:
            if found["digest"] != _digest_of_none():
                raise StateError(f"{file}: it is not what was written (its SHA-256 differs)")
            return cls(None, None)
        return cls(found["name"], found["digest"])

    @property
    def text(self) -> str:
        """The text of the file."""
        if self.name is None:
            return f"{_NONE_YET}\nsha256 {_digest_of_none()}\n"
        return f"{self.name}\n" if self.digest is None else f"{self.name}\nsha256 {self.digest}\n"


def manifest_digest(checkpoint: Path) -> str | None:
    """The SHA-256 of a checkpoint's manifest, if that is whole."""
    try:
        return read_manifest(checkpoint).digest
    except StateError:
        return None


def _digest_of_none() -> str:
    return hashlib.sha256(_NONE_YET.encode()).hexdigest()
