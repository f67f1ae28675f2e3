"""Files that a power cut leaves whole: written beside, flushed and renamed.

Until a file is flushed the system may keep it in memory only, and may carry out renames in another order.
"""

import os
import shutil
from pathlib import Path

from paramsched.base.files import write_whole_file


def flush_path(path: Path) -> None:
    """Put a file, or the list of names in a folder, on the disk."""
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


def flush_tree(folder: Path) -> None:
    """Put a folder and everything in it on the disk."""
    for path in sorted(folder.rglob("*")):
        flush_path(path)
    flush_path(folder)


def replace_text(file: Path, text: str) -> None:
    """Replace a file: there is the old one or the new one at any moment."""
    replace_bytes(file, text.encode())


def replace_bytes(file: Path, data: bytes) -> None:
    """Replace a file by one that holds these bytes, likewise."""
    write_whole_file(file, data)
    flush_path(file.parent)


def rename_on_disk(source: Path, target: Path) -> None:
    """Give a file or folder, which is on the disk, another name in its folder."""
    source.rename(target)
    flush_path(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder, of which there is never a half under its name."""
    if not folder.exists():
        return
    dropped = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(dropped, ignore_errors=True)
    folder.rename(dropped)
    shutil.rmtree(dropped, ignore_errors=True)
