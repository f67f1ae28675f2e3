"""Readable pictures: on light and dark backgrounds, with any names, with another plan, of any length."""

import re
import tracemalloc
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
import paramsched.show as show

STEPS = (0, 95, 135, 175, 215, 255)


def color_of(code: int) -> tuple[int, int, int]:
    """Return the usual RGB value of one of the 256 terminal colors."""
    if code >= 232:
        return (8 + 10 * (code - 232),) * 3
    return STEPS[(code - 16) // 36], STEPS[(code - 16) // 6 % 6], STEPS[(code - 16) % 6]


def contrast(color: tuple[int, int, int], ground: tuple[int, int, int]) -> float:
    """Return the contrast of the Web Content Accessibility Guidelines, 1 to 21; graphics require 3."""

    def light(one: tuple[int, int, int]) -> float:
        parts = [c / 255 for c in one]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(color), light(ground)))
    return (high + 0.05) / (low + 0.05)


def compared() -> str:
    """Draw eight curves, a log and differences, which use every color."""
    curves = {("lr", f"g{i}"): np.linspace(i, i + 1, 40) for i in range(8)}
    trace = show.curves_from_values(curves)
    log = {("lr", "g0"): (np.arange(40), np.linspace(3, 0, 40))}
    agreeing = show.text(trace, color=True, log={("lr", "g0"): (np.arange(40), curves["lr", "g0"])})
    return show.text(trace, color=True, log=log) + agreeing


def test_every_terminal_color_has_contrast_to_white_and_black() -> None:
    codes = {code for code in re.findall(r"\x1b\[([\d;]+)m", compared()) if code != "0"}
    colors = {int(found[1]) for code in codes if (found := re.search(r"38;5;(\d+)", code))}
    others = {re.sub(r"(1;)?38;5;\d+", "", code) for code in codes} - {""}

    assert len(colors) == 10  # eight curves, good and bad
    for code in colors:
        assert contrast(color_of(code), (255, 255, 255)) >= 3, code
        assert contrast(color_of(code), (0, 0, 0)) >= 3, code
    assert others <= {"1", "2"}  # bold and faint have the color of ordinary text


names = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)


@given(names, names, names, names)
def test_pictures_contain_no_control_characters_from_names(field: str, group: str, line: str, title: str) -> None:
    trace = show.curves_from_values(
        {(field, group): [1.0, 0.5, 0.25], (field, "other"): [1, 1, 1]}, lines={(field, group): line}
    )
    drawn = [show.text(trace), show.text(trace, ascii=True), show.svg(trace), show.html(trace, title=title)]

    for one in drawn:
        one.encode("utf-8")
        assert all(part.isprintable() for part in one.split("\n"))
    ET.fromstring(drawn[2])


def test_matplotlib_receives_no_control_characters() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    trace = show.curves_from_values({("lr\x1b[2J", "a\ud800"): [1.0, 0.5], ("lr\x1b[2J", "b\x07"): [0.5, 1.0]})

    (axes,) = show.axes(trace)

    labels = [axes.get_ylabel(), *(text.get_text() for text in axes.get_legend().get_texts())]
    assert all(label.isprintable() for label in labels)
    assert r"group a\ud800" in labels


def test_another_plan_is_drawn_in_its_own_color() -> None:
    first, second = (
        ps.trace(ps.Plan(lr="cosine()", total=40), {"lr": 1}),
        ps.trace(ps.Plan(lr="linear()", total=40), {"lr": 1}),
    )

    svg = show.svg(first, other=second)
    text = show.text(first, other=second, color=True)

    plan, other = re.findall(r'<path class="(ps-c\d)[^"]*" data-curve', svg)
    assert plan != other
    assert len(set(re.findall(r"38;5;(\d+)m[⠀-⣿]", text))) == 2


class Many:
    """A curve with a breakpoint at every update."""

    total, steps_per_epoch = 1_000_000, None
    marks = tuple(range(1_000_001))
    values = np.linspace(1, 0, 1_000_000)

    def keys(self) -> Any:
        return (("lr", 0), ("lr", 1))

    def __getitem__(self, key: Any) -> Any:
        return self.values

    def breakpoints(self, field: str, group: Any) -> Any:
        return self.marks

    def line(self, field: str, group: Any) -> str:
        return "every(…)"


@pytest.mark.heavy
@pytest.mark.parametrize("draw", [show.text, show.svg, show.html])
def test_a_million_breakpoints_take_no_more_memory_than_a_few_arrays(draw: Any) -> None:
    many = Many()
    tracemalloc.start()
    try:
        drawn = draw(many)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 80e6  # a float64 for each update is 8 MB; a Python set of the breakpoints is 100
    assert "999,999 breakpoints" in drawn


@pytest.mark.heavy
def test_show_is_available_after_import_paramsched() -> None:
    import subprocess
    import sys

    code = "import sys, paramsched as ps; ps.show.text; ps.load; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
