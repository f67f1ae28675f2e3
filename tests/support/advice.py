"""The lines that an advice says to write, so that a test can paste them."""

import re

_JOINS = r" to (?:continue|begin)[^,]*?(?:, or |$)|, or | or "


def advised_lines(advice: str) -> list[str]:
    """Return the lines of an advice `Write A …, or B …`.

    >>> advised_lines("Write linear(start=0.1) or linear(to=0.1)")
    ['linear(start=0.1)', 'linear(to=0.1)']
    """
    text = re.sub(r"^Write (the level, for example )?", "", advice)
    return [line for line in re.split(_JOINS, text) if line]
