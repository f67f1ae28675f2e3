"""Files of a run: the holder of a folder lock, and the state after a failed write."""

import errno
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from paramsched.errors import FolderInUse, StateError
from paramsched.mmengine import disk, folder_lock
from paramsched.mmengine.folder_lock import FolderLock
from paramsched.mmengine.manifest import (
    MANIFEST,
    NEWEST,
    LastCheckpoint,
    damaged_files,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from support.tables import table

pytestmark = pytest.mark.door("engines")
DIGEST = "44381eae2ee58bf39d96bf6215c17bd74f93a51a9315c0cbf36b73a71e5eeda5"


def test_a_lock_names_its_holder_until_it_is_released(tmp_path):
    mine, other = FolderLock(tmp_path), FolderLock(tmp_path)
    assert other.holder is None

    mine.take()

    assert other.holder.startswith(f"process {os.getpid()} on ")
    with pytest.raises(FolderInUse) as refusal:
        other.take()
    assert refusal.value.holder == other.holder
    mine.release()
    assert other.holder is None


def test_reading_the_holder_of_a_lock_does_not_take_the_lock(tmp_path):
    mine = FolderLock(tmp_path)
    mine.take()

    assert FolderLock(tmp_path).holder is not None

    assert mine.held
    with pytest.raises(FolderInUse):
        FolderLock(tmp_path).take()


def test_a_lock_of_a_killed_process_has_no_holder(tmp_path):
    (tmp_path / "run.lock").write_text("process 1 on here\n")

    assert FolderLock(tmp_path).holder is None


def test_releasing_a_lock_that_was_not_taken_leaves_the_lock_of_another(tmp_path):
    mine, other = FolderLock(tmp_path), FolderLock(tmp_path)
    mine.take()

    other.release()
    other.release()

    assert (mine.held, other.held) == (True, False)
    assert other.holder == mine.holder is not None


def test_a_lock_is_held_inside_a_with_statement_only(tmp_path):
    folder = tmp_path / "new" / "run"
    for _ in range(2):  # the folder is created, and used if it exists
        with FolderLock(folder).hold():
            assert FolderLock(folder).holder.startswith(f"process {os.getpid()}")
            with pytest.raises(FolderInUse), FolderLock(folder).hold():
                pass
            assert FolderLock(folder).holder is not None

        assert list(folder.iterdir()) == []


def test_a_lock_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "run.lock").mkdir()

    with pytest.raises(OSError, match="expected a regular file, got a folder"):
        FolderLock(tmp_path).take()


