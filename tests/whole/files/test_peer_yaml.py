"""YAML of peers is read as PyYAML reads it; entries unrelated to the schedule never prevent reading."""

import itertools
import warnings

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.cli import main
from paramsched.core import files as config
from paramsched.core.base.problem import PlanWarning
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, plain_data
from paramsched.core.files.yaml_text import read_peer_yaml
from paramsched.errors import ConfigError
from support.spread import spread
from support.tables import table

PEERS = {
    "mmengine": "train_cfg: {max_epochs: 12}\nparam_scheduler: {type: StepLR, step_size: 3}\n",
    "torch": "scheduler: {StepLR: {step_size: 3}}\n",
}
"""A config for each peer that allows other entries next to the scheduler."""

KEYS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.one_of(st.integers(-5, 5), st.booleans(), st.none(), st.sampled_from(["x", "1.5", "", "no", "*", "&a"]))


def run_command(*arguments):
    return CliRunner().invoke(main, arguments, prog_name="paramsched", catch_exceptions=False)


def plain(text):
    """Return the data of a text as a reader of peer configs reads it."""
    return plain_data(read_peer_yaml(text, ""), DiagnosticCollector(), [])


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


ASIDE = {
    "anchors": "other: {x: &x [1, 2], y: *x}",
    "an anchor above a merge": "base: &base {k: 1}\nother: {<<: *base, k: 2}",
    "tags": "other: {x: !!python/tuple [1], y: !mine {z: 1}, z: !!python/name:torch.optim.SGD ''}",
    "keys that are there twice": "other: {k: 1, k: 2}",
    "keys that are no text": "other: {1: a, 1.5: b, null: c, true: d}\n5: e",
    "a key that is a list": "other: {? [1, 2] : a}",
    "numbers beyond a float": f"other: [.inf, .nan, -.inf, {'9' * 320}, {'9' * 500}]",
    "dates": "other: [2024-01-01, 2024-01-01T00:00:00Z]",
    "references to unknown values": "other: ['${oc.env:HOME}', '${nothing}', '${', '${a${b}']",
}


@table("aside", ASIDE)
@pytest.mark.parametrize("name", PEERS)
def test_entries_that_schedule_nothing_do_not_change_the_plan(name, aside):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert config.loads(f"{PEERS[name]}{ASIDE[aside]}\n", name) == config.loads(PEERS[name], name)


@pytest.mark.parametrize("aside", ["anchors", "tags"])
@pytest.mark.parametrize("name", PEERS)
def test_convert_reads_the_same_files_as_other_commands(name, aside, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(f"# as published\n{PEERS[name]}{ASIDE[aside]}  # not kept\n")

    done = run_command("convert", str(file), "--from", name, "--to", "yaml")

    assert config.loads(done.stdout) == config.loads(PEERS[name], name)
    assert "the comments of" in done.stderr


def test_comments_of_a_template_that_is_not_valid_yaml_are_noted(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("param_scheduler: {type: StepLR, step_size: 2}  # as published\nname: {{fileBasename}}\n")

    assert "the comments of" in run_command("convert", str(file), "--from", "mmengine", "--to", "yaml").stderr


@table("line", ["x: &a 1", "x: *a", "x: !!str 1", "x: 1\nx: 2"])
def test_native_plans_reject_anchors_tags_and_duplicate_keys(line):
    with pytest.raises(ConfigError):
        config.loads(f"{line}\nlr: cosine()")


TWICE = {
    "mmengine": ("train_cfg: {max_epochs: 3, max_epochs: 12}\n", "$.train_cfg"),
    "torch": ("scheduler: {StepLR: {step_size: 5, step_size: 3}}\n", "$.scheduler"),
}


@table("name", TWICE)
def test_the_last_value_of_a_duplicate_schedule_key_is_used_with_a_warning(name):
    first, path = TWICE[name]

    with pytest.warns(PlanWarning, match="the last value counts. Keep one") as caught:
        plan = config.loads(first + PEERS[name], name)

    assert plan == config.loads(PEERS[name], name)
    assert str(caught[0].message).startswith(path)


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


CHEAP = ("an alias in its own anchor", "an alias without an anchor", "a merge of a number")
COSTLY = (("torch", "aliases of aliases"), ("torch", "merges of merges"), ("mmengine", "many aliases of a long list"))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "bomb"), spread(itertools.product(PEERS, BOMBS), *itertools.product(PEERS, CHEAP), *COSTLY)
)
def test_an_alias_bomb_is_rejected(name, bomb):
    with pytest.raises(ConfigError):
        config.loads(PEERS[name] + BOMBS[bomb], name)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "bomb",
    [
        "k0: [1]\n" + "".join(f"k{i}: ['${{k{i - 1}}}', '${{k{i - 1}}}']\n" for i in range(1, 60)),
        "k0: x\n" + "".join(f"k{i}: ${{k{i - 1}}}${{k{i - 1}}}\n" for i in range(1, 60)),
        "s: " + "y" * 9_000 + "\nk:\n" + ("- '" + "${s}" * 2_000 + "'\n") * 90,
    ],
    ids=["lists", "text", "long text"],
)
def test_a_reference_bomb_is_rejected(bomb):
    with pytest.raises(ConfigError, match="more than 100,000 values"):
        config.loads(PEERS["torch"] + bomb, "torch")


@table("name", PEERS)
def test_a_lone_surrogate_is_rejected_in_every_dialect(name):
    with pytest.raises(ConfigError, match="is half a character"):
        ps.loads("lr: 0\ud800.1", name)
