"""References within a config, compared with OmegaConf."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from paramsched.core.files.references import with_references

NAMES = st.sampled_from(
    ["a", "b", "c", "part.a", "part.b", "part.inner.a", "list[0]", "list.1", ".a", "..b", "missing"]
)
REFERENCE = NAMES.map(lambda name: f"${{{name}}}")
VALUES = st.one_of(
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from(["10ba", "x", ""]),
    REFERENCE,
    REFERENCE.map("{}ba".format),
    st.tuples(REFERENCE, REFERENCE).map("/".join),
)
CONFIGS = st.fixed_dictionaries(
    {"a": VALUES, "b": VALUES, "c": VALUES, "list": st.tuples(VALUES, VALUES).map(list)},
    optional={"part": st.fixed_dictionaries({"a": VALUES, "b": VALUES, "inner": st.fixed_dictionaries({"a": VALUES})})},
)


@given(CONFIGS)
def test_a_config_is_resolved_as_by_omegaconf(data):
    try:
        theirs = OmegaConf.to_container(OmegaConf.create(data), resolve=True)
    except (OmegaConfBaseException, RecursionError):
        return

    assert with_references(data) == theirs


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "${hydra:run.dir}", "${a", "\\${a}", "${}", "${b}", "$a"])
def test_references_to_missing_entries_stay_unchanged(text):
    assert with_references({"a": 5, "x": text}) == {"a": 5, "x": text}


def test_a_reference_may_be_nested_in_another():
    data = {"kind": "b", "b": {"n": 3}, "x": "${${kind}.n}"}

    assert with_references(data)["x"] == OmegaConf.create(data).x == 3
