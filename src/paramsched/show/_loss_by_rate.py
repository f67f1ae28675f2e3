"""The loss over the learning rate, for a terminal."""

import math
from collections.abc import Mapping

import numpy as np

from paramsched.show._curves import Floats
from paramsched.show._reduce import Envelope
from paramsched.show._scale import choose_scale
from paramsched.show._terminal import Cell, TerminalLines, ascii_characters, braille_characters, dots_of_curve
from paramsched.show._words import cell_width, short_number


def loss_by_rate(
    rates: Floats, losses: Floats, marks: Mapping[str, float], *, width: int = 80, ascii: bool = False
) -> str:
    """Draw a loss over rates that grow by the same ratio, with a mark below each named rate.

    Args:
        rates, losses: equally many.
        marks: rates by name.
        width: of the picture, 40 or more.
        ascii: draw without characters of Unicode.

    >>> losses = np.array([2, 2, 1.8, 1.5, 1.0, 0.5, 0.4, 0.8, 2.0])
    >>> print(loss_by_rate(np.geomspace(1e-3, 1.0, 9), losses, {"valley": 0.03}, width=40, ascii=True))
    loss
      2.0 |*******                         *
          |       ****                    *
      1.5 |           ***                *
          |              *               *
      1.0 |               ***           *
          |                  *        **
      0.5 |                   ********
          |
        0 |
          ++----------+----^----+----------+
    lr     0.001    0.01       0.1         1
                           ^ valley 0.03
    """
    height = 9
    terminal = TerminalLines(max(width, 40), ascii, False)
    scale = choose_scale([Envelope(losses, losses)])
    labels = [terminal.safe(label) for _, label in scale.ticks]
    gutter = max(6, *(cell_width(label) + 2 for label in labels))
    columns = terminal.width - gutter - 1
    down, across = (1, 1) if ascii else (4, 2)
    logs = np.log10(rates)
    places = np.linspace(logs[0], logs[-1], columns * across)
    drawn = scale.fraction(np.interp(places, logs, losses))
    filled = dots_of_curve(drawn, drawn, height * down)
    rows = ascii_characters(filled, "*") if ascii else braille_characters(filled)
    ticks = {
        round((1 - float(scale.fraction(np.array([value]))[0])) * (height - 1)): label for value, label in scale.ticks
    }

    def column(rate: float) -> int:
        share = (math.log10(rate) - logs[0]) / (logs[-1] - logs[0]) if len(rates) > 1 else 0.0
        return round(min(max(share, 0.0), 1.0) * (columns - 1))

    terminal.add_title("loss", "")
    for index, row in enumerate(rows):
        edge = terminal.glyph("┤" if index in ticks else "│")
        head = terminal.cells(f"{ticks.get(index, '')} ".rjust(gutter), "dim")
        terminal.add_line(*head, (edge, "dim"), *((c or " ", None) for c in row))
    first, last = math.ceil(logs[0] - 1e-9), math.floor(logs[-1] + 1e-9)
    decades = {column(10.0**power): short_number(10.0**power, 3) for power in range(first, last + 1)}
    under = {column(rate) for rate in marks.values()}
    axis: list[Cell] = [
        (terminal.glyph("┴" if c in under else "┬" if c in decades else "─"), "dim") for c in range(columns)
    ]
    terminal.add_line(*terminal.cells(" " * gutter), (terminal.glyph("└"), "dim"), *axis)
    line = [" "] * columns
    for at, label in sorted(decades.items()):
        begin = min(max(at - len(label) // 2, 0), columns - len(label))
        if not "".join(line[max(begin - 1, 0) : begin + len(label) + 1]).strip():
            line[begin : begin + len(label)] = label
    terminal.add_line(*terminal.cells("lr".ljust(gutter) + " " + "".join(line), "dim"))
    for name, rate in sorted(marks.items(), key=lambda mark: mark[1]):
        told = f"{terminal.glyph('┴')} {name} {short_number(rate, 2)}"
        begin = min(column(rate), columns - len(told))
        terminal.add_line(*terminal.cells(" " * (gutter + 1 + max(begin, 0)) + told))
    return terminal.text()
