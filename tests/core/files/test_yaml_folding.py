"""Long lines of YAML are written in several lines that are read as one, unless their data would change."""

from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.files.yaml_text import folded_yaml
from support.tables import table


@table(
    ("text", "width", "folded"),
    [
        ("lr: warmup(5) >> cosine()", 25, "lr: warmup(5) >> cosine()"),
        ("lr: warmup(5) >> cosine()", 24, "lr: warmup(5)\n  >> cosine()"),
        ("lr: a(1) >> b(2) >> c(3)", 16, "lr: a(1) >> b(2)\n  >> c(3)"),
        ("lr: a(1) >> b(2) >> c(3)", 15, "lr: a(1)\n  >> b(2)\n  >> c(3)"),
        ("lr: f((a(1) >> b(2)), 5) >> c(3)", 18, "lr: f((a(1)\n      >> b(2)), 5)\n  >> c(3)"),
        ("groups:\n  a:\n    lr: a(1) >> b(2)", 15, "groups:\n  a:\n    lr: a(1)\n      >> b(2)"),
        ("lr: f(1, 2, 3, 4, 5)", 12, "lr: f(1, 2,\n      3, 4,\n      5)"),
        ("lr: f-g(1, 2) " + "x" * 20, 14, "lr: f-g(1, 2)\n      " + "x" * 20),
        ("lr: 'a  b  c' >> d", 10, "lr: 'a  b  c' >> d"),
        ("a long name of a group: {lr: 1}", 12, "a long name of a group: {lr: 1}"),
        ("short: 1\nlr: a(1) >> b(2)", 10, "short: 1\nlr: a(1)\n  >> b(2)"),
    ],
)
def test_a_line_is_broken_in_front_of_stages_and_at_spaces(text, width, folded):
    assert folded_yaml(text, width) == folded


@given(st.lists(st.text("a \t#", min_size=1, max_size=9), max_size=3), st.integers(14, 20))
def test_lines_that_fit_are_not_changed(comments, width):
    lines = [f"#{one} "[:width].ljust(width) for one in comments]

    folded = folded_yaml("\n".join(["lr: warmup(5) >> cosine()", *lines]), width).split("\n")

    assert folded == ["lr: warmup(5)", "  >> cosine()", *lines]
