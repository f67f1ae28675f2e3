"""The possible contents of a disk after a power cut at any moment of a run that writes to a folder.

All calls are recorded: flushes, renames, removals and writes. A flushed file keeps its content, and a flushed folder
keeps its list of names. Data that was not flushed may be complete, partial or missing. Changes of names may reach the
disk in any order.
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
    """A file: its written content, and the content that is certainly on the disk."""

    written: bytes
    flushed: bytes = b""

    def after_cut(self, chance: random.Random | None) -> bytes:
        if chance is None or self.written == self.flushed:
            return self.flushed
        kinds = (self.flushed, self.written, self.written[: chance.randrange(len(self.written) + 1)])
        return chance.choice((*kinds, bytes(len(self.written))))


@dataclass
class Folder:
    """A folder: its names, the names certainly on the disk, and the changes since then, each of which is atomic."""

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
    """Record the state of a folder during the calls of this process."""

    def __init__(self, top: Path) -> None:
        self.top, self.root, self._nodes = top, Folder(), {}
        self.update()
        self._mark_flushed(self.root)

    def _mark_flushed(self, folder: Folder) -> None:
        """Mark the initial content of a folder as flushed."""
        folder.flushed, folder.changes = dict(folder.names), []
        for node in folder.names.values():
            if isinstance(node, Folder):
                self._mark_flushed(node)
            else:
                node.flushed = node.written

    def update(self) -> None:
        """Record the writes, creations, renames and removals since the last update."""
        self._update(self.top, self.root)

    def _update(self, path: Path, folder: Folder) -> None:
        now = {}
        for entry in os.scandir(path):
            if entry.is_dir():
                node = self._nodes.setdefault(entry.inode(), Folder())
                node = node if isinstance(node, Folder) else self._renew(entry.inode(), Folder())
                self._update(Path(entry.path), node)
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
        """Replace the node of a removed file, because the system has reused its inode number."""
        self._nodes[inode] = node
        return node

    def forget(self, inode: int) -> None:
        """Forget a removed file, because the system may reuse its inode number."""
        self._nodes.pop(inode, None)

    def flushed(self, inode: int) -> None:
        """Record that a file or folder was flushed to the disk."""
        node = self.root if inode == self.top.stat().st_ino else self._nodes.get(inode)
        if isinstance(node, File):
            node.flushed = node.written
        elif node is not None:
            node.flushed, node.changes = dict(node.names), []

    def after_kill(self) -> Tree:
        """Return the tree after a kill: the current content of the folder."""
        files = [path for path in self.top.rglob("*") if path.is_file()]
        return {path.relative_to(self.top).as_posix(): path.read_bytes() for path in files}

    def after_cut(self, chance: random.Random | None) -> Tree:
        """Return a tree that a power cut may leave; with None, the flushed data only."""
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
            removed = None
            if top.is_dir():
                recorder.update()
            if name in ("unlink", "rmdir") or (name == "replace" and Path(args[1]).exists()):
                place = args[1] if name == "replace" else args[0]
                with_folder = {"dir_fd": kwargs["dir_fd"]} if kwargs.get("dir_fd") is not None else {}
                try:
                    removed = os.stat(place, follow_symlinks=False, **with_folder).st_ino  # noqa: PTH116  # has a dir_fd
                except FileNotFoundError:
                    removed = None
            result = real[name](*args, **kwargs)
            if top.is_dir():
                if removed is not None:
                    recorder.forget(removed)
                recorder.update()
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
    """Write the files of a tree."""
    folder.mkdir(parents=True)
    for name, data in tree.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder
