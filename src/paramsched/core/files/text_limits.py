"""Limits for the texts of configs, and reading of small files."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.files import open_to_read
from paramsched.core.base.problem import Problem
from paramsched.core.base.problem import TextLines as TextLines
from paramsched.core.schedules.text import MOST_WORDS, has_many_words
from paramsched.errors import ConfigError

MOST_BYTES = 1_000_000
MOST_DEPTH = 50
MOST_VALUES = 100_000
"""The maximum number of numbers, texts, lists and mappings in a file; commas in a line of text count too."""

MOST_ENTRIES = 4_000
"""The maximum number of entries in all mappings of a plan: fields, groups and arguments of schedules."""

_HALF = re.compile("[\ud800-\udfff]")


def refuse_long_text(text: str, source: str) -> None:
    """Raise ConfigError if a text is too large, or no file can contain it."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise ConfigError(source, [f"{size:,} bytes, more than {MOST_BYTES:,}; a plan is a short text"])
    if not text.isascii() and (half := _HALF.search(text)):
        found = f"{half[0]} is half a character (a lone surrogate), which no file can contain"
        raise ConfigError(source, [TextLines(text).problem_at(half.start(), found, "Leave it out")])


def refuse_many_schedules(texts: Iterable[str], source: str) -> None:
    """Raise ConfigError if the schedules of a plan would take seconds to read."""
    if has_many_words(texts):
        found = f"more than {MOST_WORDS:,} names and operators in its schedules; a plan is a short text"
        raise ConfigError(source, [found])


def too_many_values(source: str) -> ConfigError:
    """Return the error of a text with more values than a plan may have."""
    return ConfigError(source, [f"more than {MOST_VALUES:,} values; a plan is a short text"])


def nested_too_deep(text: str, source: str) -> ConfigError:
    """Return the error of a text whose brackets are nested too deep, at the first such bracket."""
    depth = place = 0
    while depth <= MOST_DEPTH and place < len(text):
        depth += (text[place] in "[{") - (text[place] in "]}")
        place += 1
    found = f"nested more than {MOST_DEPTH} deep"
    return ConfigError(source, [TextLines(text).problem_at(place - 1, found, "Use one line of text for the schedule")])


def read_bounded_text(file: Path) -> str:
    """Read a file of at most 1 MB of UTF-8."""
    return decoded_text(read_bounded(file), file)


def read_bounded(file: Path) -> bytes:
    """Read a file of at most 1 MB."""
    with open_to_read(file, bounded=True) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(str(file), [f"more than {MOST_BYTES:,} bytes; a plan is a short text"])
    return data


def decoded_text(data: bytes, file: Path) -> str:
    """Return the text of a file's content, without a byte order mark."""
    if data[3:8] == bytes(5) and data[8:9] == b"{":  # the size of the header that follows
        raise ConfigError(str(file), [Problem("", "this is a file of safetensors, not a plan", code=UNREADABLE)])
    is_pickle = data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if is_pickle or (data[:4] == b"PK\x03\x04" and b"data.pkl" in data[:256]):  # as torch.save begins
        command = f"paramsched resume {shlex.quote(str(file))} --plan plan.yaml"
        raise ConfigError(
            str(file), [Problem("", "this is a checkpoint, not a plan", f"For example: {command}", code=UNREADABLE)]
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = TextLines(before).of(len(before))
        found = f"byte {error.start} is {data[error.start]:#04x}, which is not valid UTF-8"
        problem = Problem("", found, "Save the file as UTF-8", line=line, column=column, code=UNREADABLE)
        raise ConfigError(str(file), [problem]) from None
