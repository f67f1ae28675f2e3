"""Atomic and durable file operations: files are written under a temporary name, flushed and renamed.

Without a flush, the system may keep a file in memory, and it may reorder renames.
"""

import os
import shutil
from pathlib import Path

from paramsched.core.base.files import write_whole_file


def flush_path(path: Path) -> None:
    """Flush a file, or the directory entries of a folder, to the disk."""
    if os.name == "nt":
        if path.is_dir():  # Windows flushes directory entries itself and cannot open a folder
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
    """Flush a folder and its contents to the disk."""
    for path in sorted(folder.rglob("*")):
        flush_path(path)
    flush_path(folder)


def replace_text(file: Path, text: str) -> None:
    """Replace the content of a file atomically: at each moment the file has either the old or the new content."""
    replace_bytes(file, text.encode())


def replace_bytes(file: Path, data: bytes) -> None:
    """Replace the content of a file by bytes atomically."""
    write_whole_file(file, data)
    flush_path(file.parent)


def rename_on_disk(source: Path, target: Path) -> None:
    """Rename a flushed file or folder within its folder, and flush the new name."""
    source.rename(target)
    flush_path(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder atomically: it is renamed first, so a partly removed folder never has the original name."""
    if not folder.exists():
        return
    dropped = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(dropped, ignore_errors=True)
    folder.rename(dropped)
    shutil.rmtree(dropped, ignore_errors=True)
