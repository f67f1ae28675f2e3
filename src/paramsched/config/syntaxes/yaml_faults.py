"""What is wrong with a text that is no YAML, in the words of who wrote it: each cause with its own advice."""

import re
from typing import Any

from paramsched.config.text_lines import TextLines
from paramsched.errors import Fault

# All that YAML allows, but the mark of byte order, which belongs to the begin of a file.
_ALLOWED = "\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_CONTROL = re.compile(f"[^{_ALLOWED}]")
_CLOSING = {"[": "]", "{": "}"}
_QUOTE_IT = "Put the whole text behind the colon in single quotes"
_MEANINGS = {
    "@": "no text begins with @",
    "`": "no text begins with a backtick",
    "%": "no text begins with %",
    "*": "a text that begins with * is an alias",
    "&": "a text that begins with & is an anchor",
    "!": "a text that begins with ! is a tag",
    ">": "a text that begins with > is a block of lines",
    "|": "a text that begins with | is a block of lines",
}


def yaml_fault(text: str, error: Any) -> Fault:
    """The fault that a parser's error stands for.

    Args:
        text: the whole text.
        error: a `yaml.YAMLError`.
    """
    lines = TextLines(text)
    control = _CONTROL.search(text)
    if control:
        found = f"the character {control[0].encode('unicode_escape').decode()} is no text"
        return lines.fault(control.start(), f"no YAML: {found}", "Leave it out")
    offset, found, instead = _yaml_cause(text, error, lines)
    return lines.fault(min(offset, len(text)), f"no YAML: {found}", instead)


def _yaml_cause(text: str, error: Any, lines: TextLines) -> tuple[int, str, str]:
    """Where, what was found, what to write."""
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    said = " ".join(str(getattr(error, "problem", None) or error).split())
    if mark is None:
        return 0, said, _QUOTE_IT
    offset = min(mark.index, len(text))
    doing = str(getattr(error, "context", None) or "")
    first = lines.begins[lines.of(offset)[0] - 1]
    indent = re.match(r"[ \t]*", text[first:])
    if indent and "\t" in indent[0]:
        return first + indent[0].index("\t"), "the line begins with a tab; YAML counts spaces", "Write two spaces"
    if "quoted scalar" in doing and context is not None:
        return _quote_fault(text, offset, context.index, said)
    if "flow" in doing and context is not None:
        return _bracket_fault(text, offset, context.index, lines)
    at = text[offset : offset + 1]
    if at in ("]", "}"):
        return offset, f"nothing is open that {at} closes", f"Leave {at} out, or put the text in quotes"
    start = context.index if "scalar" in doing and context is not None else offset
    start = context.index if ("alias" in doing or "anchor" in doing) and context is not None else start
    sign = text[start : start + 1]
    before = text[first:start].rstrip()
    if sign in _MEANINGS and before.endswith(("'", '"')):
        return start, "something stands behind a closed quote", _QUOTE_IT
    if sign in _MEANINGS:
        return start, _MEANINGS[sign], _QUOTE_IT
    if before.endswith(("'", '"')) and at not in ("", ":"):
        return offset, "something stands behind a closed quote", _QUOTE_IT
    return _line_fault(offset, said, lines)


def _quote_fault(text: str, offset: int, begin: int, said: str) -> tuple[int, str, str]:
    quote = text[begin : begin + 1]
    if "end of stream" in said or "document indicator" in said:
        return begin, f"the quote {quote} is never closed", f"Write {quote} at the end of the text"
    return offset, "a backslash in double quotes begins an escape", "Put the text in single quotes"


def _bracket_fault(text: str, offset: int, begin: int, lines: TextLines) -> tuple[int, str, str]:
    """Inside brackets or braces: never closed, closed by another, or something between two entries."""
    opening = text[begin : begin + 1]
    closing = _CLOSING.get(opening, "]")
    end = _end_of_brackets(text, begin)
    if end is None:
        return begin, f"the bracket {opening} is never closed", f"Write {closing} at its end"
    if text[end] != closing:
        return end, f"{text[end]} closes the bracket {opening} of line {lines.of(begin)[0]}", f"Write {closing}"
    if text[offset : offset + 1] == ":":
        return offset, "a second colon in an entry", "Put the text behind the first colon in quotes"
    return offset, "no comma before this entry", "Write a comma between two entries, and quotes around a text with some"


def _end_of_brackets(text: str, begin: int) -> int | None:
    """Where the bracket at `begin` is closed, be it by another kind; None where it is not."""
    depth, quote = 0, ""
    for place in range(begin, len(text)):
        one = text[place]
        if quote:
            quote = "" if one == quote else quote
        elif one in "'\"" and text[place - 1 : place] in (" ", "[", "{", ",", "\n", ":"):
            quote = one
        elif one in "[{":
            depth += 1
        elif one in "]}":
            depth -= 1
            if depth == 0:
                return place
    return None


def _line_fault(offset: int, said: str, lines: TextLines) -> tuple[int, str, str]:
    """What is wrong with the line itself, or with how deep it begins."""
    number = lines.of(offset)[0]
    line = lines.line(number)
    indent = len(line) - len(line.lstrip(" "))
    first = lines.begins[number - 1]
    levels, before = _open_levels(lines, number)
    above = "" if before is None else _without_comment(lines.line(before)).strip()
    if before is not None and ":" not in above and not above.startswith(("-", ".", "%")):
        name = above
        place = lines.begins[before - 1] + len(lines.line(before).rstrip())
        word, _, rest = name.partition(" ")
        return place, f"no colon in {name[:60]}", f"Write {word}: {rest[:60]}".rstrip()
    deeper = before is not None and levels and indent > levels[-1]
    if before is not None and deeper and "mapping values" in said and _has_value(lines.line(before)):
        found = f"this line is indented by {indent} spaces, and the line above has a value already"
        return first + indent, found, f"Indent it by {levels[-1]}, as the line above"
    if before is not None and indent not in levels and not deeper:
        known = " or ".join(filter(None, [", ".join(map(str, levels[:-1])), str(levels[-1])])) if levels else "0"
        found = f"this line is indented by {indent} {'space' if indent == 1 else 'spaces'}, the lines above by {known}"
        return first + indent, found, f"Indent it by {known}"
    if line.lstrip().startswith("%"):
        return first + indent, _MEANINGS["%"], "Leave the line out, or put its text in quotes"
    if "mapping values" in said:
        return offset, "a second colon in one line", _QUOTE_IT
    return offset, said, "Put a text with colons, commas or quotes in quotes"


def _open_levels(lines: TextLines, number: int) -> tuple[list[int], int | None]:
    """How deep the mappings begin that are open before a line, and the number of the line above that says something."""
    levels: list[int] = []
    before = None
    for above in range(1, number):
        line = _without_comment(lines.line(above))
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip(" "))
        while levels and levels[-1] > indent:
            levels.pop()
        if not levels or levels[-1] < indent:
            levels.append(indent)
        before = above
    return levels, before


def _without_comment(line: str) -> str:
    """A line without its comment."""
    return re.sub(r"(^|\s)#.*", "", line).rstrip()


def _has_value(line: str) -> bool:
    return bool(re.search(r":\s+\S", _without_comment(line)))
