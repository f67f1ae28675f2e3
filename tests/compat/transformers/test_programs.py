"""Programs on top of transformers' Trainer, or beside it, against transformers' `get_scheduler`."""

import ast
import math
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat import transformers as dialect
from paramsched.compat.transformers.programs import PROGRAMS
from paramsched.errors import ConfigError, MissingFact, ParamschedError
from support.tables import table

optimization = pytest.importorskip("transformers.optimization")

LR = 3e-4
EPOCH = 57


def rates(name, total, warmup, keywords=None):
    """Return the rate of transformers at each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = optimization.get_scheduler(name, optimizer, warmup, total, scheduler_specific_kwargs=keywords)
    return LR * np.array([scheduler.lr_lambdas[0](update) for update in range(total)])


def axolotl(given):
    """Return the arguments of `get_scheduler` that axolotl passes: `_configure_warmup_and_logging`."""
    by_epochs = math.ceil(EPOCH * given.get("num_epochs", 1))
    total = min(by_epochs, given.get("max_steps", by_epochs))
    warmup = min(int(0.03 * total), 100)
    if "warmup_steps" in given:
        warmup = given["warmup_steps"]
    elif "warmup_ratio" in given:
        warmup = int(given["warmup_ratio"] * total)
    name, keywords = given.get("lr_scheduler", "cosine"), None
    if name == "cosine" and given.get("cosine_min_lr_ratio"):
        name, keywords = "cosine_with_min_lr", {"min_lr_rate": given["cosine_min_lr_ratio"]}
    return name, given.get("max_steps", by_epochs), 2 if warmup == 1 else warmup, keywords


def torchtune(given):
    """Return the arguments that a recipe of torchtune passes: `_setup_lr_scheduler`."""
    total = given["epochs"] * min(EPOCH, given.get("max_steps_per_epoch", EPOCH))
    scheduler = given.get("lr_scheduler")
    if scheduler is None:
        return "constant", total, 0
    return "cosine", total, scheduler["num_warmup_steps"], {"num_cycles": scheduler.get("num_cycles", 0.5)}


def oumi(given):
    """Return the arguments that oumi passes: `to_hf`, and `build_lr_scheduler` of its own trainer."""
    own = given["training"]
    steps = own.get("max_steps", -1)
    total = steps if steps > 0 else EPOCH * own.get("num_train_epochs", 3)
    name, share = own.get("lr_scheduler_type", "linear"), own.get("warmup_ratio")
    if own["trainer_type"] == "OUMI":
        warmup = own.get("warmup_steps", 0) if share is None else int(share * total)
        return "constant_with_warmup" if name == "constant" else name, total, warmup
    return name, total, own.get("warmup_steps", math.ceil(total * (share or 0)))


def open_instruct(given):
    """Return the arguments that `finetune.py` passes on one process."""
    total = given.get("max_train_steps") or EPOCH * given.get("num_train_epochs", 2)
    return given.get("lr_scheduler_type", "linear"), total, int(total * given.get("warmup_ratio", 0.03))


def llama_factory(given):
    """Return the arguments that LLaMA-Factory passes: `create_custom_scheduler`."""
    total = given.get("max_steps") or math.ceil(EPOCH * given.get("num_train_epochs", 3))
    warmup = math.ceil(total * given.get("warmup_ratio", 0))
    name, left, keywords = given.get("lr_scheduler_type", "linear"), total - warmup, {}
    if name == "warmup_stable_decay":
        keywords = {"num_stable_steps": left // 3, "num_decay_steps": left - left // 3}
    return name, total, warmup, keywords


def ms_swift(given):
    return llama_factory({"lr_scheduler_type": "cosine", **given})


SHARES = st.sampled_from([0.0, 0.03, 0.07, 0.1, 0.29, 1 / 3])
EPOCHS, STEPS = st.sampled_from([1, 2, 3]), st.integers(2, 90)
NAMES = st.sampled_from(["linear", "cosine", "constant"])


def choices(fixed, **optional):
    return st.fixed_dictionaries({name: st.just(value) for name, value in fixed.items()}, optional=optional)


MADE = {
    axolotl: choices(
        {"base_model": "x", "sequence_len": 8, "learning_rate": LR},
        num_epochs=st.sampled_from([1, 2, 0.5, 70]), max_steps=STEPS, lr_scheduler=NAMES,
        cosine_min_lr_ratio=st.sampled_from([0.0, 0.1]),
    ).flatmap(lambda one: choices(one, warmup_ratio=SHARES) | choices(one, warmup_steps=st.integers(0, 30))),
    torchtune: choices(
        {"checkpointer": {}, "optimizer": {"_component_": "torch.optim.AdamW", "lr": LR}, "epochs": 2},
        max_steps_per_epoch=STEPS,
        lr_scheduler=choices({"_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup"},
                             num_cycles=st.sampled_from([0.5, 1.5])).flatmap(
            lambda one: choices({**one, "num_warmup_steps": 5})),
    ),
    oumi: choices({"learning_rate": LR, "save_final_model": True}, num_train_epochs=EPOCHS, max_steps=STEPS,
                  lr_scheduler_type=NAMES).flatmap(
        lambda one: choices(one, warmup_ratio=SHARES) | choices(one, warmup_steps=st.integers(0, 9))).flatmap(
        lambda one: st.sampled_from(["TRL_SFT", "OUMI"]).map(lambda kind: {"training": {**one, "trainer_type": kind}})),
    open_instruct: choices(
        {"dataset_mixer_list": "x", "use_slow_tokenizer": False, "learning_rate": LR, "num_processes": 1},
        num_train_epochs=EPOCHS, max_train_steps=STEPS, lr_scheduler_type=NAMES, warmup_ratio=SHARES),
    llama_factory: choices({"finetuning_type": "lora", "cutoff_len": 9, "learning_rate": LR}, num_train_epochs=EPOCHS,
                           max_steps=STEPS, warmup_ratio=SHARES,
                           lr_scheduler_type=NAMES | st.just("warmup_stable_decay")),
    ms_swift: choices({"tuner_type": "lora", "split_dataset_ratio": 0, "learning_rate": LR}, num_train_epochs=EPOCHS,
                      max_steps=STEPS, warmup_ratio=SHARES, lr_scheduler_type=NAMES),
}  # fmt: skip


@pytest.mark.parametrize("program", MADE, ids=lambda one: one.__name__)
@given(data=st.data())
def test_a_config_of_a_program_has_the_rate_that_the_program_uses_at_every_update(program, data):
    config = data.draw(MADE[program])
    name, total, warmup, *keywords = program(config)

    plan = dialect.to_plan(config, calendar=ps.Calendar(steps_per_epoch=EPOCH))

    found = ps.trace(plan, {"lr": LR}, ps.Calendar(steps_per_epoch=EPOCH))["lr", 0]
    np.testing.assert_allclose(found, rates(name, total, warmup, *keywords), rtol=0, atol=1e-12 * LR)


UNUSUAL = (None, -1, 0.5, float("nan"), float("inf"), 1e308, 10**400, "", "x", [], [1], {}, True)


@pytest.mark.parametrize("program", MADE, ids=lambda one: one.__name__)
@given(data=st.data())
def test_a_config_with_an_unusual_value_has_a_plan_or_an_error_of_the_library(program, data):
    config = data.draw(MADE[program])
    config[data.draw(st.sampled_from(sorted(config)))] = data.draw(st.sampled_from(UNUSUAL))

    with suppress(ParamschedError):
        dialect.to_plan(config, calendar=ps.Calendar(steps_per_epoch=EPOCH))


@given(processes=st.sampled_from([1, 2, 8, 12]), steps=st.integers(10, 90), share=SHARES)
def test_the_schedule_of_open_instruct_counts_the_updates_of_all_processes(processes, steps, share):
    text = (
        f"accelerate launch --num_processes {processes} open_instruct/finetune.py --learning_rate {LR} "
        f"--max_train_steps {steps} --warmup_ratio {share!r}"
    )

    found = ps.trace(ps.loads(text, format="transformers"), {"lr": LR})["lr", 0]

    whole = rates("linear", steps * processes, int(steps * processes * share))
    np.testing.assert_allclose(found, whole[::processes], rtol=0, atol=1e-12 * LR)


@table(
    ("command", "plan", "rate"),
    [
        ("swift sft --num_train_epochs 1 --warmup_ratio 0.05", 'warmup("5%") >> cosine()', 1e-4),
        ("swift pt --tuner_type full --num_train_epochs 1", "cosine()", 1e-5),
        ("CUDA_VISIBLE_DEVICES=0 swift rlhf --train_type full --max_steps 9", "cosine()", 1e-5),
        ("python swift/cli/sft.py --num_train_epochs 1 --learning_rate 2e-5", "cosine()", 2e-5),
        ("apptainer exec --nv x.sif torchrun --nproc_per_node=4 /opt/bin/swift sft --max_steps 9", "cosine()", 1e-4),
        ("llamafactory-cli train --num_train_epochs 1", "linear()", 5e-5),
        ("trl sft --num_train_epochs 1", "linear()", 2e-5),
        ("trl dpo --num_train_epochs 1", "linear()", 1e-6),
        ("accelerate launch trl/scripts/reward.py --num_train_epochs 1", "linear()", 1e-4),
        ("oumi train --training.max_steps 9 --training.lr_scheduler_type cosine", "cosine()", 5e-5),
        ("oumi train --training.warmup_ratio 0.1", 'warmup("10%") >> linear()', 5e-5),
        ("accelerate launch --num_processes 4 open_instruct/dpo_tune_cache.py --max_train_steps 100",
         "warmup(10) >> linear()", 2e-5),
        ("python mason.py --x 1 -- source a.sh \\&\\& python open_instruct/grpo_fast.py --lr_scheduler_type constant",
         "constant()", 2e-5),
    ],
)  # fmt: skip
def test_a_command_of_a_program_is_read_with_its_defaults(command, plan, rate):
    found = ps.loads(command, format="transformers")

    assert str(found).splitlines()[-1] == f"lr: {plan}"
    words = command.replace("\\", "").split()
    assert dialect.bases_of(words).groups[0]["lr"] == rate


def test_the_length_of_open_instruct_grpo_is_computed_from_the_episodes():
    words = "open_instruct/grpo_fast.py --total_episodes 10000 --num_samples_per_prompt_rollout 8 --num_mini_batches 2"

    assert dialect.to_plan(words.split()).horizon == ps.Duration.of(10_000 // (16 * 8) * 2)


AXOLOTL = {"base_model": "x", "sequence_len": 8, "learning_rate": LR}
TORCHTUNE = {"checkpointer": {}, "epochs": 1, "optimizer": {"_component_": "torch.optim.AdamW"}}


@table(
    ("config", "problem"),
    [
        ({**AXOLOTL, "lr_scheduler": "rex", "num_epochs": 1}, '$.lr_scheduler: axolotl: unknown scheduler "rex"'),
        ({**AXOLOTL, "warmup_steps": 0.1}, "$.warmup_steps: axolotl: expected an integer; warmup_ratio is a share"),
        ({**AXOLOTL, "lr_quadratic_warmup": True}, "$.lr_quadratic_warmup: axolotl: a schedule that"),
        ({**AXOLOTL, "jagged_restart_steps": 50}, "$.jagged_restart_steps: axolotl: a schedule that"),
        ({**AXOLOTL, "learning_rate": None, "num_epochs": 1}, "$.learning_rate: axolotl: expected a number"),
        ({**AXOLOTL, "num_epochs": 0}, "$.num_epochs: axolotl: expected a number greater than 0 and at most 1e+09"),
        ({**TORCHTUNE, "lr_scheduler": {"_component_": "torch.optim.lr_scheduler.StepLR"}},
         '$.lr_scheduler._component_: torchtune: unknown scheduler "StepLR"'),
        ({**TORCHTUNE, "ppo_epochs": 4}, "$.ppo_epochs: torchtune: the length of its run"),
        ({"training": {"trainer_type": "VERL_GRPO", "max_steps": 9, "save_final_model": True}},
         "$.training.trainer_type: oumi: verl trains"),
        ({"dist_config": {}, "train_dataset": "x", "max_steps": 9}, "config of LLaMA-Factory v1"),
        (["open_instruct/grpo.py", "--learning_rate", "1e-6"], "open-instruct: its trainer is that of OLMo-core"),
        (["megatron", "sft", "--num_train_epochs", "1"], "ms-swift: its trainer is that of Megatron-LM"),
        (["trl", "sft", "--config", "x.yaml", "--learning_rate", "1e-6"], "TRL: other settings are in x.yaml"),
        (["axolotl", "train", "x.yaml", "--learning-rate", "1e-6"], "axolotl: other settings are in x.yaml"),
        (["litgpt", "finetune", "--learning_rate", "1e-4"], "this is a command of litgpt"),
    ],
)  # fmt: skip
def test_what_a_program_cannot_express_is_refused_by_its_name(config, problem):
    with pytest.raises(ConfigError) as refused:
        dialect.to_plan(config, calendar=ps.Calendar(steps_per_epoch=EPOCH))

    assert any(problem in one for one in refused.value.problems)


def test_a_length_that_a_program_rounds_in_its_own_way_needs_the_updates_of_the_run():
    shared = dialect.to_plan({**AXOLOTL, "warmup_ratio": 0.1, "num_epochs": 3})

    assert str(shared) == 'horizon: 3 epochs\nlr: with_lengths(warmup("10%") >> cosine(), "floor")'
    for config in (
        AXOLOTL,
        {**TORCHTUNE, "max_steps_per_epoch": 9},
        {"finetuning_type": "full", "cutoff_len": 8, "lr_scheduler_type": "warmup_stable_decay"},
    ):
        with pytest.raises(MissingFact, match="steps_per_epoch"):
            dialect.to_plan(config)


def test_the_defaults_of_a_program_are_noted_with_the_commit_that_was_read():
    (note,) = dialect.notes_of({"tuner_type": "full", "split_dataset_ratio": 0, "max_steps": 9})

    assert note.found == (
        "defaults of ms-swift 3602360a are taken for lr_scheduler_type cosine, learning_rate 1e-05, warmup_steps 0"
    )


SOURCES = {
    "axolotl": [("src/axolotl/utils/schemas/training.py", "HyperparametersConfig",
                 {"num_epochs": "num_train_epochs", "lr_scheduler": "lr_scheduler_type", "learning_rate": None})],
    "ms-swift": [("swift/trainers/arguments.py", "TrainArgumentsMixin", None)],
    "TRL": [("trl/trainer/dpo_config.py", "DPOConfig", None), ("trl/trainer/sft_config.py", "SFTConfig", "sft"),
            ("trl/trainer/reward_config.py", "RewardConfig", "reward")],
    "oumi": [("src/oumi/core/configs/params/training_params.py", "TrainingParams", None)],
    "open-instruct": [("open_instruct/finetune.py", "FlatArguments", None),
                      ("open_instruct/olmo_core_utils.py", "TrainingConfig", "dpo_tune_cache")],
}  # fmt: skip
"""The files and classes with the defaults of a program: their names for settings, or the word of a variant."""


@pytest.mark.parametrize("name", SOURCES)
def test_the_defaults_of_a_program_are_those_of_its_source(name):
    """`PARAMSCHED_PROGRAMS` names a folder with clones: `axolotl`, `ms-swift`, `TRL`, `oumi` and `open-instruct`."""
    folder = Path(os.environ.get("PARAMSCHED_PROGRAMS", "missing")) / name
    if not folder.is_dir():
        pytest.skip(f"PARAMSCHED_PROGRAMS does not name a folder with {name}")
    program = PROGRAMS[name]
    trainer = {"lr_scheduler_type": "linear", "learning_rate": 5e-5, "num_train_epochs": 3, "weight_decay": 0.0}
    for path, kind, variant in SOURCES[name]:
        change = program.variants[("", variant)].get("defaults", {}) if isinstance(variant, str) else {}
        ours = {**trainer, **program.defaults, **change}
        names = {**(variant if isinstance(variant, dict) else {}), "num_epochs": "num_train_epochs"}
        tree = ast.parse((folder / path).read_text(encoding="utf-8"))
        (body,) = [one.body for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and one.name == kind]
        theirs = {one.target.id: default_of(one.value) for one in body if isinstance(one, ast.AnnAssign) and one.value}
        compared = {names.get(key, key): value for key, value in theirs.items() if names.get(key, key) in ours}
        assert compared, f"{path} has none of the settings"
        assert compared == {key: ours[key] for key in compared}


def default_of(value):
    """Return the default of a field of a dataclass or of a model; the text of an expression."""
    if isinstance(value, ast.Call):
        value = next((one.value for one in value.keywords if one.arg == "default"), value)
    try:
        return ast.literal_eval(value)
    except ValueError:
        return ast.unparse(value)
