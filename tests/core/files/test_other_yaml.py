"""YAML of other programs is read as PyYAML reads it, without creating objects. Plan files accept less."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core import files as config
from paramsched.core.files.problem_collector import ProblemCollector, plain_data
from paramsched.core.files.yaml_text import read_foreign_yaml
from paramsched.errors import ConfigError
from support.tables import table

KEYS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.one_of(st.integers(-5, 5), st.booleans(), st.none(), st.sampled_from(["x", "1.5", "", "no", "*", "&a"]))


def plain(text):
    """Return the data of a text of another program as plain values."""
    return plain_data(read_foreign_yaml(text, ""), ProblemCollector(), [])


@st.composite
def shared_data(draw):
    """Draw data with shared values, which PyYAML writes as an anchor and its aliases."""
    pool = [draw(SCALARS) for _ in range(3)]
    for _ in range(draw(st.integers(1, 8))):
        parts = draw(st.lists(st.sampled_from(range(len(pool))), max_size=4))
        made = [pool[part] for part in parts]
        pool.append(made if draw(st.booleans()) else dict(zip("abcd", made, strict=False)))
    return {"all": pool}


@given(shared_data())
def test_aliases_have_the_values_of_their_anchors(data):
    text = yaml.safe_dump(data)

    assert plain(text) == yaml.safe_load(text) == data


@given(
    st.lists(st.tuples(st.dictionaries(KEYS, st.integers(0, 9), max_size=3), st.lists(st.integers(0, 9))), max_size=6)
)
def test_merge_keys_are_merged_as_by_pyyaml(layers):
    lines = ["m0: &m0 {a: 0}"]
    for index, (own, merged) in enumerate(layers, start=1):
        names = [f"*m{one % index}" for one in merged]
        entries = [f"{key}: {value}" for key, value in own.items()]
        entries.insert(len(entries) // 2, f"<<: [{', '.join(names)}]" if len(names) != 1 else f"<<: {names[0]}")
        lines.append(f"m{index}: &m{index} {{{', '.join(entries)}}}")
    text = "\n".join(lines)

    assert plain(text) == yaml.safe_load(text)


@table("value", ["yes", "No", "on", ".5", "5.", "1_000", "+3", "~", ".inf", "-.inf", "1.5e+3"])
def test_scalars_are_the_same_as_in_pyyaml(value):
    assert plain(f"a: {value}") == yaml.safe_load(f"a: {value}")


@table(
    ("text", "value"),
    [
        ("!!python/tuple [1, 2]", [1, 2]),
        ("!!float '1e-3'", 1e-3),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!python/object/apply:eval [9]", "tag:yaml.org,2002:python/object/apply:eval …"),
        ("!ratio 5", "!ratio 5"),
        ("1e-3", 1e-3),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_a_foreign_tag_does_not_create_a_number_or_list(text, value):
    assert plain(f"a: {text}") == {"a": value}


@table("line", ["x: &a 1", "x: *a", "x: !!str 1", "x: 1\nx: 2"])
def test_plan_files_reject_anchors_tags_and_duplicate_keys(line):
    with pytest.raises(ConfigError):
        config.loads(f"{line}\nlr: cosine()")


BOMBS = {
    "aliases of aliases": "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)),
    "merges of merges": "a0: &a0 {x0: 1}\n"
    + "".join(f"a{i}: &a{i} {{<<: *a{i - 1}, x{i}: 1}}\n" for i in range(1, 5_000)),
    "many aliases of a long list": "a: &a\n" + "- 1\n" * 20_000 + "b:\n" + "- *a\n" * 20_000,
    "an alias in its own anchor": "a: &a [*a]\n",
    "an alias without an anchor": "a: *b\n",
    "a merge of a number": "a: {<<: 5}\n",
}


@pytest.mark.heavy
@table("bomb", BOMBS)
def test_an_alias_bomb_is_rejected(bomb):
    with pytest.raises(ConfigError):
        read_foreign_yaml(BOMBS[bomb], "")
