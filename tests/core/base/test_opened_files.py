"""Files that are open in this process, and the kinds of files that are read."""

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from paramsched.core.base import files
from paramsched.core.base.files import (
    kind_of_file,
    naming_errors,
    open_to_read,
    own_descriptor,
    path_of_file,
    rewrite_file,
    write_whole_file,
)
from paramsched.errors import InvalidArgument


def test_an_open_pipe_of_this_process_is_read_if_the_reader_is_bounded(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"text")
    os.close(writer)
    file = tmp_path / "link"
    file.symlink_to(f"/dev/fd/{reader}")

    assert own_descriptor(file) == reader
    with pytest.raises(OSError, match="expected a regular file, got a pipe") as refusal, open_to_read(file):
        pass
    assert refusal.value.filename == str(file)
    with open_to_read(file, bounded=True) as stream:
        assert stream.read() == b"text"
    os.close(reader)


def test_an_open_pipe_of_this_process_is_read_as_slowly_as_it_is_written():
    reader, writer = os.pipe()

    def write():
        with os.fdopen(writer, "wb", buffering=0) as stream:
            for part in (b"slow ", b"text"):
                time.sleep(0.05)
                stream.write(part)

    thread = threading.Thread(target=write)
    thread.start()
    with open_to_read(Path(f"/dev/fd/{reader}"), bounded=True) as stream:
        assert stream.read() == b"slow text"
    thread.join()
    os.close(reader)


def test_the_kind_of_a_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")

    assert [own_descriptor(tmp_path / name) for name in ("file", "new", "7")] == [None] * 3
    assert [kind_of_file((tmp_path / name).stat().st_mode) for name in ("file", "pipe", "")] == [
        "a regular file",
        "a pipe",
        "a folder",
    ]


@pytest.mark.parametrize(("meanwhile", "expected"), [(b"old", (True, b"new")), (b"other", (False, b"other"))])
def test_a_file_that_cannot_be_replaced_is_written_unless_it_has_changed_meanwhile(
    tmp_path, monkeypatch, meanwhile, expected
):
    def fail(path, target):
        Path(target).write_bytes(meanwhile)
        raise OSError(errno.EBUSY, "it is mounted")

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", fail)

    written = rewrite_file(tmp_path / "file", b"new", over=b"old")

    assert (written, (tmp_path / "file").read_bytes()) == expected
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_socket_and_a_folder_are_not_written(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as open_socket:
        monkeypatch.chdir(tmp_path)  # the name of a socket must be short
        open_socket.bind("s")

        with pytest.raises(OSError, match="expected a regular file, a pipe or a device, got a socket") as refusal:
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

    sizes, file = [], tmp_path / "file"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    if not can_replace:
        monkeypatch.setattr(Path, "replace", fail)

    write_whole_file(file, b"new text")

    assert sizes == [8] * (1 if can_replace else 2)


@pytest.mark.parametrize(("kind", "number"), [("a pipe", errno.EACCES), ("a device", errno.ENXIO)])
def test_only_a_pipe_without_a_reader_is_tried_again(tmp_path, monkeypatch, kind, number):
    def refuse(*_):
        raise OSError(number, "refused")

    file = tmp_path / "pipe"
    if kind == "a pipe":
        os.mkfifo(file)
    monkeypatch.setattr(files, "_open_without_waiting", refuse)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: pytest.fail("it was tried again"))

    with pytest.raises(OSError, match="refused"):
        files._open_pipe_or_device(file)
