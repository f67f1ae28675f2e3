"""Each correction of a plan file: its place, its advice, and the text after the edit."""

import json
import tomllib

import pytest
import yaml

import paramsched as ps
from paramsched.core import files as config
from paramsched.core.files.command_lines import named_options
from paramsched.core.files.syntaxes.yaml_text import yaml_places
from paramsched.core.files.text_places import place_at_path
from paramsched.core.files.unused_settings import looks_like_schedule
from paramsched.errors import ConfigError
from support.tables import table


@table(
    ("text", "place", "found", "instead", "edited"),
    [
        (
            "lr: 1\nclock: tokenz\n",
            (2, 8, "PS106"),
            'unknown clock "tokenz"; did you mean "tokens"?',
            "Write tokens",
            "lr: 1\nclock: tokens\n",
        ),
        (
            "lr: 1\nclock: {lr: stepz}\n",
            (2, 13, "PS106"),
            'unknown clock "stepz"; expected one of batches, frames, progress, samples, seconds, tokens, '
            "updates (images and examples are samples)",
            "For example: updates",
            None,
        ),
        ("lr: 1\nclock: 5\n", (2, 8, "PS105"), "expected the name of a clock, got 5", "For example: tokens", None),
        (
            "lr: 1\nversion: 1\n",
            (2, 1, "PS103"),
            '"version" is not a hyperparameter',
            "Remove it",
            None,
        ),
        (
            "epochs: 20\nlr: 1\n",
            (1, 1, "PS103"),
            '"epochs" is not a field; the length of the run is "horizon"',
            "Write horizon: 20 epochs",
            None,
        ),
        (
            "total_steps: 5k\nlr: 1\n",
            (1, 1, "PS103"),
            '"total_steps" is not a field; the length of the run is "horizon"',
            "Write horizon: 5k steps",
            None,
        ),
        (
            "lr: 1\ngroups:\n  head: cosine()\n",
            (3, 3, "PS105"),
            'expected fields and their schedules, got "cosine()"',
            "Write head: {lr: cosine()}",
            None,
        ),
        (
            "lr: 1\ngroups:\n  head: {lr: 1, horizon: 5}\n",
            (3, 17, "PS104"),
            "horizon applies to the entire plan, so it must not be repeated",
            "Move horizon to the top level",
            None,
        ),
        (
            "lr: 1\ngroups:\n  -1: {lr: 1}\n",
            (3, 3, "PS104"),
            "the index of a group must not be negative, got -1",
            "Count from 0, or write the group's name",
            None,
        ),
        (
            "lr: 1\ngroups: [{name: head, lr: constant(0.5)}]\n",
            (2, 1, "PS105"),
            'expected a mapping from the names of groups, got [{"name": "head", "lr": "constant(0.5)"}]',
            "Write groups: {head: {lr: constant(0.5)}}",
            None,
        ),
        (
            "schedule: {lr: 1}\n",
            (1, 1, "PS103"),
            '"schedule" is not a field; the entries of a plan are written at the top level',
            "Write lr: 1",
            None,
        ),
        (
            "hparams: {lr: 1, momentum: constant(0.9)}\n",
            (1, 1, "PS103"),
            '"hparams" is not a field; the entries of a plan are written at the top level',
            "Move its entries to the top level",
            None,
        ),
        (
            "lr: cosine()\nwarmup_steps: 5\n",
            (2, 1, "PS103"),
            '"warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage',
            "Write lr: warmup(5) >> cosine()",
            None,
        ),
        (
            "lr @ head: 1\nmomentum: 1\n",
            (1, 1, "PS103"),
            "schedules for single groups are written under groups",
            "Write groups: {head: {lr: 1}}",
            None,
        ),
        (
            "lr: {head: cosine(), default: 0.5}\n",
            (1, 1, "PS103"),
            "schedules for single groups are written under groups",
            "Keep lr: 0.5 and move the other entries to groups: {head: {lr: cosine()}}",
            None,
        ),
        (
            "steps_per_epoch: 100\nlr: 1\n",
            (1, 1, "PS103"),
            '"steps_per_epoch" is a run fact, not a field',
            "Remove it, and pass steps_per_epoch=100 to the Scheduler",
            None,
        ),
        (
            "betas: [0.9, 0.99]\n",
            (1, 1, "PS105"),
            "a list is a sequence of stages; each element of this field is a field of its own",
            'Split it: "betas[0]": absolute(0.9) and "betas[1]": absolute(0.99)',
            None,
        ),
        (
            "lr: 1\nhorizen: 5\n",
            (2, 1, "PS103"),
            'unknown field "horizen"; did you mean "horizon"?',
            "Write horizon: 5",
            "lr: 1\nhorizon: 5\n",
        ),
        (
            "targets: {t: {schedul: cosine(), initial: 1}}\n",
            (1, 15, "PS103"),
            'a target has no "schedul"; did you mean "schedule"?',
            "Write schedule: cosine()",
            "targets: {t: {schedule: cosine(), initial: 1}}\n",
        ),
        (
            "targets: {t: 5}\n",
            (1, 14, "PS105"),
            "5 is a number, not a target",
            "For example: t: {initial: 5, schedule: cosine()}",
            None,
        ),
        (
            "lr: {cosine: [1, 2, 3, t/n, 5]}\n",
            (1, 5, "PS104"),
            "cosine takes at most 4 values, start, to, over, index; found 5",
            "For example: cosine(to=0.1, over=100)",
            None,
        ),
        (
            "lr: 1\nnote: {whoo: a}\n",
            (2, 8, "PS104"),
            'unknown key "whoo" of a note; did you mean "who"?',
            "",
            "lr: 1\nnote: {who: a}\n",
        ),
        ("lr: 1\nnote: {who: 5}\n", (2, 13, "PS105"), "expected a text, got 5", 'Write "5"', None),
        (
            "lr: 1\n$schema: 5\n",
            (2, 10, "PS105"),
            "expected the name of a schema, got 5",
            'For example: "$schema": "plan.schema.json"',
            None,
        ),
        (
            "lr: {step: []}\n",
            (1, 5, "PS104"),
            'step needs the argument "every"',
            "For example: step(30, 0.5)",
            None,
        ),
        (
            "lr: {multistep: [30, 60]}\n",
            (1, 5, "PS105"),
            "multistep takes a list of values",
            "Write lr: multistep([30, 60])",
            None,
        ),
        (
            "lr: {zzzz: 1}\n",
            (1, 1, "PS103"),
            "schedules for single groups are written under groups",
            "Write groups: {zzzz: {lr: 1}}",
            None,
        ),
        (
            "lr: {cosin: 1}\n",
            (1, 5, "PS102"),
            'unknown schedule "cosin"; did you mean "cosine"?',
            "Write lr: cosine(1)",
            "lr: {cosine: 1}\n",
        ),
        (
            "lr: {cosine: {too: 1}}\n",
            (1, 15, "PS104"),
            'unknown argument "too" of cosine; did you mean "to"?',
            "Write lr: cosine(to=1)",
            "lr: {cosine: {to: 1}}\n",
        ),
        (
            "lr: {cosine: {too: 1, to: 2}}\n",
            (1, 15, "PS104"),
            'unknown argument "too" of cosine; did you mean "to"?',
            "For example: cosine(to=0.1, over=100)",
            None,
        ),
    ],
)
def test_a_mistake_in_a_plan_is_reported_at_its_place_with_its_correction(text, place, found, instead, edited):
    try:
        config.loads(text)
    except ConfigError as error:
        fault = error.diagnostics[0]
    edit = fault.edit

    assert (fault.line, fault.column, fault.code) == place
    assert (fault.found, fault.instead) == (found, instead)
    assert (None if edit is None else text[: edit.begin] + edit.text + text[edit.end :]) == edited


