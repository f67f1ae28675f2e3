"""Files that a power cut leaves whole: written beside, flushed to the disk, renamed, and the folder flushed.

Until a file is flushed the system may keep it in memory only, and it may carry out renames in another order. So
each step here ends with a flush, and the next step relies on it.
"""

import os
import shutil
from pathlib import Path


def flush(path: Path) -> None:
    """Put a file, or the list of names in a folder, on the disk; returns when it is there."""
    if os.name == "nt":
        if path.is_dir():  # Windows writes names of files by itself, and opens no folder
            return
        with path.open("r+b") as stream:
            os.fsync(stream.fileno())
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Put a folder and everything in it on the disk."""
    for path in sorted(folder.rglob("*")):
        flush(path)
    flush(folder)


def write(file: Path, text: str) -> None:
    """Replace a file by one with this text: there is the old one or the new one at any moment."""
    beside = file.with_name(f".{file.name}.part")
    with beside.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
    flush(file.parent)


def rename(source: Path, target: Path) -> None:
    """Give a file or folder, which is on the disk, another name in its folder."""
    source.rename(target)
    flush(target.parent)


def remove(folder: Path) -> None:
    """Remove a folder; it loses its name first, so that there is no half of it under that name."""
    if not folder.exists():
        return
    dropped = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(dropped, ignore_errors=True)
    folder.rename(dropped)
    shutil.rmtree(dropped, ignore_errors=True)
