"""Unused entries that look like schedule settings are reported; other entries are not."""

import warnings

import pytest

from paramsched.core import files as config
from paramsched.core.base.diagnostic import DiagnosticWarning
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.files.unused_settings import (
    has_setting,
    looks_like_schedule,
    note_defaults,
    program_of,
    report_no_settings,
    report_unused_settings,
)
from support.tables import table

MEGATRON = {"train_iters": 9, "lr": 0.1}


@table(
    ("name", "data", "path"),
    [
        ("megatron", {**MEGATRON, "lr_warmup": 3}, "$.lr_warmup"),
    ],
)
def test_an_entry_that_looks_like_a_setting_and_is_not_used_is_reported(name, data, path):
    with pytest.warns(DiagnosticWarning) as caught:
        config.loads(data, name)

    assert caught[0].message.diagnostic.path == path
    assert "the plan is read without it" in str(caught[0].message)


@table(
    ("name", "data"),
    [
        ("megatron", {**MEGATRON, "adlr_autoresume": True, "iter_per_epoch": 1250, "straggler_ctrlr_port": 1}),
        ("megatron", {**MEGATRON, "micro_batch_size": 4, "wandb_entity": "x"}),
    ],
)
def test_an_entry_of_another_program_is_not_reported(name, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.loads(data, name)


NATIVE = '| Use a native plan, such as lr: warmup("5%") >> cosine() | PS103'
AXOLOTL = {"base_model": "$.base_model", "sequence_len": "$.sequence_len"}


def lines_of(diagnostics):
    return [f"{one.path} {one.found} | {one.instead} | {one.code} {one.at_key}" for one in diagnostics]


@table(
    ("written", "used", "options", "expected"),
    [
        ({"lr_warmup": "$.a"}, ["lr_warmup"], {}, []),
        ({"lr_warmup": "$.a"}, [], {}, ["$.a peer has no lr_warmup; the plan is read without it |  | PS111 False"]),
        ({"lr_warmup": "$.a", "t_warmup": "$.b", "x": "$.c"}, [], {},
         ["$.a peer has no lr_warmup, t_warmup; the plan is read without them |  | PS111 False"]),
        ({"warmup": "$.a"}, [], {"renamed": {"warmup": "warmup_t"}},
         ["$.a peer has no warmup | Use warmup_t in place of warmup | PS103 True"]),
        ({"warmup": "$.a", "epochs": "$.b"}, [], {"renamed": {"warmup": "warmup_t", "epochs": "num_epochs"}},
         ["$.a peer has no warmup, epochs | Use warmup_t in place of warmup; "
          "Use num_epochs in place of epochs | PS103 True"]),
        ({"warmup": "$.a", "warmup_t": "$.b"}, ["warmup_t"], {"renamed": {"warmup": "warmup_t"}},
         ["$.a peer has no warmup; the plan is read without it |  | PS111 False"]),
        (AXOLOTL, [], {}, []),
        (AXOLOTL, [], {"defaulted": ("lr", "epochs")},
         [f"$ this is a config of axolotl: its defaults for lr, epochs are not those of peer {NATIVE} False"]),
        ({**AXOLOTL, "warmup": "$.a"}, [], {"defaulted": ("lr",)},
         [f"$.a this is a config of axolotl: peer has no warmup {NATIVE} True"]),
        ({**AXOLOTL, "warmup": "$.a"}, [], {"renamed": {"warmup": "warmup_t"}},
         ["$.a this is a config of axolotl: peer has no warmup | Use warmup_t in place of warmup | PS103 True"]),
    ],
)  # fmt: skip
def test_unused_settings_are_one_warning_or_one_error(written, used, options, expected):
    found = DiagnosticCollector()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report_unused_settings(written, used, found, **{"library": "peer", **options})

    assert lines_of([*found.found(), *(one.message.diagnostic for one in caught)]) == expected


@table(
    ("data", "place"),
    [
        ({}, "$.q nothing"),
        (5, "$.q nothing"),
        ({"a": {"lr": 1}}, "$.q.a expected lr at"),
        ({"a": {"lr": 1}, "b": {"lr": 1, "sched": 2}}, "$.q.b expected lr, sched at"),
        ({"a": {"lr": 1}, "b": {"sched": 1}}, "$.q.a expected lr at"),
        ({"a": [{"x": 1}, ({"lr": 1},)]}, "$.q.a[1][0] expected lr at"),
        ({"x": {"y": {"sched": 1, "lr": 2}}}, "$.q.x.y expected sched, lr at"),
        ({"x": {"lr": 1, "sched": 2, "num_epochs": 3}}, "$.q.x expected lr, sched at"),  # a setting of another program
        ({"x": {"lr": 1, "max_steps": 2}}, "$.q.x expected lr at"),
    ],
)
def test_settings_in_a_part_of_a_config_are_reported_there(data, place):
    found = DiagnosticCollector()
    report_no_settings(data, ("lr", "sched"), found, library="peer", found="nothing", instead="Write x", path="$.q")
    advice = "Write x" if place.endswith("nothing") else 'Use a native plan, such as lr: warmup("5%") >> cosine()'
    if "sched" in place and "num_epochs" not in str(data):
        advice = "Save this part of the config as a file of its own"
    place += "" if place.endswith("nothing") else " the top level of a config of peer"

    assert lines_of(found.found()) == [f"{place} | {advice} | PS108 False"]


def test_almost_a_setting_is_one_and_two_keys_identify_a_program():
    assert [has_setting([key], ["warmup_epochs", "5"]) for key in ("warmup_epoch", 5, "warm")] == [True, True, False]
    assert [has_setting(["x"] * count + ["warmup_epoch"], ["warmup_epochs"]) for count in (999, 1000)] == [True, False]
    assert has_setting(["x"] * 1000 + ["warmup_epochs"], ["warmup_epochs"])
    assert program_of(["base_model", "base_model"]) is None
    assert program_of(["baseModel", "a.sequence-len"]) == "axolotl"
    assert list(note_defaults("x 1", {})) == []
    (note,) = note_defaults("x 1", {"a": 1, "b": None})
    assert (note.path, note.found, note.code) == ("$", "defaults of x 1 are taken for a 1, b None", "PS114")


SCHEDULING = (
    "epoch epochs epochwise warmer schedule lr_scheduler annealing cooldown ramp rampup cycles milestones lrs my_lr "
    "max_steps num_iters total_iterations train_updates hold_step n_step max_train_steps total_optimizer_iters "
    "train_tokens total_tokens LearningRate base_learningrate warm_restart weight_decay_start wd_end decay_x rope_lr "
    "weight_decay_cosine weight_decay_style lr_layer_decay optimizer.lr EpochNum warmUp"
)
OTHERS = (
    "scheduled cycle lr2 steps step global_steps max_tokens warmstart weight_decay wd wd_x my_wd awd layerwise_decay "
    "alpha_decay eval_lr lr_freq noise_epochs print_lr lr.color"
)


def test_a_key_about_a_schedule_is_recognized_by_its_words():
    assert [key for key in SCHEDULING.split() if not looks_like_schedule(key)] == []
    assert [key for key in OTHERS.split() if looks_like_schedule(key)] == []