def test_words_before_the_first_option_are_no_values():
    found = named_options(["train.py", "x", "--lr", "1", "--steps", "3", "6", "--fused", "--", "--lr=2"])

    assert found == {
        "lr": ("2", "$.lr"),
        "steps": (["3", "6"], "$.steps"),
        "fused": (True, "$.fused"),
    }


def test_an_argument_of_an_unknown_function_is_located_at_its_list():
    root = yaml_places("lr: {mine: [1, 2]}")

    assert place_at_path(root, "$.lr.over").begin == 11
    assert place_at_path(yaml_places("lr: {cosine: [1, 2]}"), "$.lr.to").begin == 17


@table(
    ("value", "found", "instead"),
    [
        ({"absolute": True}, "expected a schedule, got true", "For example: cosine(to=0.1)"),
        (
            {"absolute": "linear(absolute(1))"},
            "absolute(linear(absolute(1.0))): it contains absolute(1.0), and every number in absolute(…)",
            "For example: absolute(linear(0.85, 0.95, over=10))",
        ),
        ([{"zzzz": "x"}], 'unknown schedule "zzzz"', 'For example: warmup("5%") >> cosine(to=0.1)'),
        (
            [{"cosin": "x"}],
            'unknown schedule "cosin"; did you mean "cosine"?',
            'For example: warmup("5%") >> cosine(to=0.1)',
        ),
    ],
)
def test_a_mapping_that_is_no_schedule_is_corrected(value, found, instead):
    try:
        config.loads({"lr": value})
    except ConfigError as error:
        fault = error.diagnostics[0]

    assert fault.found.startswith(found)
    assert fault.instead == instead


@table(
    ("key", "is_schedule"),
    [
        ("weight_decay_end", True),
        ("weight_decay_warmup", True),
        ("wd_schedule", True),
        ("min_weight_decay", True),
        ("weight_decay_mask", False),
        ("layer_decay", False),
        ("lr_decay", True),
        ("warm_start", False),
        ("eval_max_steps", False),
    ],
)
def test_keys_of_a_schedule_are_recognized(key, is_schedule):
    assert looks_like_schedule(key) is is_schedule


