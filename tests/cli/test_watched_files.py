"""The parts of `--watch`: which files have changed, what is drawn after an error, and what is written."""

import os

import click
import pytest
from click.testing import CliRunner

from paramsched.cli import main
from paramsched.cli._watch import _drawn, _Files, _print_picture, _reloading, _wait, _write_picture, watch
from paramsched.core.base.files import open_to_read
from paramsched.errors import InvalidArgument
from support.tables import table


def test_a_file_has_changed_if_it_is_written_replaced_removed_or_created(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    files = _Files([str(first), str(second), "a\0b", "x" * 5000])
    changes = [
        lambda: first.write_text("22"),
        lambda: os.utime(first, ns=(1, 1)),
        lambda: second.replace(first),
        first.unlink,
        lambda: first.write_text("3"),
    ]

    for change in changes:
        if change is changes[2]:
            second.write_text("22")
            os.utime(second, ns=(1, 1))
        with files.recording():
            pass
        assert not files.changed()
        change()
        assert files.changed()


def test_a_file_that_is_opened_while_drawing_is_watched_from_before_it_was_read(tmp_path):
    read = tmp_path / "read"
    read.write_text("1")
    files = _Files([])

    with files.recording():
        with open_to_read(read) as stream:
            stream.read()
        assert not files.changed()
        read.write_text("22")

    assert files.changed()


def test_files_are_settled_when_all_exist_and_none_changes(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_text("1")
    files, slept = _Files([str(file)]), []
    file.unlink()

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) < 4:
            file.write_text("2" * len(slept))

    monkeypatch.setattr("paramsched.cli._watch.time.sleep", sleep)
    files.wait_until_settled()

    assert len(slept) == 4  # after each of three changes, and once more because nothing changed
    assert file.read_text() == "222"


def test_a_file_that_never_existed_is_not_waited_for(tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr("paramsched.cli._watch.time.sleep", slept.append)

    _Files([str(tmp_path / "none")]).wait_until_settled()

    assert len(slept) == 1  # to compare two states


@pytest.fixture
def sleeps(monkeypatch):
    """Replace the clock: each sleep takes a quarter of a second. Return what is called before each of them."""
    before, slept = [], []

    def sleep(_):
        for call in before:
            call(len(slept))
        slept.append(1)

    monkeypatch.setattr("paramsched.cli._watch.time.sleep", sleep)
    monkeypatch.setattr("paramsched.cli._watch.time.monotonic", lambda: len(slept) / 4)
    return before, slept


def test_a_file_that_never_stops_changing_is_waited_for_a_second(tmp_path, sleeps):
    before, slept = sleeps
    (tmp_path / "a").write_text("")
    before.append(lambda number: (tmp_path / "a").write_text("x" * (number + 1)))

    _Files([str(tmp_path / "a")]).wait_until_settled()

    assert len(slept) == 4


@pytest.mark.parametrize(("retry", "count"), [(True, 5), (False, 9)])
def test_after_an_error_the_next_attempt_is_a_second_later_without_a_change(retry, count, tmp_path, sleeps):
    before, slept = sleeps
    before.append(lambda number: (tmp_path / "a").write_text("") if number == 7 else None)

    _wait(_Files([str(tmp_path / "a")]), retry=retry)

    assert len(slept) == count  # the change at the eighth, and one more until it is settled


@pytest.mark.parametrize(
    "error", [InvalidArgument("call(…)", "is wrong"), OSError(2, "no such file", "a"), click.UsageError("is wrong")]
)
def test_an_error_takes_the_place_of_the_picture_with_its_notes(error):
    def draw():
        click.echo("note: first", err=True)
        raise error

    assert _drawn(lambda: "picture") == ("picture", "")
    picture, notes = _drawn(draw)
    assert picture is None
    assert notes.startswith("note: first\n")
    assert notes.rstrip().endswith(("is wrong", "no such file"))


def test_a_page_shows_the_error_and_another_file_stays(tmp_path, capsys):
    page, picture = tmp_path / "a.HTML", tmp_path / "a.svg"
    for file in (page, picture):
        _write_picture(str(file), "<html><head></head>drawn</html>", "note: one\n")
    out = capsys.readouterr()
    assert out.out.count("written. Watching for changes; Ctrl-C ends") == 2
    assert out.err == "note: one\n" * 2
    assert picture.read_text() == "<html><head></head>drawn</html>"
    assert page.read_text() == _reloading("<html><head></head>drawn</html>")
    assert "<script>" in page.read_text()

    for file in (page, picture):
        _write_picture(str(file), None, "<is> wrong\n")
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "<is> wrong\n" * 2)
    assert picture.read_text() == "<html><head></head>drawn</html>"
    assert "<pre>&lt;is&gt; wrong\n</pre>" in page.read_text()
    assert "<script>" in page.read_text()


def test_a_page_may_be_bytes(tmp_path, capsys):
    page = tmp_path / "a.html"

    _write_picture(str(page), b"<head></head>drawn", "")

    assert page.read_text() == _reloading("<head></head>drawn")
    capsys.readouterr()


def test_the_same_error_is_printed_once(capsys, monkeypatch):
    attempts = []

    def draw():
        attempts.append(1)
        if len(attempts) == 4:
            raise KeyboardInterrupt
        raise InvalidArgument("call(…)", "is wrong" if len(attempts) < 3 else "is wrong still")

    monkeypatch.setattr("paramsched.cli._watch._wait", lambda files, *, retry: None)
    watch(draw, [])

    assert capsys.readouterr().err == "call(…): is wrong\ncall(…): is wrong still\n\n"


def test_a_page_reloads_only_for_another_content():
    one, two = _reloading("<head></head>1"), _reloading("<head></head>2")

    assert one == _reloading("<head></head>1") != two.replace("2", "1")


def test_a_picture_is_printed_with_its_notes(capsys):
    _print_picture("drawn", "note: one\n")
    _print_picture(None, "is wrong\n")

    assert capsys.readouterr() == ("drawn\n", "note: one\nis wrong\n")


def test_ctrl_c_ends_and_leaves_a_page_without_the_script(tmp_path, capsys, monkeypatch):
    drawn, page = [], tmp_path / "a.html"

    def draw():
        drawn.append(1)
        if len(drawn) == 2:
            raise InvalidArgument("call(…)", "is wrong")
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return f"<head></head>{min(len(drawn), 3)}"

    monkeypatch.setattr("paramsched.cli._watch._wait", lambda files, *, retry: seen.append(retry))
    seen = []
    watch(draw, [], str(page))

    assert seen == [False, True, False]
    assert page.read_text() == "<head></head>3"
    assert capsys.readouterr().err.endswith("\n")


@table("options", [[], ["--ascii"], ["--table"], ["--groups"], ["--at", "3"]])
def test_control_characters_in_names_are_escaped_in_a_watched_picture(options, tmp_path, monkeypatch):
    plan, drawn = tmp_path / "plan.yaml", []
    plan.write_text('horizon: 10\nlr: linear()\ngroups: {"a\\eb": {lr: cosine()}}\n')
    monkeypatch.setattr("paramsched.cli._watch.watch", lambda draw, inputs, output: drawn.append(draw()))

    CliRunner().invoke(main, ["show", str(plan), "--watch", *options], catch_exceptions=False)

    assert "a\\x1bb" in drawn[0]
    assert "\x1b" not in drawn[0]
