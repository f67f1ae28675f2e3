"""Every error in a file has a line, a column, and a caret below its location."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched import files as config
from paramsched.errors import ConfigError
from paramsched.files.reading import place_at_path
from paramsched.files.yaml_syntax import places_in, read_yaml, write_json, write_yaml
from support.tables import table


def problems(text, format):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)
    return refusal.value.problems


def pointed_at(text, format):
    """Return the text from the location of the only error to the end of its line."""
    (problem,) = problems(text, format)
    line = text.splitlines()[problem.line - 1]
    assert problem.text == line
    return line[problem.column - 1 :]


MEANING = [
    ("yaml", "lr: warmup(5) >> cosin(to=0.1)\n", "cosin(to=0.1)"),
    ("yaml", "total: 9\nlr: 'warmup(''5 parsecs'') >> cosine()'\n", "''5 parsecs''"),
    ("yaml", 'lr: "warmup(\\"5 parsecs\\") >> cosine()"\n', '\\"5 parsecs'),
    ("yaml", "groups:\n  head:\n    lr: cosine(to=True)\n", "to=True)"),
    ("yaml", "groups:\n  head:\n    lr: {cosine: {to: 1}}\n", "{cosine: {to: 1}}"),
    ("yaml", "lr: linear(1,\n  [2], 5)\n", "[2], 5)"),
    ("yaml", "lr:\n  - warmup(5)\n  - cosine()\n", "- warmup(5)"),
    ("yaml", "groups: {head: {lr: 'chain(cosine(), cosin())'}}\n", "cosin())'}}"),
    ("yaml", "targets: {t: {initial: x, schedule: 'linear(1.0, 0.1)'}}\n", "x, schedule"),
    ("yaml", "targets: {t: {initial: 1, schedule: 'linear(1.0,0.1, ab)'}}\n", "ab)'}}"),
    ("yaml", "lr: anneal(curve=curves.power(ab))\n", "ab))"),
    ("yaml", "lr: >\n  warmup(5) >>\n  cosin()\n", "cosin()"),
    ("yaml", "lr: |\n  warmup(5) >> cosin()\n", "cosin()"),
    ("yaml", "lr: 1\nlr: constant(2)\n", "lr: constant(2)"),
    ("yaml", "lr: 1\nweight_decy: 0\n", "weight_decy: 0"),
    ("yaml", "lr: 1\r\ntotal: 5 parsecs\r\n", "5 parsecs"),
    ("yaml", "# größe\nlr: plateau('größe') * cosin()\n", "cosin()"),
    ("json", '{"lr": "warmup(5) >> cosin()"}', 'cosin()"'),
    ("json", '{\n "groups": {"head": {"lr": ["warmup(5)", "cosine()"]}}}', '["warmup'),
    ("json", '{"lr": "plateau(\\"\\u0066\\") * cosin()"}', '"plateau('),
    ("json", '{"lr": 1, "lr": 2}', '"lr": 2'),
]


@table(("format", "text", "piece"), MEANING)
def test_a_semantic_error_points_at_its_piece_of_the_file(format, text, piece):
    assert pointed_at(text, format).startswith(piece)


def test_the_error_shows_the_location_and_a_caret_below_it(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text('total: 20 epochs\nlr: warmup("5%") >> cosin(to=0.1)\n')

    with pytest.raises(ConfigError) as refusal:
        config.load(file)

    first, *rest = str(refusal.value).splitlines()
    assert first.startswith(f"{file}:2:21: $.lr: ")
    assert rest == ['    lr: warmup("5%") >> cosin(to=0.1)', "                        ^"]


def test_a_long_line_is_shown_around_the_caret():
    (problem,) = problems("lr: " + "warmup(5) >> " * 500 + "cosin()", "yaml")

    line, caret = problem.pointer.splitlines()
    assert len(line) < 80
    assert line[caret.index("^") :].startswith("cosin()")


# ---------------------------------------------------------------- locations


keys = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
plain = st.recursive(
    st.integers(0, 99) | st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cc", "Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def leaves(place, data, text):
    """Yield every value of `data` with the piece of `text` at its location."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(place.parts[key], value, text)
    elif isinstance(data, list):
        for inner, value in zip(place.parts, data, strict=True):
            yield from leaves(inner, value, text)
    else:
        yield data, text[place.begin : place.end]


@given(st.dictionaries(keys, plain, min_size=1, max_size=4))
def test_every_value_of_a_json_text_is_found(data):
    text = write_json(data)

    for value, piece in leaves(places_in(text), data, text):
        assert read_yaml(f"- {piece}", "")[0] == value


@given(st.dictionaries(keys, plain, min_size=1, max_size=4))
def test_every_value_of_a_yaml_text_is_found(data):
    text = write_yaml(data)

    for value, piece in leaves(places_in(text), data, text):
        assert read_yaml(f"- {piece}", "")[0] == value


def test_a_missing_path_is_located_at_its_nearest_parent():
    root = places_in("groups:\n  head: {lr: 1}\n  neck: {lr: 1}\n")

    assert place_at_path(root, "$.groups.tail.lr").begin == root.parts["groups"].begin
    assert place_at_path(root, "$.groups.head.lr").text == "1"
    assert place_at_path(root, "$") is root


def pieces(text, place, name="$"):
    """Yield the path, the text and the offset of the key of each value."""
    yield f"{name} {text[place.begin : place.end]!r} {place.key}"
    parts = place.parts.items() if isinstance(place.parts, dict) else enumerate(place.parts or ())
    for key, inner in parts:
        yield from pieces(text, inner, f"{name}.{key}")


@table(
    ("places", "text", "expected"),
    [
        (
            places_in,
            "a: {k: 1, l: [2, 3]}\nb: x\n",
            [
                "$.a '{k: 1, l: [2, 3]}' 0",
                "$.a.k '1' 4",
                "$.a.l '[2, 3]' 10",
                "$.a.l.0 '2' None",
                "$.a.l.1 '3' None",
                "$.b 'x' 21",
            ],
        ),
        (
            places_in,
            '{"a": [1, {"b": "c"}], "d": {}}',
            [
                '$.a \'[1, {"b": "c"}]\' 1',
                "$.a.0 '1' None",
                '$.a.1 \'{"b": "c"}\' None',
                "$.a.1.b '\"c\"' 11",
                "$.d '{}' 23",
            ],
        ),
    ],
)
def test_each_value_and_each_key_has_its_offset(places, text, expected):
    whole, *actual = pieces(text, places(text))

    assert actual == expected
    assert whole == f"$ {text!r} None"
