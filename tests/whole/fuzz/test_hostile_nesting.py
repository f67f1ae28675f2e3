"""The law of nesting: each reader refuses deeply nested text in about the time of a plain text of the same size."""

import json
import time
from collections.abc import Callable

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.files import yaml_text
from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import Runner

LINE = 9_900  # characters
FILE = 39_000


def load_mmengine(suffix: str) -> Callable[[str, object], None]:
    """Return a reader of Runner configs in files with the given suffix."""

    def read(text: str, folder: object) -> None:
        file = folder / f"config{suffix}"  # type: ignore[operator]
        file.write_text(text)
        Runner.from_cfg(str(file))

    return read


READERS: dict[str, tuple[Callable[[str, object], object], str, int, str]] = {
    # the reader, the text around a schedule, the most characters, and a plain piece of text
    "line": (lambda text, _: ps.parse(text), "{}", LINE, "warmup(1000)>>"),
    "yaml": (lambda text, _: ps.loads(text), "lr: {}", LINE, "warmup(1000)>>"),
    "json": (lambda text, _: ps.loads(text, format="json"), '{{"lr": {}}}', LINE, "[1],"),
    "toml": (lambda text, _: ps.loads(text, format="toml"), "lr = {}", LINE, "[1],"),
    "mapping": (lambda text, _: ps.load({"lr": json.loads(text)}), "{}", 900, ""),
    "runner yaml": (load_mmengine(".yaml"), "a: {}", FILE, "[1],"),
    "runner json": (load_mmengine(".json"), '{{"a": {}}}', FILE, "[1],"),
    "runner py": (load_mmengine(".py"), "a = {}", FILE, "[1],"),
}
OPENINGS = ["[", "(", "{", '{"a":', "[{", "{a: ", "[1,", "shift(", "-", "[[],", "{1:[", "- ", "f([", "'", '"[']
CLOSINGS = {"[": "]", "(": ")", "{": "}"}


def cpu_seconds(read: Callable[[str, object], object], text: str, folder: object) -> tuple[float, bool]:
    """Return the time of a call, and whether the text was refused with an error of the library."""
    begin = time.process_time()
    try:
        read(text, folder)
    except (ParamschedError, json.JSONDecodeError, RecursionError) as error:
        refused = isinstance(error, ParamschedError)
    else:
        refused = False
    return time.process_time() - begin, refused


@pytest.fixture(params=["C", "Python", "C with a limit"], autouse=True)
def yaml_parser(request, monkeypatch):
    """Read YAML with each parser of PyYAML: some installations lack that in C, and in some it has a limit."""
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param != "Python")
    if request.param == "C with a limit":
        events = yaml_text.parser_events

        def limited(text):
            if text.count("[") > 1000:
                raise yaml.scanner.ScannerError(problem="exceeded max nesting depth")
            return events(text)

        monkeypatch.setattr(yaml_text, "parser_events", limited)


@pytest.mark.parametrize("name", READERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check])
@given(
    opening=st.sampled_from(OPENINGS),
    closed=st.sampled_from(["all", "none", "one less"]),
    inside=st.sampled_from(["", "1", "x"]),
)
@example(opening="[", closed="all", inside="")
@example(opening="[", closed="none", inside="")
def test_nesting_takes_the_time_of_a_plain_text(name, opening, closed, inside, tmp_path_factory):
    read, around, most, piece = READERS[name]
    folder = tmp_path_factory.mktemp("nested")
    closing = "".join(CLOSINGS[c] for c in reversed(opening) if c in CLOSINGS)
    many = most // len(opening + closing)
    closings = {"all": many, "none": 0, "one less": many - 1}[closed]
    text = around.format(opening * many + inside + closing * closings)
    plain = around.format("[" + piece * (most // max(len(piece), 1)) + "1]")

    at_most = 0.5 + 5 * cpu_seconds(read, plain, folder)[0]
    seconds = min(cpu_seconds(read, text, folder)[0] for _ in range(2))

    assert seconds <= at_most


@pytest.mark.parametrize("name", [name for name in READERS if name != "mapping"])
def test_closed_brackets_are_refused(name, tmp_path):
    read, around, most, _ = READERS[name]
    text = around.format("[" * (most // 2) + "]" * (most // 2))

    assert cpu_seconds(read, text, tmp_path)[1]
