"""What was meant by a line of text that is no expression: each slip of the pen is told as what it is."""

import re

from paramsched._lookalikes import first_lookalike, straighten_text
from paramsched.time.duration import UNIT_NAMES, length_with_unit

_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_LENGTH = re.compile(r"(?<![\w.\"'])(\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?)\s*(%(?=\s*(?:[,)\]+-]|$))|[A-Za-z]+)")
_DANGLING = re.compile(r"(>>|[-+*/])\s*\Z")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_EXAMPLE = 'Write warmup("5%") >> cosine(to=0.1)'


def slip_in(text: str) -> tuple[int, int, str, str] | None:
    """The slip in a line that is no expression: its begin, its end, what it is, what to write.

    None where nothing is known of it.

    >>> slip_in("warmup(5%) >> cosine()")
    (7, 9, '5% is a length without quotes', 'Quote the length: "5%"')
    >>> slip_in("cosine(to=0.1")
    (6, 7, 'the bracket ( is never closed', 'Write ) at its end')
    """
    found = _other_character(text) or _bare_length(text) or _unpaired_bracket(text)
    if found is None and not text.strip():
        return 0, 0, "an empty text", _EXAMPLE
    if found is None and (dangling := _DANGLING.search(text)):
        sign = dangling[1]
        return dangling.start(1), dangling.end(1), f"nothing stands behind {sign}", f"Leave {sign} out, or go on"
    return found


def _other_character(text: str) -> tuple[int, int, str, str] | None:
    """A character that only looks like one of the text's own; those inside quotes are names."""
    outside = _without_strings(text)
    found = first_lookalike(outside)
    if found is None:
        return None
    place, sentence, _ = found
    straight = "".join(straighten_text(one) if one == seen else one for one, seen in zip(text, outside, strict=True))
    return place, place + 1, sentence, f"Write {_shortened_advice(straight.strip())}"


def _bare_length(text: str) -> tuple[int, int, str, str] | None:
    for found in _LENGTH.finditer(_without_strings(text)):
        length = found[0].strip()
        if found[2] == "%" or found[2] in UNIT_NAMES:
            return found.start(), found.end(), f"{length} is a length without quotes", f'Quote the length: "{length}"'
        if (ours := length_with_unit(found[1], found[2])) is not None:  # 10ep
            return found.start(), found.end(), f"{length} is a length without quotes", f'Write "{ours}"'
    return None


def _unpaired_bracket(text: str) -> tuple[int, int, str, str] | None:
    """A bracket that is never closed, one that closes nothing, or a quote that is never closed."""
    open_: list[tuple[str, int]] = []
    outside = _without_strings(text)
    for place, one in enumerate(outside):
        if one in "\"'":
            return place, place + 1, f"the quote {one} is never closed", f"Write {one} at the end of the text"
        if one in _CLOSING:
            open_.append((one, place))
        elif one in _CLOSING.values():
            if not open_:
                return place, place + 1, f"nothing is open that {one} closes", f"Leave {one} out"
            opening, _ = open_.pop()
            if _CLOSING[opening] != one:
                return place, place + 1, f"{one} closes the bracket {opening}", f"Write {_CLOSING[opening]}"
    if not open_:
        return None
    opening, place = open_[-1]
    return place, place + 1, f"the bracket {opening} is never closed", f"Write {_CLOSING[opening]} at its end"


def _without_strings(text: str) -> str:
    """The text with what stands in quotes as blanks."""
    return _STRING.sub(lambda found: " " * len(found[0]), text)


def _shortened_advice(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
