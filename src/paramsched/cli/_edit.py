"""The file that `paramsched edit` edits: its text in a page, and saves that overwrite no other change."""

import errno
import hashlib
import html
import os
import re
import shlex
import threading
from collections import Counter
from contextlib import suppress
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Any, Final, final

from paramsched.cli._options import CommandOptions
from paramsched.cli._output import problem_text
from paramsched.core.base.files import create_file, rewrite_file
from paramsched.core.files import open_plan
from paramsched.core.files.plan_files import format_of, known_format
from paramsched.core.files.text_limits import MOST_BYTES, decoded_text, read_bounded
from paramsched.errors import ConfigError, ParamschedError

TEMPLATES: Final = {
    "yaml": 'total: 10000\nlr: warmup("5%") >> cosine(to=0.1)\n',
    "toml": "total = 10000\nlr = 'warmup(\"5%\") >> cosine(to=0.1)'\n",
    "json": '{\n  "total": 10000,\n  "lr": "warmup(\'5%\') >> cosine(to=0.1)"\n}\n',
}
"""The text with which a new file begins, by its format."""
_PAGE: Final = Path(__file__).with_name("edit.html")
_FIELD: Final = re.compile(r"\$(FILE|FACTS|BASES|OTHER|DIGEST|TEXT)\b")
_MARK: Final = b"\xef\xbb\xbf"  # the byte order mark of UTF-8
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@final
class Editor:
    """A plan's file that is edited, in any number of pages.

    A page keeps the digest of the file that it began with and passes it with each save, so no other state is shared.
    An empty digest means that there was no file.

    Args:
        file: the file. It need not exist, for a new plan.
        options: the options of the command, whose run facts and bases the page shows first.
    """

    def __init__(self, file: Path, options: CommandOptions) -> None:
        self.file, self.options = file, options
        self.is_new = not os.path.lexists(file)
        if not self.is_new:
            self.format = open_plan(file, options.format).format
        else:
            self.format = format_of(file) if options.format is None else known_format(options.format)
        self.saving = threading.Lock()  # a save reads and writes; the command ends when it has the lock

    def page(self) -> str:
        """Return the page, with the text of the file as it is now.

        Raises:
            OSError: the file cannot be read, or was removed.
            ConfigError: the file is not a text in UTF-8.
        """
        data = self._data()
        if data is None and not self.is_new:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(self.file))
        facts = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in self.options.facts.items())
        fields = {
            "FILE": self.file.name,
            "FACTS": facts,
            "BASES": ",".join(self.options.bases),
            "OTHER": f"{self.file.stem}-2{self.file.suffix}",
            "DIGEST": _digest(data),
            "TEXT": TEMPLATES.get(self.format, "") if data is None else self._text(data),
        }
        page = _PAGE.read_text(encoding="utf-8")
        return _FIELD.sub(lambda found: html.escape(fields[found[1]]), page)  # a name or a text may contain $TEXT

    def save(self, text: str, digest: str) -> dict[str, Any]:
        """Write the text into the file, unless it has another content than the page began with."""
        with self.saving:
            try:
                old = self._data()
                if _digest(old) == digest:
                    data = _data_of(text, like=old or b"")
                    if self._write(data, old):
                        return {"saved": True, "digest": _digest(data)}
            except (OSError, ParamschedError) as error:
                return _problem(error)
        return {"problems": f"{self.file} was changed by another program or page, and is not written.", "wrong": True}

    def save_as(self, text: str, name: str) -> dict[str, Any]:
        """Write the text into a new file of the same folder."""
        other, like = self.file.parent / name, b""
        if not name.strip() or other.parent != self.file.parent or other.name in ("", "..") or "\0" in name:
            return {"problems": f"expected the name of a new file, got {name!r}", "wrong": True}
        with suppress(OSError, ParamschedError):  # line ends like those of the file, if it can still be read
            like = self._data() or b""
        with self.saving:
            try:
                if create_file(other, _data_of(text, like)):
                    return {"saved": True}
            except (OSError, ParamschedError) as error:
                return _problem(error)
        return {"problems": f"{other} exists already, and is not written.", "wrong": True}

    def compare(self, text: str) -> dict[str, Any]:
        """Return the lines that differ between the file as it is now and the text, and the digest of the file."""
        try:
            data = self._data()
            now = "" if data is None else self._text(data)
        except (OSError, ParamschedError) as error:
            return _problem(error)
        names = (f"{self.file.name} now", "your text")
        lines = unified_diff(now.split("\n"), _with_newlines(text).split("\n"), *names, lineterm="")
        return {"difference": "\n".join(lines), "digest": _digest(data)}

    def _data(self) -> bytes | None:
        """Read the file; None if there is none. A link to a missing file is an error."""
        return read_bounded(self.file) if os.path.lexists(self.file) else None

    def _text(self, data: bytes) -> str:
        """Return the text of a content as a page shows it."""
        text = decoded_text(data, self.file)
        if "\0" in text:
            raise ConfigError(str(self.file), ["it contains a null character, which a page cannot show"])
        return _with_newlines(text)

    def _write(self, data: bytes, old: bytes | None) -> bool:
        return create_file(self.file, data) if old is None else rewrite_file(self.file, data, over=old)


def _problem(error: OSError | ParamschedError) -> dict[str, Any]:
    return {"problems": problem_text(error), "wrong": True}


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _with_newlines(text: str) -> str:
    """Return the text as a browser has it: each line ends with a line feed."""
    return _LINE_END.sub("\n", text)


def _data_of(text: str, like: bytes) -> bytes:
    r"""Return the content of a file for the text of a page, with the byte order mark and the line ends of an old one.

    An added line ends like the line above it.

    >>> _data_of("a\nb\nc\n", like=b"\xef\xbb\xbfa\r\nc\n")
    b'\xef\xbb\xbfa\r\nb\r\nc\n'
    """
    lines, old = _with_newlines(text).split("\n"), like.decode("utf-8-sig", "replace")
    ends = _LINE_END.findall(old)
    usual = Counter(ends).most_common(1)[0][0] if ends else "\n"
    found = [usual] * len(lines)
    if len(set(ends)) > 1:
        found = [""] * len(lines)
        matcher = SequenceMatcher(None, _LINE_END.split(old), lines)
        for _, begin, end, first, last in matcher.get_opcodes():
            size = min(end - begin, last - first)
            found[first : first + size] = [*ends, ""][begin : begin + size]
        for i, one in enumerate(found):
            found[i] = one or (found[i - 1] if i else usual)
    written = "".join(line + end for line, end in zip(lines, [*found[:-1], ""], strict=True))
    data = like[: len(_MARK)] * like.startswith(_MARK) + written.encode()
    if len(data) > MOST_BYTES:
        raise ConfigError("the text", [f"{len(data):,} bytes, more than {MOST_BYTES:,}; a plan is a short text"])
    if b"\0" in data:
        raise ConfigError("the text", ["it contains a null character, which a plan cannot contain"])
    return data
