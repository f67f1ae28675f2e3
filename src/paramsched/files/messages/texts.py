"""The errors of the text of a plan: its size, its syntax, and values that no file contains."""

from typing import Final

from paramsched.base.codes import (
    SAID_TWICE,
    UNREADABLE,
    WRONG_TYPE,
)
from paramsched.base.problem import Problem, TextLines
from paramsched.base.problem_collector import short_json, type_name_of
from paramsched.base.words import ROOT
from paramsched.core.schedules.text import MOST_BYTES, MOST_DEPTH, MOST_WORDS
from paramsched.errors import ConfigError, shown
from paramsched.files.messages.entries import refused_entry

_SHORT_TEXT: Final = "a plan is a short text"
_ONE_LINE: Final = "Use one line of text"
_KEY: Final = "Use text, or the index of a group"


# ---------------------------------------------------------------- the size and the bytes of a text


def too_long(source: str, size: int) -> ConfigError:
    """Return the error for a text with more bytes than a plan may have."""
    return ConfigError(source, [f"{size:,} bytes, more than {MOST_BYTES:,}; {_SHORT_TEXT}"])


def file_too_long(source: str) -> ConfigError:
    """Return the error for a file with more bytes than a plan may have, of which no more were read."""
    return ConfigError(source, [f"more than {MOST_BYTES:,} bytes; {_SHORT_TEXT}"])


def too_many_values(source: str, most: int) -> ConfigError:
    """Return the error for a text with more numbers, texts, lists and mappings than a plan may have."""
    return ConfigError(source, [f"more than {most:,} values; {_SHORT_TEXT}"])


def too_many_entries(source: str, most: int) -> ConfigError:
    """Return the error for a plan with more entries than can be read and drawn in seconds."""
    return ConfigError(source, [f"more than {most:,} entries; {_SHORT_TEXT}"])


def too_many_words(source: str) -> ConfigError:
    """Return the error for schedules that would take seconds to read."""
    return ConfigError(source, [f"more than {MOST_WORDS:,} names and operators in its schedules; {_SHORT_TEXT}"])


def too_many_values_in_code(most: int) -> ConfigError:
    """Return the error for data from code with more values than are converted."""
    problem = Problem(ROOT, f"more than {most:,} values", "A plan is a short text", code=UNREADABLE)
    return ConfigError("config", [problem])


def half_a_character(source: str, text: str, index: int) -> ConfigError:
    """Return the error for a lone surrogate in a text."""
    message = f"{text[index]} is half a character (a lone surrogate), which no file can contain"
    return _error_at(source, text, index, message, "Leave it out")


def nested_too_deep(source: str, text: str, index: int) -> ConfigError:
    """Return the error for the first bracket of a text that is nested too deep."""
    return _error_at(source, text, index, _nesting(), f"{_ONE_LINE} for the schedule")


def value_nested_too_deep(path: str) -> Problem:
    """Return the problem of a value in code that is nested too deep."""
    return refused_entry(path, _nesting(), _ONE_LINE)


def _nesting() -> str:
    return f"nested more than {MOST_DEPTH} deep"


def is_safetensors(source: str) -> ConfigError:
    """Return the error for a file of safetensors in place of a plan."""
    return _unreadable(source, "this is a file of safetensors, not a plan")


def is_checkpoint(source: str) -> ConfigError:
    """Return the error for a file of `torch.save` in place of a plan."""
    return _unreadable(source, "this is a checkpoint, not a plan")


def not_utf8(source: str, data: bytes, index: int) -> ConfigError:
    """Return the error for a byte of a file that is not valid UTF-8."""
    before = data[:index].decode("utf-8", "replace")
    line, column = TextLines(before).of(len(before))
    message = f"byte {index} is {data[index]:#04x}, which is not valid UTF-8"
    return ConfigError(
        source, [Problem("", message, "Save the file as UTF-8", line=line, column=column, code=UNREADABLE)]
    )


def _unreadable(source: str, message: str) -> ConfigError:
    return ConfigError(source, [Problem("", message, code=UNREADABLE)])


def _error_at(source: str, text: str, index: int, message: str, advice: str = "") -> ConfigError:
    """Return the error for a place of a text."""
    return ConfigError(source, [TextLines(text).problem_at(index, message, advice)])


# ---------------------------------------------------------------- YAML


def alias(source: str, text: str, index: int, name: str | None) -> ConfigError:
    """Return the error for an alias of YAML."""
    return _error_at(source, text, index, f"the alias *{name}", "Use the value itself")


def anchor(source: str, text: str, index: int, name: str) -> ConfigError:
    """Return the error for an anchor of YAML."""
    return _error_at(source, text, index, f"the anchor &{name}", "Put the value where it belongs")


def tag(source: str, text: str, index: int, name: str) -> ConfigError:
    """Return the error for a tag of YAML."""
    return _error_at(source, text, index, f"the tag {name}", "A plan has no tags; write the value alone")


def second_document(source: str, text: str, index: int) -> ConfigError:
    """Return the error for a second document in a text of YAML."""
    return _error_at(source, text, index, "a second document begins", "A plan is one document")


def invalid_syntax(source: str, text: str, index: int, format: str, sentence: str) -> ConfigError:
    """Return the error for a text that the parser refuses, with the parser's own sentence."""
    return _error_at(source, text, index, f"{format.upper()}: {sentence}")


# ---------------------------------------------------------------- values that no file contains


def date_or_time(path: str, value: object) -> Problem:
    """Return the problem of a value that YAML reads as a date or a time."""
    return refused_entry(path, f"{value} is a date or a time", "Use text in quotes, or a number")


def not_in_files(path: str, value: object) -> Problem:
    """Return the problem of a value of a type that no file contains."""
    advice = "Use numbers, text, lists and mappings"
    return refused_entry(path, f"a file cannot contain {type(value).__name__}", advice)


def not_a_real_number(path: str, value: object) -> Problem:
    """Return the problem of a complex number."""
    return refused_entry(path, f"expected a real number, got {value!r}", "For example: 1")


def not_finite(path: str, value: float) -> Problem:
    """Return the problem of a number that is infinite, or not a number, or too large for a float."""
    message = "the number is too large for any schedule"
    if isinstance(value, float):
        message = f"the number must be finite, got {value}"
    return refused_entry(path, message, "For example: 1")  # which is a length too


def key_of_wrong_type(path: str, key: object) -> Problem:
    """Return the problem of a key of a mapping that is neither text nor an integer."""
    return Problem(path, f"the key {short_json(key)} is {type_name_of(key)}", _KEY, code=WRONG_TYPE)


def key_too_large(path: str, key: int) -> Problem:
    """Return the problem of an integer that is the index of no group, and maybe too long to be printed."""
    message = f"the key is {shown(key)}" if abs(key) >= 10**40 else f"the key {key} is too large"
    return refused_entry(path, message, _KEY)


def key_twice(path: str) -> Problem:
    """Return the problem of a key that occurs twice in a mapping."""
    return Problem(path, "the key occurs twice", "Keep one", at_key=True, code=SAID_TWICE)
