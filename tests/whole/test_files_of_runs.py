"""Every kind of file with every writer and reader: replaced atomically, rejected by name, or written in place."""

import os
import resource
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.base import files as _files
from paramsched.cli import main
from paramsched.errors import ParamschedError
from paramsched.tools.audit import read_log, read_metrics
from paramsched_runner.config_file import load_config

PLAN = ps.Plan(lr="cosine(to=0.1)", total=20)
NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes devices and files of others")


def command(*arguments: object) -> None:
    """Run a command; raise OSError with its error message."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="paramsched")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    if result.exit_code:
        raise OSError(result.stderr)


WRITERS: dict[str, Callable[[Path], None]] = {
    "dump": lambda file: ps.dump(PLAN, file, "yaml"),
    "to_csv": lambda file: ps.trace(PLAN, {"lr": 0.1}).to_csv(file),
}
all_writers = pytest.mark.parametrize("writer", WRITERS)
names = os.listdir


@contextmanager
def as_nobody() -> Iterator[None]:
    resources.files("paramsched.show")  # imports modules of Python that another user may not be able to read
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def folder():
    """Return a folder that every user may access; the folders of pytest are private."""
    with TemporaryDirectory() as path:
        Path(path).chmod(0o777)
        yield Path(path)


# ---------------------------------------------------------------- regular files


@all_writers
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o755])
def test_a_file_keeps_its_mode_and_no_temporary_file_remains(tmp_path, writer, mode):
    file = tmp_path / "out"
    file.write_text("old")
    file.chmod(mode)

    WRITERS[writer](file)

    assert file.read_text() != "old"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert names(tmp_path) == ["out"]


@only_root
@all_writers
def test_a_file_keeps_its_owner_and_group(tmp_path, writer):
    file = tmp_path / "out"
    file.write_text("old")
    file.chmod(0o640)
    os.chown(file, NOBODY, 12345)

    WRITERS[writer](file)

    about = file.stat()
    assert file.read_text() != "old"
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (NOBODY, 12345, 0o640)


@all_writers
def test_a_new_file_has_the_default_mode_of_the_system(tmp_path, monkeypatch, writer):
    plain = tmp_path / "plain"
    plain.touch()
    monkeypatch.setattr(os, "umask", None)  # because a change of it would affect other threads

    WRITERS[writer](tmp_path / "out")

    assert (tmp_path / "out").stat().st_mode == plain.stat().st_mode


@all_writers
@pytest.mark.parametrize("there", [True, False], ids=["link", "dangling link"])
def test_a_symbolic_link_is_followed_and_kept(tmp_path, writer, there):
    (tmp_path / "inner").mkdir()
    target = tmp_path / "inner" / "target"
    link = tmp_path / "link"
    link.symlink_to("inner/target")
    if there:
        target.write_text("old")

    WRITERS[writer](link)

    assert link.is_symlink()
    assert target.read_text() != "old"
    assert names(target.parent) == ["target"]


@all_writers
def test_a_full_disk_leaves_the_old_file_and_the_error_names_it(tmp_path, writer):
    file = tmp_path / "out"
    fresh = tmp_path / "fresh"
    file.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        with pytest.raises(OSError, match=r"\bout\b"):
            WRITERS[writer](file)
        with pytest.raises(OSError, match=r"\bfresh\b"):
            WRITERS[writer](fresh)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert file.read_text() == "old"
    assert names(tmp_path) == ["out"]


@all_writers
def test_the_error_names_a_missing_folder(tmp_path, writer):
    with pytest.raises(OSError, match="none"):
        WRITERS[writer](tmp_path / "none" / "out")


def test_a_pipe_and_a_device_are_written_as_they_are(tmp_path):
    pipe = tmp_path / "pipe"
    read = []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()

    _files.write_whole_file(pipe, b"three")
    _files.write_whole_file(Path("/dev/null"), b"three")
    reader.join()

    assert (read, names(tmp_path)) == ([b"three"], ["pipe"])


@only_root
@all_writers
def test_a_read_only_file_is_not_replaced(folder, writer):
    file = folder / "out"
    file.write_text("old")
    file.chmod(0o444)
    os.chown(file, NOBODY, NOBODY)

    with as_nobody(), pytest.raises(OSError, match="out"):
        WRITERS[writer](file)

    assert file.read_text() == "old"
    assert names(folder) == ["out"]


@only_root
@all_writers
@pytest.mark.parametrize("folder_mode", [0o777, 0o1777, 0o755])
def test_a_file_of_another_owner_is_written_in_place(folder, writer, folder_mode):
    file = folder / "out"
    file.write_text("old" * 10_000)
    file.chmod(0o666)
    folder.chmod(folder_mode)

    with as_nobody():
        WRITERS[writer](file)

    assert "old" not in file.read_text()
    assert file.stat().st_uid == 0
    assert names(folder) == ["out"]


def test_an_interrupt_leaves_no_temporary_file(tmp_path, monkeypatch):
    file = tmp_path / "out"
    file.write_text("old")
    real = os.open

    def interrupted(*arguments: object) -> int:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _files.write_whole_file(file, b"new")

    assert file.read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_file_that_replaces_a_private_file_is_never_public(tmp_path, monkeypatch):
    file = tmp_path / "out"
    file.touch(0o600)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(stat.S_IMODE(os.fstat(handle).st_mode)))

    _files.write_whole_file(file, b"new")

    assert seen == [0o600]


# ---------------------------------------------------------------- other kinds of files


def make_device(file: Path, minor: int) -> None:
    os.mknod(file, 0o666 | stat.S_IFCHR, os.makedev(1, minor))


def make_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(file.parent)  # because the path of a socket has at most 107 bytes
        bound.bind(file.name)
        os.chdir(here)


SPECIAL_FILES = {
    "socket": make_socket,
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "block device": lambda file: os.mknod(file, 0o600 | stat.S_IFBLK, os.makedev(7, 200)),
    "full device": lambda file: make_device(file, 7),
}
other_kinds = pytest.mark.parametrize(
    "file_type",
    [
        pytest.param(file_type, marks=only_root if "device" in file_type else ())
        for file_type in SPECIAL_FILES
        if file_type != "pipe"
    ],
)


@all_writers
@other_kinds
def test_an_unwritable_target_is_rejected_by_name_and_unchanged(tmp_path, writer, file_type):
    file = tmp_path / "out"
    SPECIAL_FILES[file_type](file)
    before = file.stat()

    with pytest.raises(OSError, match="out"):
        WRITERS[writer](file)

    assert (file.stat().st_ino, file.stat().st_mode) == (before.st_ino, before.st_mode)
    assert names(tmp_path) == ["out"]


@all_writers
def test_a_pipe_with_a_reader_is_written(tmp_path, writer):
    file = tmp_path / "out"
    read = []
    os.mkfifo(file)
    reader = threading.Thread(target=lambda: read.append(file.read_text()))
    reader.start()

    WRITERS[writer](file)
    reader.join()

    assert read[0]
    assert file.is_fifo()


# ---------------------------------------------------------------- readers

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "plan": ("plan.yaml", ps.load),
    "checked plan": ("plan.yaml", lambda file: command("check", file)),
    "log": ("log.jsonl", lambda file: read_log(file, ["lr"])),
    "metrics": ("log.csv", read_metrics),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("file_type", ["pipe", "socket", "folder"])
def test_a_source_that_may_never_end_is_rejected_by_name(tmp_path, reader, file_type):
    name, read = READERS[reader]
    file = tmp_path / name
    SPECIAL_FILES[file_type](file)

    with pytest.raises((ParamschedError, OSError), match=name.replace(".", r"\.")):
        read(file)


@pytest.mark.parametrize("file_type", ["pipe", "socket", "folder"])
def test_a_base_that_is_not_a_regular_file_is_rejected_by_name(tmp_path, file_type):
    SPECIAL_FILES[file_type](tmp_path / "base.py")
    (tmp_path / "config.py").write_text('_base_ = "./base.py"\n')

    with pytest.raises((ParamschedError, OSError), match=r"base\.py"):
        load_config(tmp_path / "config.py")


def test_an_error_during_reading_names_the_file():
    if not Path("/proc/self/mem").exists():
        pytest.skip("no such file")

    for read in (lambda file: ps.load(file, format="yaml"), read_metrics):
        with pytest.raises(OSError, match="/proc/self/mem"):
            read("/proc/self/mem")
