"""last_checkpoint: which checkpoint a resume begins with, and which one to offer where that is damaged.

Its first line is the checkpoint's name, its second the SHA-256 of that checkpoint's manifest. So neither another name
nor another checkpoint of the name goes unnoticed. Before the first checkpoint of a run it says that there is none.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, final

from paramsched.errors import StateError
from paramsched.run_files.manifest import read_manifest

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
        """The entry for a checkpoint: its name, or its whole path where it lies in another folder than the run's."""
        place = checkpoint.resolve()
        name = place.name if place.parent == folder.resolve() else str(place)
        return cls(name, manifest_digest(checkpoint))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What the file in this folder names; None where there is no file.

        Raises:
            StateError: it cannot be read.
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
    """The SHA-256 of a checkpoint's manifest; None where there is none that is whole."""
    try:
        return read_manifest(checkpoint).digest
    except StateError:
        return None


def _digest_of_none() -> str:
    return hashlib.sha256(_NONE_YET.encode()).hexdigest()