def test_without_locks_in_the_system_a_warning_names_the_folder(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(folder_lock, "fcntl", None)
    mine, other = FolderLock(tmp_path), FolderLock(tmp_path)

    mine.take()
    other.take()

    assert (mine.held, other.held, other.holder) == (False, False, None)
    assert [one.message for one in caplog.records] == [
        f"{tmp_path}: this system does not support locks; do not start two runs in this folder"
    ] * 2


def test_a_lock_whose_file_was_removed_is_released(tmp_path):
    mine = FolderLock(tmp_path)
    mine.take()
    mine.path.unlink()

    mine.release()

    assert not mine.held
    FolderLock(tmp_path).take()


def test_a_failed_write_leaves_the_file_unchanged(tmp_path, monkeypatch):
    file = tmp_path / "state"
    disk.replace_text(file, "old")

    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        disk.replace_bytes(file, b"new")

    assert file.read_bytes() == b"old"


@pytest.mark.parametrize(("system", "flushed"), [("nt", ["one", "two"]), ("posix", ["one", "two", "inner", "run"])])
def test_files_are_flushed_and_folders_where_the_system_can_open_them(system, flushed, tmp_path, monkeypatch):
    folder, found = tmp_path / "run", []
    (folder / "inner").mkdir(parents=True)
    (folder / "one").write_text("1")
    (folder / "inner" / "two").write_text("2")
    by_number = {path.stat().st_ino: path.name for path in (folder, *folder.rglob("*"))}
    functions = {name: getattr(os, name) for name in ("open", "close", "O_RDONLY")}
    fsync = lambda handle: found.append(by_number[os.fstat(handle).st_ino])  # noqa: E731
    monkeypatch.setattr(disk, "os", SimpleNamespace(name=system, fsync=fsync, **functions))

    disk.flush_tree(folder)

    assert sorted(found) == sorted(flushed)


def test_a_failed_removal_leaves_no_file_with_that_name(tmp_path, monkeypatch):
    folder = tmp_path / "epoch_1"
    folder.mkdir()
    (folder / "weights").touch()

    def fails(path: Path, ignore_errors: bool) -> None:
        if not ignore_errors:
            raise OSError("a file is open")

    monkeypatch.setattr(disk.shutil, "rmtree", fails)

    disk.remove_folder(folder)

    assert not folder.exists()


def test_a_folder_is_removed_with_what_an_earlier_removal_left(tmp_path):
    folder, left = tmp_path / "epoch_1", tmp_path / ".epoch_1.removed"
    for one in (folder / "weights", left / "older"):
        one.mkdir(parents=True)

    disk.remove_folder(folder)
    disk.remove_folder(folder)

    assert list(tmp_path.iterdir()) == []


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(StateError, match=r"manifest\.json: it is missing$"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", ["[1", "3", "{}", '{"sha256": "x"}'])
def test_a_manifest_that_cannot_be_read_is_named(content, tmp_path):
    (tmp_path / MANIFEST).write_text(content)

    with pytest.raises(StateError, match=r"manifest\.json: it (cannot be read \(|has changed since it was written)"):
        read_manifest(tmp_path)


def test_the_digest_of_a_manifest_is_that_of_earlier_versions(tmp_path):
    (tmp_path / "weights").write_text("x")

    assert write_manifest(tmp_path, run="mine", iteration=7).digest == DIGEST


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_record_of_the_last_checkpoint_that_cannot_be_read_is_named(content, tmp_path):
    file = tmp_path / NEWEST
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    with pytest.raises(StateError, match=rf"{NEWEST}: it cannot be read \("):
        LastCheckpoint.read(tmp_path)


def test_a_manifest_reports_each_modified_file(tmp_path):
    for name in ("kept", "changed", "longer", "lost"):
        (tmp_path / name).write_text(name)
    written = write_manifest(tmp_path, run="mine", iteration=7)
    (tmp_path / "changed").write_text("CHANGED")
    (tmp_path / "longer").write_text("much longer")
    (tmp_path / "lost").unlink()

    found = damaged_files(tmp_path, read_manifest(tmp_path))

    assert read_manifest(tmp_path) == written
    assert found == [
        f"{tmp_path / 'changed'}: it has changed since it was saved (by its SHA-256)",
        f"{tmp_path / 'longer'}: it has 11 bytes, and was saved with 6",
        f"{tmp_path / 'lost'}: it is missing",
    ]


def test_a_manifest_with_one_changed_character_is_rejected(tmp_path):
    write_manifest(tmp_path, run="mine", iteration=7)
    file = tmp_path / "manifest.json"
    file.write_text(file.read_text().replace("mine", "mint"))

    with pytest.raises(StateError, match="has changed since it was written"):
        read_manifest(tmp_path)


def test_the_newest_checkpoint_is_returned_with_the_digest_of_its_manifest(tmp_path):
    (tmp_path / "epoch_1").mkdir()
    digest = write_manifest(tmp_path / "epoch_1", run="mine", iteration=7).digest

    disk.replace_text(tmp_path / "last_checkpoint", LastCheckpoint.of(tmp_path / "epoch_1", tmp_path).text)

    assert LastCheckpoint.read(tmp_path) == LastCheckpoint("epoch_1", digest)


def test_a_checkpoint_in_another_folder_is_recorded_by_its_full_path(tmp_path):
    digest = write_manifest(tmp_path, run="mine", iteration=7).digest

    assert LastCheckpoint.of(tmp_path, tmp_path / "other") == LastCheckpoint(str(tmp_path), digest)
    assert manifest_digest(tmp_path) == digest
    assert manifest_digest(tmp_path / "other") is None


def test_a_run_without_a_checkpoint_has_a_record_too(tmp_path):
    assert LastCheckpoint.read(tmp_path) is None

    disk.replace_text(tmp_path / "last_checkpoint", LastCheckpoint(None, None).text)

    assert LastCheckpoint.read(tmp_path) == LastCheckpoint(None, None)


@table(
    "text",
    [
        "",
        "epoch_1\n",
        "epoch_1\nsha256 12\n",
        f"\nsha256 {'0' * 64}\n",
        f"(none yet)\nsha256 {'0' * 64}\n",
        f"epoch\0_1\nsha256 {'0' * 64}\n",
        f"epoch_1\nsha256 {'0' * 64}\nmore\n",
    ],
)
def test_a_damaged_record_of_the_last_checkpoint_is_refused(text, tmp_path):
    (tmp_path / "last_checkpoint").write_text(text)

    with pytest.raises(StateError, match=r"last_checkpoint: it (cannot be read|has changed since)"):
        LastCheckpoint.read(tmp_path)


def test_a_manifest_of_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("paramsched.mmengine.manifest._FORMAT", "paramsched.runner 0")
    write_manifest(tmp_path, run="mine", iteration=7)
    monkeypatch.undo()

    with pytest.raises(StateError, match=r"expected format 'paramsched\.runner 1', got 'paramsched\.runner 0'"):
        read_manifest(tmp_path)


def test_a_single_file_of_a_checkpoint_can_be_checked(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).write_text(name)
    manifest = write_manifest(tmp_path, run="mine", iteration=7)
    (tmp_path / "one").unlink()

    assert damaged_files(tmp_path, manifest, only="other") == []
    assert damaged_files(tmp_path, manifest, only="one") == [f"{tmp_path / 'one'}: it is missing"]


@pytest.mark.heavy
def test_each_written_name_is_flushed_and_no_descriptor_stays_open(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino))
    before = len(list(Path("/proc/self/fd").iterdir()))
    folder, file = tmp_path / "a", tmp_path / "a" / "b" / "c"
    file.parent.mkdir(parents=True)

    disk.replace_text(file, "text")
    assert flushed == [file.stat().st_ino, file.parent.stat().st_ino]
    flushed.clear()
    disk.flush_tree(folder)
    assert flushed == [path.stat().st_ino for path in (file.parent, file, folder)]
    flushed.clear()
    disk.rename_on_disk(file, file.with_name("d"))
    assert flushed == [file.parent.stat().st_ino]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_lock_file_that_the_previous_run_removes_is_created_again(tmp_path, monkeypatch):
    lock, flock = tmp_path / "run.lock", fcntl.flock
    removals, opened = iter([lock.unlink]), []

    def flock_after_removal(file, how):
        next(removals, lambda: None)()
        opened.append(file)
        flock(file, how)

    lock.write_text("process 1 on a host with a name that is longer than ours\n" * 3)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", flock_after_removal)
        held = FolderLock(tmp_path)
        held.take()
        with pytest.raises(FolderInUse):
            FolderLock(tmp_path).take()

    assert held.held
    assert [file.closed for file in opened] == [True, False, True]  # only the holder's stays open
    assert FolderLock(tmp_path).holder == f"process {os.getpid()} on {socket.gethostname()}"
    held.release()
    assert not lock.exists()


def test_the_name_of_an_earlier_holder_is_replaced(tmp_path):
    (tmp_path / "run.lock").write_text("process 1 on a host with a name that is longer than ours\n" * 3)

    with FolderLock(tmp_path).hold():
        assert (tmp_path / "run.lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_a_disk_without_locks_is_used_with_a_warning(tmp_path, monkeypatch, caplog):
    opened = []

    def refuse(file, how):
        opened.append(file)
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = FolderLock(tmp_path)
    lock.take()

    assert not lock.held
    assert [file.closed for file in opened] == [True]
    assert "cannot be locked" in caplog.text


@pytest.mark.heavy
def test_importing_the_files_of_runs_loads_neither_torch_nor_accelerate():
    names = ("core.base.files", "mmengine.disk", "mmengine.folder_lock", "mmengine.manifest")
    code = "".join(f"import paramsched.{name}\n" for name in names)
    code += "import sys; sys.exit(bool({'torch', 'accelerate'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
