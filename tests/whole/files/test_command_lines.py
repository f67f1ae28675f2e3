"""Command lines of peers, alone or in a script; errors are reported at their options."""

import pytest

import paramsched as ps
from paramsched.core.files.command_lines import command_places, named_options, words_of_command
from paramsched.errors import ConfigError
from support.tables import table

IN_ARRAYS = """\
#!/bin/bash
# Runs a model of 345 million parameters
GPUS_PER_NODE=8  # --lr 7
CHECKPOINT_PATH=$1 #<the first argument>

TRAINING_ARGS=(
    --micro-batch-size 4
    --lr 0.00015
    --train-iters 500000
    --lr-decay-iters 320000
    --lr-decay-style cosine
    --min-lr=1.0e-5
    --lr-warmup-fraction .01)

torchrun ${DISTRIBUTED_ARGS[@]} pretrain_gpt.py ${TRAINING_ARGS[@]} --data-path "$2" 2>&1 | tee log.txt
"""
IN_A_TEXT = """\
ARGS="
    --lr 0.00015 --train-iters 500000 --lr-decay-iters 320000 \\
    --lr-decay-style cosine --min-lr 1.0e-5 \\
    --lr-warmup-fraction .01 $DATA_ARGS
"
torchrun pretrain_gpt.py $ARGS
"""
IN_ONE_LINE = (
    "ARGS='--lr 0.00015 --train-iters 500000' torchrun pretrain_gpt.py --lr-decay-iters 320000 --lr-decay-style cosine "
    "--min-lr 1.0e-5 --lr-warmup-fraction .01 --fp16; echo --done"
)
ARGUMENTS = {
    "lr": 0.00015, "train_iters": 500_000, "lr_decay_iters": 320_000, "lr_decay_style": "cosine", "min_lr": 1e-5,
    "lr_warmup_fraction": 0.01,
}  # fmt: skip


@pytest.mark.parametrize("text", [IN_ARRAYS, IN_A_TEXT, IN_ONE_LINE], ids=["arrays", "a text", "one line"])
def test_a_launch_script_gives_the_same_plan_as_its_arguments(text, tmp_path):
    (tmp_path / "train.sh").write_text(text)

    loaded = ps.load(tmp_path / "train.sh", format="megatron")

    assert loaded == ps.loads(ARGUMENTS, format="megatron")
    assert ps.loads(text, format="megatron") == loaded


def test_variables_have_the_values_set_in_the_script():
    text = """\
    export LR=1.5e-4
    ITERATIONS="500000"  # of training
    DECAY=${DECAY:-320000}
    SHARE=$1
    torchrun pretrain_gpt.py --lr $LR --train-iters ${ITERATIONS} --lr-decay-iters $DECAY --min-lr ${MIN_LR:-1e-5} \\
        --lr-decay-style cosine --lr-warmup-fraction .01
    """

    assert ps.loads(text, format="megatron") == ps.loads(ARGUMENTS, format="megatron")


def test_a_computed_batch_size_is_requested_only_if_the_plan_needs_it():
    of_any_size = "train.py --train-iters 9 --lr 1 --global-batch-size $((2 * NODES))"

    assert str(ps.loads(of_any_size, format="megatron").horizon) == "9"
    text = "train.py --train-samples 9 --rampup-batch-size 1 1 9 --global-batch-size $SIZE"
    with pytest.raises(ConfigError, match="For example: global_batch_size: 1536"):
        ps.loads(text, format="megatron_0_17")


def test_a_variable_that_a_script_sets_to_several_values_is_not_guessed():
    text = "if $SMALL; then\n  LR=1\nelse\n  LR=2\nfi\ntrain.py --train-iters 9 --lr $LR"

    with pytest.raises(ConfigError, match=r"""\$.lr: expected a number of at least 0, got "\$LR\""""):
        ps.loads(text, format="megatron")


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


def test_options_in_a_quoted_text_are_options():
    words = words_of_command("""srun bash -c "train.py --lr 1 --wd=2" --name "a b"\nARGS=('--beta 3' --gamma=4)""")

    assert [word for word in words if word != "--"] == [
        "srun", "bash", "-c", "train.py", "--lr", "1", "--wd=2", "--name", "a b", "--beta", "3", "--gamma=4",
    ]  # fmt: skip


def test_a_script_that_repeats_a_long_variable_is_read_in_bounded_time():
    text = f"A={'x' * 50}\ntrain.py --lr 1\n" + "$A\n" * 300_000

    assert words_of_command(text)[:3] == ["A=" + "x" * 50, "--", "train.py"]


@pytest.mark.peer("timm")
def test_short_options_and_negative_numbers_are_distinguished():
    text = "python train.py --sched cosine -b 128 --epochs 300 -j 8 --seed -1"

    assert {name: value for name, (value, _) in named_options(words_of_command(text)).items()} == {
        "sched": "cosine", "b": "128", "epochs": "300", "j": "8", "seed": "-1",
    }  # fmt: skip
    assert str(ps.loads(text, format="timm").horizon) == "300 epochs"


@pytest.mark.peer("timm")
@table(
    ("format", "text", "place", "found"),
    [
        ("megatron", IN_ARRAYS.replace("0.00015", "$LR"), (8, 5), '$.lr: expected a number of at least 0, got "$LR"'),
        ("megatron", IN_A_TEXT.replace("decay-style", "decay-stile"), (3, 5), '$.lr_decay_stile: unknown argument'),
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
    place = command_places(text)

    assert (place.begin, place.end, place.parts) == (0, len(text), None)
