"""Reading and writing plans: files and texts, every format."""

import errno
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from paramsched._printable import printable
from paramsched.config._bases import Loaded
from paramsched.config._dialects import (
    SUFFIXES,
    SYNTAXES,
    BaseLike,
    format_of,
    known_format,
    loaded_from,
    placed,
    text_of,
)
from paramsched.config._names import ShapeLike
from paramsched.config._places import Lines
from paramsched.config._raw import MOST_BYTES
from paramsched.errors import ConfigError, Fault, InvalidArgument
from paramsched.plan import Plan
from paramsched.time import Calendar


def load(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Plan:
    """Read a plan from a file.

    Nothing in a file can run code.

    Args:
        path: the file, at most 1 MB of UTF-8.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name; None: what the suffix says.
        shapes: functions that build schedules, known by their names in this file.
        calendar, base: facts that some dialects need; native files need none.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: every fault of the file at once, each with its path.
        InvalidArgument: an unknown format, or a suffix that says none.

    >>> load("no such plan.yaml")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'no such plan.yaml'
    """
    return load_with_bases(path, format=format, shapes=shapes, calendar=calendar, base=base).plan


def load_with_bases(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Loaded:
    """Read a plan from a file as `load` does, and the optimizer's values that stand beside it.

    A config of MMEngine says them at `optim_wrapper`: `ps.trace(found.plan, found.bases.groups, …)` are the values its
    run uses. Native files say none.
    """
    return source_of(path, format).loaded(shapes=shapes, calendar=calendar, base=base)


@final
@dataclass(frozen=True, slots=True)
class Source:
    """A text that says a plan, and how it is to be read.

    Args:
        name: what faults call it.
        text: the whole text.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name.
        syntax: what the file's suffix says, where the format is a dialect.
    """

    name: str
    text: str
    format: str
    syntax: str | None = None

    def loaded(
        self,
        *,
        shapes: Iterable[ShapeLike] = (),
        calendar: Calendar | None = None,
        base: BaseLike | None = None,
    ) -> Loaded:
        """The plan it says, and the optimizer's values that stand beside it.

        Raises:
            ConfigError: every fault at once, each with its path, line and column.
        """
        return loaded_from(
            self.text, self.format, self.name, syntax=self.syntax, shapes=shapes, calendar=calendar, base=base
        )

    def placed(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        """Faults by their paths, each with its line and column."""
        return placed(faults, self.text, self.format, self.syntax)


def source_of(path: str | os.PathLike[str], format: str | None = None) -> Source:
    """What a file says, and how it is to be read.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is no UTF-8, or larger than 1 MB.
        InvalidArgument: an unknown format, or a suffix that says none.
    """
    file = _nameable(path)
    text = _text(file)
    chosen = format_of(file) if format is None else known_format(format)
    return Source(str(file), text, chosen, _syntax(file))


def loads(
    text: str,
    format: str = "yaml",
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Plan:
    """Read a plan from a text, as `load` does from a file.

    >>> print(loads("lr: warmup('5%') >> cosine()"))
    lr: warmup("5%") >> cosine()
    """
    return loads_with_bases(text, format, shapes=shapes, calendar=calendar, base=base).plan


def loads_with_bases(
    text: str,
    format: str = "yaml",
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Loaded:
    """Read a plan from a text, and the optimizer's values that stand beside it, as `load_with_bases` from a file."""
    if not isinstance(text, str):
        raise InvalidArgument(
            f"loads({text!r:.40})", f"a {type(text).__name__} is no text", "Write ps.load(path) for a file"
        )
    return loaded_from(text, format, f"{format} text", shapes=shapes, calendar=calendar, base=base)


def dump(plan: Plan, path: str | os.PathLike[str] | None = None, format: str | None = None) -> str | None:
    """Write a plan so that reading it back gives an equal one.

    Args:
        plan: what is written.
        path: the file; written beside and renamed, so there is never half of one. None: the text is returned.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name; None: what the suffix says, YAML without a path.

    Raises:
        PlanError: a predicate or a function without a name is in the plan.
        InvalidArgument: an unknown format, or one that cannot say this plan.

    >>> from paramsched.schedules import cosine
    >>> print(dump(Plan(lr=cosine(to=0.1), horizon="20 epochs")))
    horizon: 20 epochs
    lr: cosine(to=0.1)
    """
    if not isinstance(plan, Plan):
        raise InvalidArgument(f"dump({plan!r:.40})", "no Plan", "Write ps.dump(ps.Plan(lr=cosine()))")
    if path is None:
        return text_of(plan, format or "yaml")
    file = _nameable(path)
    write(file, text_of(plan, format or format_of(file), syntax=_syntax(file)))
    return None


def convert(
    text: str,
    format: str,
    to: str,
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> str:
    """Say in one format what a text says in another.

    Args:
        text: what is read.
        format, to: `"yaml"`, `"toml"`, `"json"`, or a dialect's name.
        shapes: as in `load`.
        calendar, base: facts that some dialects need.

    Raises:
        ConfigError: every fault of the text.
        InvalidArgument: an unknown format, or one that cannot say this plan.

    >>> print(convert("lr: 0.5", "yaml", "toml"))
    lr = "constant(0.5)"
    """
    known_format(to)
    return text_of(loads(text, format, shapes=shapes, calendar=calendar, base=base), to)


def write(file: Path, text: str | bytes) -> None:
    """Write beside the file and rename: it is there as a whole or not at all."""
    data = text.encode() if isinstance(text, str) else text
    _nameable(file)
    target = Path(os.path.realpath(file))  # a link stays a link
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(file.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    try:
        mode = target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(beside).chmod(mode)
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _nameable(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can have this name: of text without a zero byte and without half characters."""
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, "no file can have this name", printable(str(path))) from None
    return Path(path)


def _syntax(file: Path) -> str | None:
    """What the suffix says of the syntax, where the format is a dialect."""
    found = SUFFIXES.get(file.suffix.lower())
    return found if found in SYNTAXES else None


def _text(file: Path) -> str:
    if file.is_fifo() and file.absolute().parts[1:2] not in (("dev",), ("proc",)):  # a shell's own pipes are there
        raise ConfigError(str(file), [Fault("", "it is a pipe, which may never end", "Copy its content into a file")])
    with file.open("rb") as stream:  # one byte more than allowed: also of a file that never ends
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(str(file), [f"more than {MOST_BYTES:,} bytes; a plan is a short text"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), [no_text(data, error)]) from None


def no_text(data: bytes, error: UnicodeDecodeError) -> Fault:
    """The fault of a file that is no UTF-8, at its first byte that is none."""
    before = data[: error.start].decode("utf-8", "replace")
    line, column = Lines(before).of(len(before))
    found = f"byte {error.start} is {data[error.start]:#04x}, which is no UTF-8"
    return Fault("", found, "Save the file as UTF-8", line=line, column=column)
