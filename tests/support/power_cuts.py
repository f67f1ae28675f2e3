"""What a disk may hold after a power cut at any moment of a run that writes to a folder.

The calls are recorded as they are made: flushes, renames, removals, and what files were written in between. A flushed
file keeps its content, a flushed folder its list of names. What was not flushed may be there, or not, or in part; names
may have changed in another order than they were given.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tree = dict[str, bytes]
"""Contents by path."""


@dataclass
class File:
    """A file: what was written, and what of it is surely on the disk."""

    written: bytes
    flushed: bytes = b""

    def after_cut(self, chance: random.Random | None) -> bytes:
        if chance is None or self.written == self.flushed:
            return self.flushed
        kinds = (self.flushed, self.written, self.written[: chance.randrange(len(self.written) + 1)])
        return chance.choice((*kinds, bytes(len(self.written))))


@dataclass
class Folder:
    """A folder: its names, those surely on the disk, and the changes since, each of them whole or not at all."""

    names: dict[str, Any] = field(default_factory=dict)
    flushed: dict[str, Any] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def after_cut(self, chance: random.Random | None) -> dict[str, Any]:
        names = dict(self.flushed)
        for change in self.changes:
            if chance is not None and chance.random() < 0.5:
                names.update(change)
        return {name: node for name, node in names.items() if node is not None}


class Recorder:
    """Follows a folder through the calls of this process."""

    def __init__(self, top: Path) -> None:
        self.top, self.root, self._nodes = top, Folder(), {}
        self.look()
        self._settle(self.root)

    def _settle(self, folder: Folder) -> None:
        """What is there at the beginning is on the disk."""
        folder.flushed, folder.changes = dict(folder.names), []
        for node in folder.names.values():
            if isinstance(node, Folder):
                self._settle(node)
            else:
                node.flushed = node.written

    def look(self) -> None:
        """Notice what was written, created, renamed and removed since the last look."""
        self._look_at(self.top, self.root)

    def _look_at(self, path: Path, folder: Folder) -> None:
        now = {}
        for entry in os.scandir(path):
            if entry.is_dir():
                node = self._nodes.setdefault(entry.inode(), Folder())
                node = node if isinstance(node, Folder) else self._renew(entry.inode(), Folder())
                self._look_at(Path(entry.path), node)
            else:
                data = Path(entry.path).read_bytes()
                node = self._nodes.setdefault(entry.inode(), File(data))
                node = node if isinstance(node, File) else self._renew(entry.inode(), File(data))
                node.written = data
            now[entry.name] = node
        change = {name: now.get(name) for name in {*now, *folder.names} if now.get(name) is not folder.names.get(name)}
        if change:
            folder.names = now
            folder.changes.append(change)

    def _renew(self, inode: int, node: Any) -> Any:
        """The system gave the number of a removed file to another."""
        self._nodes[inode] = node
        return node

    def forget(self, inode: int) -> None:
        """It was removed; the system may give its number to another."""
        self._nodes.pop(inode, None)

    def flushed(self, inode: int) -> None:
        """This file or folder is on the disk now."""
        node = self.root if inode == self.top.stat().st_ino else self._nodes.get(inode)
        if isinstance(node, File):
            node.flushed = node.written
        elif node is not None:
            node.flushed, node.changes = dict(node.names), []

    def after_kill(self) -> Tree:
        """The tree as the system has it, which a killed process leaves."""
        files = [path for path in self.top.rglob("*") if path.is_file()]
        return {path.relative_to(self.top).as_posix(): path.read_bytes() for path in files}

    def after_cut(self, chance: random.Random | None) -> Tree:
        """A tree that a power cut may leave; None leaves only what is sure."""
        found: Tree = {}

        def collect(folder: Folder, prefix: str) -> None:
            for name, node in folder.after_cut(chance).items():
                if isinstance(node, Folder):
                    collect(node, f"{prefix}{name}/")
                else:
                    found[prefix + name] = node.after_cut(chance)

        collect(self.root, "")
        return found


@contextmanager
def recorded(top: Path, each_moment: Any) -> Iterator[Recorder]:
    """Call `each_moment(recorder)` after every call that changes the folder, while the block runs."""
    recorder = Recorder(top)
    real = {name: getattr(os, name) for name in ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "truncate")}

    def watched(name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            gone = None
            if top.is_dir():
                recorder.look()
            if name in ("unlink", "rmdir") or (name == "replace" and Path(args[1]).exists()):
                place = args[1] if name == "replace" else args[0]
                with_folder = {"dir_fd": kwargs["dir_fd"]} if kwargs.get("dir_fd") is not None else {}
                try:
                    gone = os.stat(place, follow_symlinks=False, **with_folder).st_ino  # noqa: PTH116  # has a dir_fd
                except FileNotFoundError:
                    gone = None
            result = real[name](*args, **kwargs)
            if top.is_dir():
                if gone is not None:
                    recorder.forget(gone)
                recorder.look()
                if name == "fsync":
                    recorder.flushed(os.fstat(args[0]).st_ino)
                each_moment(recorder)
            return result

        return call

    for name in real:
        setattr(os, name, watched(name))
    try:
        yield recorder
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def write_tree(tree: Tree, folder: Path) -> Path:
    """Make the files of a tree."""
    folder.mkdir(parents=True)
    for name, data in tree.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder
