"""Files that are open in this process, and the kinds of files that are read."""

import errno
import os
import socket
from pathlib import Path

import pytest

from paramsched.base.files import (
    kind_of_file,
    naming_errors,
    open_to_read,
    path_of_file,
    write_whole_file,
)
from paramsched.errors import InvalidArgument


def test_a_pipe_of_a_shell_is_read_if_the_reader_is_bounded():
    reader, writer = os.pipe()
    os.write(writer, b"text")
    os.close(writer)
    file = Path(f"/dev/fd/{reader}")

    with pytest.raises(OSError, match="expected a regular file, got a pipe") as refusal, open_to_read(file):
        pass
    assert refusal.value.filename == str(file)
    with open_to_read(file, bounded=True) as stream:
        assert stream.read() == b"text"
    os.close(reader)


def test_the_kind_of_a_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")

    assert [kind_of_file((tmp_path / name).stat().st_mode) for name in ("file", "pipe", "")] == [
        "a regular file",
        "a pipe",
        "a folder",
    ]


def test_a_file_that_cannot_be_replaced_is_written(tmp_path, monkeypatch):
    def fail(path, target):
        raise OSError(errno.EBUSY, "it is mounted")

    (tmp_path / "file").write_bytes(b"older")
    monkeypatch.setattr(Path, "replace", fail)

    write_whole_file(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_socket_and_a_folder_are_not_written(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as open_socket:
        monkeypatch.chdir(tmp_path)  # the name of a socket must be short
        open_socket.bind("s")

        with pytest.raises(OSError, match="s") as refusal:
            write_whole_file(tmp_path / "s", b"new")
    assert refusal.value.filename == str(tmp_path / "s")
    with pytest.raises(IsADirectoryError):
        write_whole_file(tmp_path, b"new")


def test_an_empty_file_is_read_and_a_folder_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")

    with open_to_read(file) as stream:
        assert stream.read() == b""
    with pytest.raises(IsADirectoryError), open_to_read(tmp_path):
        pass


def test_a_path_that_no_file_can_have_is_refused():
    assert path_of_file("a/b") == path_of_file(Path("a/b")) == Path("a/b")
    for wrong in ("a\0b", Path("a\0b"), "\ud800"):
        with pytest.raises(FileNotFoundError, match="invalid file name"):
            path_of_file(wrong)
    with pytest.raises(InvalidArgument, match=r"the file 5: expected a path, got int"):
        path_of_file(5)


def test_an_error_without_a_name_gets_that_of_the_file():
    for name, expected in ((None, "plan.yaml"), ("other", "other")):
        with pytest.raises(OSError, match="full") as refusal, naming_errors("plan.yaml"):
            raise OSError(errno.ENOSPC, "full", name) if name else OSError(errno.ENOSPC, "full")
        assert refusal.value.filename == expected
    with pytest.raises(OSError, match="without a number") as refusal, naming_errors("plan.yaml"):
        raise OSError("without a number")
    assert refusal.value.filename is None


@pytest.mark.parametrize("can_replace", [True, False])
def test_the_entire_content_is_written_before_the_disk_is_asked_to_keep_it(tmp_path, monkeypatch, can_replace):
    def fail(path, target):
        raise OSError(errno.EBUSY, "it is mounted")

    sizes = []
    file = tmp_path / "file"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    if not can_replace:
        monkeypatch.setattr(Path, "replace", fail)

    write_whole_file(file, b"new text")

    assert sizes == [8] * (1 if can_replace else 2)