_ENTRIES = {
    "lr": "cosine(to=0.3)",
    "weight_decay": "linear(1.0, 0.2)",
    "momentum": "constant(0.5)",
    "horizon": "70 epochs",
    "clock": "tokens",
    "groups": {"head": {"lr": "cosine(to=0.4)"}},
    "targets": {"t": {"initial": 2.0, "schedule": "cosine(to=0.6)"}},
}


@pytest.mark.parametrize("key", list(_ENTRIES))
def test_a_misspelled_key_is_answered_with_its_entry(key):
    slips = [key[:at] + key[at + 1 :] for at in range(1, len(key))] + [key + "x", key[:1] + key[0] + key[1:]]
    for slip in slips if len(key) > 3 else [key + key[-1]]:
        with pytest.raises(ConfigError) as refused:
            config.loads({"alpha": "cosine()", slip: _ENTRIES[key]})
        (one,) = refused.value.diagnostics
        line = one.instead.removeprefix("Write ")
        assert config.loads(f"alpha: cosine()\n{line}") == config.loads({"alpha": "cosine()", key: _ENTRIES[key]})


@pytest.mark.parametrize("written", ["7.3%", [0.073], "0.073", ["7.3%"]])
def test_a_number_of_a_target_in_another_form_is_corrected(written):
    with pytest.raises(ConfigError) as refused:
        config.loads({"lr": "cosine()", "targets": {"t": {"initial": written, "schedule": "cosine()"}}})
    assert [one.instead for one in refused.value.diagnostics] == ["Write 0.073"]


@pytest.mark.parametrize("text", [
    "horizon: 5\nhorizn: 7\nlr: cosine()",
    "groups: {head: {lr: cosine(), lrr: linear()}}",
    "lr: cosine()\n'learning rate': linear()",
    "lr: cosine()\n' lr': linear()",
])  # fmt: skip
def test_a_corrected_key_that_is_there_already_is_not_written(text):
    with pytest.raises(ConfigError) as refused:
        config.loads(text)

    assert [one.edit for one in refused.value.diagnostics] == [None]
    assert not any(one.instead.startswith("Write") for one in refused.value.diagnostics)


@pytest.mark.parametrize("line", ["cosine()", "linear(0.85, 0.95)", "absolute(linear(0.85, 0.95))", "constant(0.9)"])
@pytest.mark.parametrize(
    "key",
    ["learning rate", "weight decay", "weight-decay", "beta-1", "beta 1", " momentum", "momentum!", "lr-", "momentm"],
)
def test_a_name_that_is_no_field_is_corrected_to_the_plan_of_the_advice(key, line):
    text = f'"{key}": {line}\nhorizon: 100\n'
    with pytest.raises(ConfigError) as refused:
        config.loads(text)

    (one,) = refused.value.diagnostics
    advised = config.loads(f"{one.instead.removeprefix('Write ')}\nhorizon: 100")
    edit = one.edit
    assert edit is None or config.loads(text[: edit.begin] + edit.text + text[edit.end :]) == advised


def in_toml(data):
    return "\n".join(f"{json.dumps(key)} = {value_in_toml(value)}" for key, value in data.items())


def value_in_toml(value):
    entries = in_toml(value).replace("\n", ", ") if isinstance(value, dict) else ""
    return f"{{{entries}}}" if isinstance(value, dict) else json.dumps(value)


@pytest.mark.parametrize("syntax", ["yaml", "json", "toml"])
@pytest.mark.parametrize(
    ("data", "sentence", "moved"),
    [
        ({"betas": [0.9, 0.99]}, "Split it: | and ", {"betas[0]": "absolute(0.9)", "betas[1]": "absolute(0.99)"}),
        ({"betas": []}, "For example: ", {"betas[0]": "absolute(0.9)"}),
        ({"lr": "cosine()", "groups": {"a": {"max_steps": 50}}}, "Move it to the top level: ", {"horizon": 50}),
        ({"groups": {"a": {"lr": 1}}, "b": {"lr": 2}, "lr": 3}, "Move it into groups: ", {"b": {"lr": 2}}),
        (
            {"lr": {"head": "cosine()", "default": 0.5}},
            "Keep | and move the other entries to ",
            {"lr": 0.5, "groups": {"head": {"lr": "cosine()"}}},
        ),
        ({"momentum": "cosine()", "min_lr": 1e-5}, "For example: ", {"lr": "cosine(to=absolute(1e-05))"}),
        ({}, "For example: ", {"lr": "cosine(to=0.1)"}),
    ],
)
def test_entries_in_a_sentence_have_the_syntax_of_the_file(data, sentence, moved, syntax):
    write = {"yaml": yaml.safe_dump, "json": json.dumps, "toml": in_toml}[syntax]
    read = {"yaml": yaml.safe_load, "json": lambda text: json.loads(f"{{{text}}}"), "toml": tomllib.loads}[syntax]
    with pytest.raises(ConfigError) as refusal:
        ps.loads(write(data), syntax)
    advice = refusal.value.diagnostics[0].instead

    for words in sentence.split("|"):
        assert words in advice
        advice = advice.replace(words, "\n")
    entries = [read(line) for line in advice.strip().split("\n")]
    assert {key: value for one in entries for key, value in one.items()} == moved
