"""`show.text`: pictures for the terminal."""

import numpy as np
import pytest

import paramsched.show as show
from support.tables import table


def rows_of_the_plot(drawn):
    return [line.split("┤" if "┤" in line else "│", 1)[1] for line in drawn.splitlines() if set("┤│") & set(line)]


@table("width", [24, 40, 80, 133, 300])
@pytest.mark.parametrize("at", [0, 123_456, 500_000, 999_999])
def test_a_value_of_one_update_in_a_million_is_drawn_at_each_width(width, at):
    values = np.zeros(1_000_000)
    values[at] = 1.0

    top = rows_of_the_plot(show.text(show.curves_from_values({("lr", ""): values}), width=width))[0]

    assert len(top.strip()) == 1


def test_a_spike_is_drawn_in_the_column_of_its_update():
    values = np.zeros(1_000_000)
    values[750_000] = 1.0

    top = rows_of_the_plot(show.text(show.curves_from_values({("lr", ""): values}), width=110))[0]

    assert len(top) - 1 == 750_000 * 100 // 1_000_000
