"""Format numbers, times and texts for the labels of a picture."""

import math

from paramsched.core.base.terminal import cell_width
from paramsched.show._curves import Times, runs_of_times


def short_number(value: float, digits: int = 6) -> str:
    """Format a value without insignificant zeros.

    >>> short_number(0.00003), short_number(0.1), short_number(1e-10), short_number(float("inf"))
    ('3e-5', '0.1', '1e-10', 'inf')
    """
    text = f"{value:.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def tick_label(value: float, step: float) -> str:
    """Format the value of a tick with enough decimals to distinguish it from the next tick, `step` away.

    >>> tick_label(0.9, 0.025), tick_label(0.0, 0.025), tick_label(2e-5, 1e-5), tick_label(30.0, 10.0)
    ('0.900', '0', '2e-5', '30')
    """
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        spare = math.floor(math.log10(abs(value))) - math.floor(math.log10(step))
        return short_number(value, min(spare + 2, 17))
    scaled, decimals = step, 0
    while decimals < 15 and abs(scaled - round(scaled)) > 1e-6 * scaled:
        scaled, decimals = scaled * 10, decimals + 1
    return f"{value:.{decimals}f}"


def short_amount(value: float) -> str:
    """Format an amount with a suffix: k, M, B or T.

    >>> short_amount(12_000_000_000), short_amount(375_000_000), short_amount(512), short_amount(999_999)
    ('12B', '375M', '512', '1M')
    """
    value = float(f"{value:.3g}")  # so that the suffix is that of the rounded amount
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{short_number(value / size, 3)}{letter}"
    return short_number(value, 3)


def format_times(times: Times, most: int = 4) -> str:
    """Format sorted times as ranges, at most the first `most` of them.

    >>> import numpy as np
    >>> format_times(np.array([3, 7, 8, 9]))
    '3, 7–9'
    """
    runs = runs_of_times(times)
    words = [f"{first:,}" if first == last else f"{first:,}–{last:,}" for first, last in runs[:most]]
    return ", ".join([*words, "…"] if len(runs) > most else words)


def clip_text(text: str, width: int, ellipsis: str = "…") -> str:
    """Shorten a text that is wider than `width` cells, and end it with an ellipsis.

    >>> clip_text("warmup >> cosine", 10)
    'warmup >>…'
    """
    if cell_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if cell_width(kept + character) > width - len(ellipsis):
            break
        kept += character
    return (kept + ellipsis)[: max(width, 0)]


def wrap_text(text: str, width: int, *, ellipsis: str = "…") -> list[str]:
    """Break a text at spaces into at most three rows of `width` cells, and omit the rest.

    >>> wrap_text('warmup("5%") >> cosine(to=0.1)', 16)
    ['warmup("5%") >>', 'cosine(to=0.1)']
    """
    rows: list[str] = []
    width = max(width, 1)
    # Only the part that can be shown is measured, because measuring a long text is slow.
    for word in text[: (width + 1) * (_MAX_ROWS + 1)].split(" "):
        if rows and cell_width(f"{rows[-1]} {word}") <= width:
            rows[-1] += f" {word}"
            continue
        while cell_width(word) > width:
            head = clip_text(word, width, "")
            rows.append(head)
            word = word[len(head) :]
        rows.append(word)
    if len(rows) > _MAX_ROWS:
        *rows, last = rows[:_MAX_ROWS]
        fits = cell_width(last) + len(ellipsis) <= width
        rows.append(last + ellipsis if fits else clip_text(last + " " * width, width, ellipsis))
    return rows


_MAX_ROWS = 3  # rows per text
