"""Formats of pictures: found by the end of a file's name, and registered by a decorator."""

import pytest

import paramsched.show as show
from paramsched.errors import InvalidArgument


@pytest.fixture(autouse=True)
def formats_as_before(monkeypatch):
    """A table of formats that is thrown away after the test."""
    monkeypatch.setattr("paramsched.show._notebook.FORMATS", dict(show.FORMATS))


def draw(trace, /, *, title, log, other, view):
    return title


def test_the_end_of_a_files_name_says_the_format_in_capitals_or_not():
    assert show.format_of_file("runs/Plan.HTML") is show.html
    assert show.format_of_file("plan.gif") is None
    assert show.format_of_file(".html") is None  # a name without a suffix


def test_of_two_suffixes_the_longer_counts():
    show.picture_format(".json")(draw)

    longer = show.picture_format(".vl.json")(lambda trace, /, *, title, log, other, view: "")

    assert show.format_of_file("plan.json") is draw
    assert show.format_of_file("plan.vl.json") is longer


@pytest.mark.parametrize("suffix", ["json", ".JSON", ""])
def test_what_is_no_suffix_is_refused_with_one_that_is(suffix):
    with pytest.raises(InvalidArgument, match=r'Write picture_format\("\.vl\.json"\)'):
        show.picture_format(suffix)


def test_a_suffix_that_is_taken_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidArgument, match=r"already registered\. Registered: \.svg, \.html"):
        show.picture_format(".svg")


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_a_file_has_the_picture_that_the_function_of_its_name_draws(suffix):
    trace = show.curves_from_values({("lr", 0): [0.1, 0.05]})

    drawn = show.FORMATS[suffix](trace, title="Mine", log={("lr", 0): ([0], [0.2])}, other=None, view=show.View())

    assert "planned = used at 0 of 1 updates" in drawn
