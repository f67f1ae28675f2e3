"""How much a config may hold: bytes, characters of a line, values, and brackets inside each other."""

import re
from itertools import islice

from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError

MOST_BYTES = 1_000_000
MOST_LINE = 10_000
MOST_DEPTH = 50
MOST_VALUES = 100_000
"""Numbers, texts, lists and mappings that a file may hold; a line of text counts by its commas too."""
MOST_WORDS = 200_000
"""Words and signs of a Python config. The largest of 5,000 published ones has 20,000."""

_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")
_HALF = re.compile("[\ud800-\udfff]")


def refuse_long_text(text: str, source: str) -> None:
    """Refuse a text that is too large or has a line that is too long, before anything reads it."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise ConfigError(source, [f"{size:,} bytes, more than {MOST_BYTES:,}; a plan is a short text"])
    if not text.isascii() and (half := _HALF.search(text)):
        found = f"{half[0]} is half a character; no file can hold it"
        raise ConfigError(source, [TextLines(text).fault(half.start(), found, "Leave it out")])
    offset = 0
    for line in text.splitlines(keepends=True):
        length = len(line.rstrip("\r\n"))
        if length > MOST_LINE:
            found = f"the line has {length:,} characters, more than {MOST_LINE:,}"
            instead = "Use several lines, and the mapping form for a table of numbers"
            raise ConfigError(source, [TextLines(text).fault(offset + MOST_LINE, found, instead)])
        offset += len(line)


def refuse_many_words(text: str, source: str) -> None:
    """Refuse a Python config whose syntax tree would take seconds and most of a gigabyte, before it is made."""
    if len(text) > MOST_WORDS and next(islice(_WORD_OR_SIGN.finditer(text), MOST_WORDS, None), None) is not None:
        raise ConfigError(source, [f"more than {MOST_WORDS:,} words and signs; a config is a short text"])


def too_many_values(source: str) -> ConfigError:
    """The error of a text with more values than a plan has."""
    return ConfigError(source, [f"more than {MOST_VALUES:,} values; a plan is a short text"])


def nested_too_deep(text: str, source: str) -> ConfigError:
    """The error of a text whose brackets are nested too deep, with the first that is."""
    depth = place = 0
    while depth <= MOST_DEPTH and place < len(text):
        depth += (text[place] in "[{") - (text[place] in "]}")
        place += 1
    found = f"nested more than {MOST_DEPTH} deep"
    return ConfigError(
        source, [TextLines(text).fault(place - 1, found, "Parts of a schedule can stand in one line of text")]
    )
