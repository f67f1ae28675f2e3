"""Options of peers' command lines in a text; errors are reported at their options."""

import pytest

import paramsched as ps
from paramsched.core.files.command_lines import launch_places, named_options, read_launch
from paramsched.errors import ConfigError
from support.tables import table

OF_MEGATRON = """\
#!/bin/bash
# Runs a model of 345 million parameters
export CUDA_DEVICE_MAX_CONNECTIONS=1

torchrun --nproc_per_node 8 pretrain_gpt.py --lr 0.00015 --train-iters 500000 \\
    --lr-decay-iters 320000 --lr-decay-style cosine --min-lr=1.0e-5 --lr-warmup-fraction .01 --fp16
"""
ARGUMENTS = {
    "lr": 0.00015, "train_iters": 500_000, "lr_decay_iters": 320_000, "lr_decay_style": "cosine", "min_lr": 1e-5,
    "lr_warmup_fraction": 0.01,
}  # fmt: skip


def test_a_launch_command_gives_the_same_plan_as_its_arguments(tmp_path):
    (tmp_path / "train.sh").write_text(OF_MEGATRON)

    loaded = ps.load(tmp_path / "train.sh", format="megatron")

    assert loaded == ps.loads(ARGUMENTS, format="megatron")
    assert ps.loads(OF_MEGATRON, format="megatron") == loaded


def test_training_arguments_are_read_from_a_command_line():
    text = """\
    torchrun --nproc_per_node=4 train.py \\
        --bf16 True --num_train_epochs 3 --learning_rate 2e-5 --weight_decay 0. \\
        --warmup_ratio 0.03 --lr_scheduler_type "cosine_with_min_lr" \\
        --lr_scheduler_kwargs '{"min_lr_rate": 0.1}' --fsdp "full_shard auto_wrap"
    """

    assert str(ps.loads(text, format="transformers")) == 'horizon: 3 epochs\nlr: warmup("3%") >> cosine(to=0.1)'


@pytest.mark.parametrize(
    "option",
    [
        """--lr_scheduler_kwargs '{"min_lr_rate": 0.1}'""",
        """--lr_scheduler_kwargs='{"min_lr_rate": 0.1}'""",
        r"""--lr_scheduler_kwargs "{\"min_lr_rate\": 0.1}" --fsdp="full_shard auto_wrap" """,
    ],
)
def test_a_quoted_json_value_is_one_argument(option):
    line = "train.py --num_train_epochs 3 --learning_rate 1 --lr_scheduler_type cosine_with_min_lr"

    assert str(ps.loads(f"{line} {option}", format="transformers")) == "horizon: 3 epochs\nlr: cosine(to=0.1)"


@pytest.mark.peer("timm")
def test_short_options_and_negative_numbers_are_distinguished():
    text = "python train.py --sched cosine -b 128 --epochs 300 -j 8 --seed -1"

    assert {name: value for name, (value, _) in named_options(read_launch(text).words).items()} == {
        "sched": "cosine", "b": "128", "epochs": "300", "j": "8", "seed": "-1",
    }  # fmt: skip
    assert str(ps.loads(text, format="timm").horizon) == "300 epochs"


@pytest.mark.peer("timm")
@table(
    ("format", "text", "place", "found"),
    [
        ("megatron", OF_MEGATRON.replace("0.00015", "x"), (5, 45), '$.lr: expected a number of at least 0, got "x"'),
        ("megatron", OF_MEGATRON.replace("decay-style", "decay-stile"), (6, 29), '$.lr_decay_stile: unknown argument'),
        ("transformers", "train.py \\\n  --warmup_ratio=3", (2, 3), "$.warmup_ratio: expected a number"),
        ("timm", "train.py --sched=cosine \\\n  --epochs x", (2, 3), "$.epochs"),
    ],
)  # fmt: skip
def test_an_error_is_reported_at_its_option(format, text, place, found):
    with pytest.raises(ConfigError) as refused:
        ps.loads(text, format=format)

    (fault,) = refused.value.diagnostics
    assert (fault.line, fault.column) == place
    assert str(fault).partition(": ")[2].startswith(found) or found in str(fault)


@pytest.mark.peer("timm")
def test_yaml_with_two_dashes_in_it_is_yaml():
    text = "sched: step  # --sched cosine\nepochs: 9\ndecay_epochs: 3\nwarmup_epochs: 0\n"

    assert "step" in str(ps.loads(text, format="timm"))


@table("text", ["echo", "train.py 5"])
def test_a_text_without_options_is_one_place(text):
    place = launch_places(text)

    assert (place.begin, place.end, place.parts) == (0, len(text), None)
