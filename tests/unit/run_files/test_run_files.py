"""Files of a run: the holder of a folder lock, and the state after a failed write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramsched.errors import FolderInUse, StateError
from paramsched.run_files import disk
from paramsched.run_files.folder_lock import FolderLock
from paramsched.run_files.manifest import LastCheckpoint, damaged_files, read_manifest, write_manifest


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


def test_a_failed_write_leaves_the_file_unchanged(tmp_path, monkeypatch):
    file = tmp_path / "state"
    disk.replace_text(file, "old")

    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        disk.replace_bytes(file, b"new")

    assert file.read_bytes() == b"old"


def test_a_failed_removal_leaves_no_file_with_that_name(tmp_path, monkeypatch):
    folder = tmp_path / "epoch_1"
    folder.mkdir()
    (folder / "weights").touch()
    monkeypatch.setattr(disk.shutil, "rmtree", lambda path, ignore_errors: None)

    disk.remove_folder(folder)

    assert not folder.exists()


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


@pytest.mark.heavy
def test_importing_run_files_loads_neither_torch_nor_accelerate():
    names = [file.stem for file in Path(disk.__file__).parent.glob("[a-z]*.py")]
    code = "".join(f"import paramsched.run_files.{name}\n" for name in names)
    code += "import sys; sys.exit(bool({'torch', 'accelerate'} & set(sys.modules)))"

    assert {"disk", "manifest"} <= set(names)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
