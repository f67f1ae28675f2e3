"""The lines of a text, and faults at a character of it."""

import re
from bisect import bisect_right
from typing import final

from paramsched._fault_codes import SYNTAX
from paramsched.errors import Fault

_BREAK = re.compile(r"\r\n|\r|\n")


@final
class TextLines:
    r"""The lines of a text: where each begins.

    >>> TextLines("lr: 1\nmomentum: 2").of(10)
    (2, 5)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.begins = [0, *(found.end() for found in _BREAK.finditer(text))]

    def of(self, offset: int) -> tuple[int, int]:
        """The line and the column of a character, both from 1."""
        index = bisect_right(self.begins, min(max(offset, 0), len(self.text))) - 1
        return index + 1, offset - self.begins[index] + 1

    def line(self, number: int) -> str:
        """A line by its number, without its end."""
        begin = self.begins[number - 1]
        end = self.begins[number] if number < len(self.begins) else len(self.text)
        return self.text[begin:end].rstrip("\r\n")

    def fault(self, offset: int, found: str, instead: str = "", path: str = "") -> Fault:
        """A fault at a character."""
        line, column = self.of(offset)
        return Fault(path, found, instead, line=line, column=column, excerpt=self.line(line), code=SYNTAX)

    def fault_in_line(self, number: int, column: int, found: str, instead: str = "") -> Fault:
        """A fault at a line and a column."""
        return self.fault(self.offset_of(number, column), found, instead)

    def offset_of(self, number: int, column: int) -> int:
        """The character at a line and a column, both from 1; what is behind the text counts as its end."""
        begin = self.begins[min(number, len(self.begins)) - 1]
        return min(begin + column - 1, len(self.text))
