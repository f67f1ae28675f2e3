"""Image formats: selected by the suffix of a file and registered by a decorator."""

import pytest

import paramsched.show as show
from paramsched.errors import InvalidArgument


@pytest.fixture(autouse=True)
def restored_formats(monkeypatch):
    """Restore the table of formats after the test."""
    monkeypatch.setattr("paramsched.show._notebook.FORMATS", dict(show.FORMATS))


def draw(trace, /, *, title, log, other, view):
    return title


def test_the_suffix_of_a_file_selects_the_format_in_any_case():
    assert show.format_of_file("runs/Plan.HTML") is show.html
    assert show.format_of_file("plan.gif") is None
    assert show.format_of_file(".html") is None  # a name without a suffix


def test_the_longer_of_two_suffixes_is_used():
    show.picture_format(".json")(draw)

    longer = show.picture_format(".vl.json")(lambda trace, /, *, title, log, other, view: "")

    assert show.format_of_file("plan.json") is draw
    assert show.format_of_file("plan.vl.json") is longer


@pytest.mark.parametrize("suffix", ["json", ".JSON", ""])
def test_an_invalid_suffix_is_rejected_with_a_valid_one(suffix):
    with pytest.raises(InvalidArgument, match=r'For example: picture_format\("\.vl\.json"\)'):
        show.picture_format(suffix)


def test_a_used_suffix_is_rejected_with_the_known_suffixes():
    with pytest.raises(InvalidArgument, match=r"already registered\. Registered: \.svg, \.html"):
        show.picture_format(".svg")


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_a_file_is_drawn_by_the_function_of_its_suffix(suffix):
    trace = show.curves_from_values({("lr", 0): [0.1, 0.05]})

    drawn = show.FORMATS[suffix](trace, title="Mine", log={("lr", 0): ([0], [0.2])}, other=None, view=show.View())

    assert "planned = used at 0 of 1 updates" in drawn
