"""What is wrong with a text that is no TOML, in the words of who wrote it: each cause with its own advice."""

import re

from paramsched.config.syntaxes.toml_places import STRING
from paramsched.config.syntaxes.toml_writing import toml_string
from paramsched.config.text_lines import TextLines
from paramsched.errors import Fault

_STRING_OR_COMMENT = re.compile(rf"{STRING.pattern}|#[^\n]*", re.DOTALL)
_WHERE = re.compile(r"\(at line (\d+), column (\d+)\)")


def toml_fault(text: str, said: str) -> Fault:
    """The fault a message of tomllib stands for; it says its place in words."""
    lines = TextLines(text)
    found = _WHERE.search(said)
    # tomllib says where only in its sentence, up to Python 3.13.
    offset = lines.offset_of(int(found[1]), int(found[2])) if found else len(text)
    offset, cause, instead = _toml_cause(text, offset, said.partition(" (at ")[0], lines)
    return lines.fault(offset, f"no TOML: {cause}", instead)


def _toml_cause(text: str, offset: int, said: str, lines: TextLines) -> tuple[int, str, str]:
    """Where, what was found, what to write.

    Args:
        text: the whole text.
        offset: where tomllib stopped.
        said: what it says of that.
        lines: of the text.
    """
    number = lines.of(offset)[0]
    if offset == len(text) and number > 1 and not lines.line(number).strip():
        number -= 1
    line, begin = lines.line(number), lines.begins[number - 1]
    return (
        _cause_in_line(text, offset, line, begin)
        or _cause_of_brackets(text, said, line, begin)
        or _cause_of_name(offset, said, line, begin)
        or _missing_quotes(line, begin)
        or (offset, said[:1].lower() + said[1:], 'Text, and names such as "betas[0]", stand in quotes')
    )


def _cause_in_line(text: str, offset: int, line: str, begin: int) -> tuple[int, str, str] | None:
    """What the line itself shows, whatever tomllib says of it."""
    at = text[offset : offset + 1]
    if at in "“”„‘’" and at:
        return offset, "a curly quote", 'Write "'
    if ":" in line.partition("=")[0] and "=" not in line:
        name, _, rest = line.partition(":")
        return begin + len(name), "a colon, as in YAML", f"Write {name.strip()} = {_quoted_toml(rest.strip())}"[:120]
    if line.lstrip().startswith("[") and "]" not in line:
        return begin + line.index("["), "the bracket [ is never closed", "Write ] at its end"
    return None


def _cause_of_brackets(text: str, said: str, line: str, begin: int) -> tuple[int, str, str] | None:
    """A quote or a bracket that is never closed."""
    if "unterminated string" in said.lower() or "Illegal character '\\n'" in said:
        return begin + _open_quote(line), "the quote is never closed", "Write it again at the end of the text"
    if "Unclosed" in said and (opened := _open_bracket(text)) is not None:
        closing = "]" if text[opened] == "[" else "}"
        return opened, f"the bracket {text[opened]} is never closed", f"Write {closing} at its end"
    return None


def _cause_of_name(offset: int, said: str, line: str, begin: int) -> tuple[int, str, str] | None:
    """A name that is there twice, has brackets of its own, or has no equals sign behind it."""
    name, equals, rest = line.partition("=")
    if any(words in said for words in ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine")):
        return begin + len(line) - len(line.lstrip()), f"{said}: it is there twice", "Keep one"
    if "Expected ']'" in said or "initial character" in said or "key" in said.lower():
        if "[" in name and not name.lstrip().startswith(("[", '"', "'")):
            return begin, "brackets in a name without quotes", f'Write "{name.strip()}" ={rest}'[:120]
        if not equals and line.strip():
            return offset, "no equals sign behind the name", 'Write lr = "cosine()"'
    return None


def _missing_quotes(line: str, begin: int) -> tuple[int, str, str] | None:
    """A call that stands as a value without quotes."""
    name, equals, rest = line.partition("=")
    if equals and rest.strip() and rest.strip()[0] not in "\"'[{" and "(" in rest:
        place = begin + len(name) + 1 + len(rest) - len(rest.lstrip())
        return place, "a text without quotes", f"Write {name.strip()} = {_quoted_toml(rest.strip())}"[:120]
    return None


def _open_quote(line: str) -> int:
    """Where the quote stands that a line does not close."""
    quote, begin = "", 0
    for place, one in enumerate(line):
        if one == quote:
            quote = ""
        elif not quote and one in "\"'":
            quote, begin = one, place
    return begin


def _open_bracket(text: str) -> int | None:
    """Where the innermost bracket stands that is never closed."""
    outside = _STRING_OR_COMMENT.sub(lambda found: " " * len(found[0]), text)
    opened: list[int] = []
    for place, one in enumerate(outside):
        if one in "[{":
            opened.append(place)
        elif one in "]}" and opened:
            opened.pop()
    return opened[-1] if opened else None


def _quoted_toml(value: str) -> str:
    """A value as it should have been written: what is no number and in no quotes is a text."""
    return value if re.fullmatch(r"-?\d+(\.\d+)?|\".*\"|'.*'", value) else toml_string(value)
