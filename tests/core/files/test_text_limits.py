"""The limits of a text: the largest text that is allowed is read, and one more is refused at its place."""

import pickle

import pytest

from paramsched.core import files as config
from paramsched.core.files.diagnostic_collector import (
    DiagnosticCollector,
    plain_data,
    refuse_large_plan,
    refuse_many_values,
    values_in,
)
from paramsched.core.files.json_and_toml import read_json
from paramsched.core.files.plan_files import PlanText, read_data, read_peer_data
from paramsched.core.files.text_limits import (
    MOST_BYTES,
    MOST_DEPTH,
    MOST_ENTRIES,
    MOST_VALUES,
    nested_too_deep,
    refuse_long_text,
)
from paramsched.core.files.yaml_text import read_peer_yaml, read_yaml
from paramsched.core.schedules.text import MOST_WORDS
from paramsched.errors import ConfigError
from support.tables import table


def refused(call, *arguments):
    """Return the diagnostics of a call that must be refused."""
    with pytest.raises(ConfigError) as refusal:
        call(*arguments)
    return refusal.value.diagnostics


def test_the_size_of_a_text_counts_its_bytes():
    line = "é" * (MOST_BYTES // 2)

    refuse_long_text(line, "")
    (fault,) = refused(refuse_long_text, f"{line}x", "")

    assert fault.found == "1,000,001 bytes, more than 1,000,000; a plan is a short text"


@table(
    ("read", "opening", "closing", "begin"),
    [
        (read_yaml, "[", "]", ""),
        (read_peer_yaml, "{a: ", "}", ""),
        (read_yaml, "- ", "", ""),
        (read_json, "[", "]", ""),
    ],
)
def test_lists_and_mappings_are_nested_as_deep_as_a_plan_may_be(read, opening, closing, begin):
    def text(depth):
        return f"{begin}{opening * depth}1{closing * depth}"

    data = plain_data(read(text(MOST_DEPTH), ""), DiagnosticCollector())
    for _ in range(MOST_DEPTH):
        (data,) = data.values() if isinstance(data, dict) else data
    assert data == 1
    (fault,) = refused(read_data, text(MOST_DEPTH + 1), read, "")
    assert fault.found == "nested more than 50 deep"
    assert fault.column in (None, MOST_DEPTH * len(opening) + 1)


@table("make", [lambda n: {"lr": [0] * (n - 1)}, lambda n: ["," * (n - 1)]])
def test_a_text_has_at_most_so_many_values_and_commas(make):
    refuse_many_values(make(MOST_VALUES), "")

    refused(refuse_many_values, make(MOST_VALUES + 1), "")


@table(
    ("allowed", "more"),
    [
        (dict.fromkeys(range(MOST_ENTRIES), 1), {"one": 1}),
        ({"groups": dict.fromkeys(range(MOST_ENTRIES - 1), 1)}, {"lr": 1}),
        ({"lr": ["+" * (MOST_WORDS - 1)]}, {"horizon": "a 1 b"}),
    ],
)
def test_a_plan_has_at_most_so_many_entries_and_names(allowed, more):
    refuse_large_plan(allowed, "")

    refused(refuse_large_plan, allowed | more, "")


def test_values_are_visited_in_the_order_of_the_text():
    data = {"a": [1, {"b": 2}, []], "c": {"d": [3, [4]], "e": 5}}

    assert [one for one in values_in(data) if isinstance(one, int)] == [1, 2, 3, 4, 5]
    assert [*values_in(read_json('{"x": {"y": 1}, "x": 2}', ""))][-2:] == [1, 2]
    assert next(values_in(data)) is data


def test_wrong_values_are_reported_in_the_order_of_the_text():
    diagnostics = DiagnosticCollector()

    plain_data({"a": [1j, {"b": {1}}], "c": {"d": [float("nan")], "e": 1j}, "f": 1j}, diagnostics)

    assert [one.path for one in diagnostics.found()] == ["$.a[0]", "$.a[1].b", "$.c.d[0]", "$.c.e", "$.f"]


def test_a_key_that_occurs_twice_is_an_error_in_a_plan_and_the_last_one_counts_in_a_peers_config():
    text = "color: 1\nmore: {size: 2, size: 3}\ncolor: 4\n"

    assert [one.path for one in refused(read_data, text, read_yaml, "")] == ["$.more.size", "$.color"]
    assert read_peer_data(text, "yaml", "") == {"color": 4, "more": {"size": 3}}


@table(
    ("format", "syntax", "text", "has"),
    [
        ("yaml", None, "lr: 1 # a", True),
        ("yaml", None, "#a\nlr: 1", True),
        ("yaml", None, "lr: a#b\nx: '# a'\ny: \" # b\"", False),
        ("toml", "toml", "lr = 1#a", True),
        ("toml", "toml", "lr = '''\n# a'''", False),
        ("native", None, "lr: 1 # a", True),
        ("native", "toml", "lr = 1#a", True),
        ("native", "json", '{"lr": "1 # a"}', False),
        ("torch", "yaml", "StepLR: {step_size: 3} # a", True),
        ("mmengine", None, "x = 1 # a", False),
    ],
)
def test_comments_are_found_outside_of_quotes(format, syntax, text, has):
    assert PlanText("plan", text, format, syntax).has_comments is has


@table(
    ("data", "is_checkpoint"),
    [
        (b"PK\x03\x04" + b"x" * 244 + b"data.pkl\n", True),
        (b"PK\x03\x04" + b"x" * 245 + b"data.pkl\n", False),
        (pickle.dumps({"lr": 0.1}, protocol=2), True),
        (pickle.dumps({"lr": 0.1}, protocol=5), True),
        (b"\x80\x01lr", False),
        (b"lr\x80\x05", False),
    ],
)
def test_a_checkpoint_in_place_of_a_plan_is_called_one(tmp_path, data, is_checkpoint):
    file = tmp_path / "a b.yaml"
    file.write_bytes(data)

    with pytest.raises(ConfigError) as refusal:
        config.load(file)
    (fault,) = refusal.value.diagnostics
    assert (fault.found == "this is a checkpoint, not a plan") is is_checkpoint
    assert (fault.instead == f"For example: paramsched resume '{file}' --plan plan.yaml") is is_checkpoint


@pytest.mark.parametrize("read", [read_yaml, read_peer_yaml])
def test_commas_texts_lists_and_mappings_count_as_values(read):
    text = "a: '{}'\nb: [[], {{}}, []]\n"

    assert read(text.format("," * 99_992), "")[1] == ("b", [[], [], []])
    with pytest.raises(ConfigError, match="more than 100,000 values"):
        read(text.format("," * 99_993), "")


ALIASES = "a: &a [{}]\nb: [{}]\n"


@pytest.mark.parametrize(("items", "aliases"), [(40_000, 7), (100, 1_000), (1, 99_000)])
def test_the_values_of_a_document_with_its_aliases_are_limited(items, aliases):
    text = ALIASES.format(",".join(["1"] * items), ",".join(["*a"] * aliases))

    with pytest.raises(ConfigError, match=r"more than 100,000 values"):
        read_peer_yaml(text, "")


@pytest.mark.parametrize(("mappings", "is_read"), [(165, True), (170, False)])
def test_entries_of_merged_mappings_count_as_values(mappings, is_read):
    entries = ", ".join(f"x{n}: 1" for n in range(200))
    text = f"a: &a {{{entries}}}\nb:\n" + "- {<<: *a}\n" * mappings

    if is_read:
        assert len(read_peer_yaml(text, "")[1][1]) == mappings
    else:
        with pytest.raises(ConfigError, match="more than 100,000 values"):
            read_peer_yaml(text, "")


def test_tensors_in_place_of_a_plan_are_called_so(tmp_path):
    header = b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))

    with pytest.raises(ConfigError, match="this is a file of safetensors, not a plan"):
        config.load(file)


def test_the_first_bracket_that_is_too_deep_is_located():
    text = "[\n" + "[], {}, " * MOST_DEPTH + "\n" + "[" * MOST_DEPTH

    (fault,) = nested_too_deep(text, "plan.json").diagnostics

    assert (fault.line, fault.column) == (3, MOST_DEPTH)
