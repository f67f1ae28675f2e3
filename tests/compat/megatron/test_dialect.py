"""The dialect of Megatron-LM against its rules, written out here, at every iteration."""

import json

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import paramsched as ps
from compat.clones import import_peer
from compat.megatron.peer import lr_of_megatron, wd_of_megatron
from paramsched.compat.megatron import plans as dialect
from paramsched.compat.megatron.arguments import read_megatron_arguments
from paramsched.compat.megatron.batch_size import begins_of_rises
from paramsched.core.base.problem import PlanWarning
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from support.tables import table

LR = 6e-4


def rate(seen, *, style, wsd_style, warm, first, decay, wsd, least):
    """Return the rate of Megatron's scheduler after a number of samples."""
    names = ("max_lr", "init_lr", "min_lr", "lr_warmup_steps", "lr_decay_steps", "lr_decay_style")
    given = dict(zip(names, (LR, first, least, warm, decay, style), strict=True))
    return lr_of_megatron(seen, given | {"wsd_decay_steps": wsd, "lr_wsd_decay_style": wsd_style})


def weight_decay(seen, *, style, start, end, total):
    return wd_of_megatron(seen, {"start_wd": start, "end_wd": end, "wd_incr_style": style, "wd_incr_steps": total})


def iterations(samples, batch):
    """The samples before each iteration, as Megatron counts its iterations; and the batch of each."""
    amounts = [*range(0, samples - batch + 1, batch)]
    return amounts, [batch] * len(amounts)


@st.composite
def runs(draw):
    """Arguments of a run by iterations or samples."""
    by = draw(st.sampled_from(["iters", "samples"]))
    unit = 1 if by == "iters" else draw(st.integers(3, 20))
    total = draw(st.integers(6, 60)) * unit
    decay = draw(st.none() | st.integers(5 * unit, 80 * unit))
    end = total if decay is None else decay
    found = {
        f"train_{by}": total,
        "lr_decay_style": draw(st.sampled_from(["constant", "linear", "cosine", "inverse-square-root", "WSD"])),
        "lr_wsd_decay_style": draw(st.sampled_from(["exponential", "linear", "cosine", "minus_sqrt"])),
        f"lr_wsd_decay_{by}": draw(st.integers(0, end)),
        "lr_warmup_init": draw(st.sampled_from([0.0, 1e-5])),
        "min_lr": draw(st.sampled_from([0.0, 6e-5])),
        "lr": LR,
        "global_batch_size": draw(st.sampled_from([4, 8, 12])),
    }
    if decay is not None:
        found[f"lr_decay_{by}"] = decay
    if draw(st.booleans()):
        found[f"lr_warmup_{by}"] = draw(st.integers(0, end - 1))
    else:
        whole = st.integers(0, end - 1).map(lambda count: count / end)
        found["lr_warmup_fraction"] = draw(whole | st.sampled_from([0.001, 0.015, 0.03, 0.123, 0.5]))
    if draw(st.booleans()):
        style = draw(st.sampled_from(["linear", "cosine"]))
        found |= {"weight_decay_incr_style": style, "start_weight_decay": 0.01, "end_weight_decay": 0.1}
    return found


@given(data=runs())
@example(
    data={"train_samples": 200, "lr_decay_style": "linear", "lr_warmup_fraction": 0.001, "lr": LR,
          "global_batch_size": 4},
)  # fmt: skip
@example(data={"train_iters": 40, "lr_decay_style": "inverse-square-root", "global_batch_size": 8, "lr": LR})
@example(data={"train_iters": 30, "lr_decay_style": "cosine", "lr_warmup_fraction": 0.05, "global_batch_size": 8})
@example(
    data={"train_iters": 13, "lr_decay_iters": 38, "lr_decay_style": "WSD", "lr_wsd_decay_style": "exponential",
          "lr_wsd_decay_iters": 34, "lr_warmup_iters": 6, "global_batch_size": 8},
)  # fmt: skip
@example(
    data={"train_iters": 13, "lr_decay_iters": 7, "lr_decay_style": "WSD", "lr_wsd_decay_style": "linear",
          "lr_wsd_decay_iters": 7, "lr_warmup_iters": 6, "global_batch_size": 8},
)  # fmt: skip
def test_a_plan_has_megatrons_values_at_every_iteration(data):
    assert_megatrons_values(data)


def assert_megatrons_values(data):
    batch = data.get("global_batch_size")
    by = "iters" if "train_iters" in data else "samples"
    scale = batch if by == "iters" else 1
    total = data[f"train_{by}"] * scale
    decay = data.get(f"lr_decay_{by}", data[f"train_{by}"]) * scale
    warm = data.get(f"lr_warmup_{by}", 0) * scale
    if "lr_warmup_fraction" in data:
        warm = data["lr_warmup_fraction"] * decay
    plan = dialect.to_plan({**data, "tensor_model_parallel_size": 8, "bf16": True})

    amounts, sizes = iterations(total, batch)
    assume(amounts)
    found = ps.trace(plan, {"lr": LR, "weight_decay": 0.05}, ps.Calendar(batch_size=batch))

    assert len(found) == len(amounts)
    if by == "samples":
        assert found["batch_size"].tolist() == sizes
    facts = {
        "style": data["lr_decay_style"],
        "wsd_style": data.get("lr_wsd_decay_style"),
        "warm": warm,
        "first": data.get("lr_warmup_init", 0.0),
        "decay": decay,
        "wsd": data.get(f"lr_wsd_decay_{by}", 0) * scale,
        "least": data.get("min_lr", 0.0),
    }
    np.testing.assert_allclose(found["lr", 0], [rate(seen, **facts) for seen in amounts], rtol=0, atol=1e-12 * LR)
    if "weight_decay_incr_style" in data:
        style = data["weight_decay_incr_style"]
        expected = [weight_decay(seen, style=style, start=0.01, end=0.1, total=total) for seen in amounts]
        np.testing.assert_allclose(found["weight_decay", 0], expected, rtol=0, atol=1e-13)


BY_ITERATIONS = {"train_iters": 40, "global_batch_size": 8, "lr": LR, "lr_decay_style": "cosine"}
BY_SAMPLES = {"train_samples": 400, "global_batch_size": 8, "lr": LR, "lr_decay_style": "cosine"}
WSD = {"lr_decay_style": "WSD", "lr_wsd_decay_iters": 12, "lr_warmup_iters": 6, "min_lr": 6e-5}
RISE = {"start_weight_decay": 0.01, "end_weight_decay": 0.1}
EACH = [
    *(
        BY_ITERATIONS | {"lr_decay_style": style} | more
        for style in ("constant", "linear", "cosine", "inverse-square-root")
        for more in (
            {},
            {"min_lr": 6e-5},
            {"min_lr": 3e-4},
            {"lr_warmup_iters": 6, "min_lr": 6e-5},
            {"lr_warmup_iters": 6, "lr_warmup_init": 1e-5},
            {"lr_warmup_fraction": 0.1},
            {"lr_decay_iters": 20, "min_lr": 6e-5},
            {"lr_decay_iters": 60, "lr_warmup_iters": 6},
        )
    ),
    *(BY_ITERATIONS | WSD | {"lr_wsd_decay_style": one} for one in ("linear", "cosine", "exponential", "minus_sqrt")),
    BY_ITERATIONS | WSD | {"lr_wsd_decay_style": "linear", "lr_decay_iters": 30},
    BY_ITERATIONS | WSD | {"lr_wsd_decay_style": "linear", "lr_warmup_iters": 0},
    *(BY_ITERATIONS | RISE | {"weight_decay_incr_style": one} for one in ("linear", "cosine")),
    *(
        BY_SAMPLES | more
        for more in (
            {},
            {"lr_warmup_samples": 50, "min_lr": 6e-5},
            {"lr_warmup_fraction": 0.03},
            {"lr_decay_samples": 200, "min_lr": 6e-5},
            {"lr_decay_style": "inverse-square-root", "lr_warmup_samples": 50},
            {"lr_decay_style": "WSD", "lr_wsd_decay_style": "linear", "lr_wsd_decay_samples": 100},
        )
    ),
]


@table("data", EACH)
def test_each_argument_alone_has_megatrons_values(data):
    assert_megatrons_values(data)


def parsed(words):
    """Return the options of a command line as a mapping of texts, as a file of arguments has them."""
    found = {}
    for word in words.split() if isinstance(words, str) else words:
        if word.startswith("--"):
            values = found.setdefault(word[2:].replace("-", "_"), [])
        else:
            values.append(word)
    return {name: one[0] if len(one) == 1 else one or True for name, one in found.items()}


def test_a_file_of_arguments_is_read_by_its_format(tmp_path):
    (tmp_path / "run.yaml").write_text("{train-iters: 100, lr-decay-style: linear, min-lr: 1.0e-5}\n")

    plan = ps.load(tmp_path / "run.yaml", format="megatron")

    assert plan == ps.Plan(lr=ps.linear(to=ps.absolute(1e-5), over=100), horizon=100)
    with pytest.raises(ps.errors.ConfigError, match=r"looks like a config of megatron"):
        ps.load(tmp_path / "run.yaml")


def test_a_warmup_of_fractional_samples_is_counted_as_in_megatron():
    words = "--train-samples 1949218748 --lr-warmup-fraction 0.05 --lr-decay-style cosine --global-batch-size 1024"

    found = ps.trace(dialect.to_plan(parsed(words)), {"lr": LR}, ps.Calendar(batch_size=1024))["lr", 0]

    warm = 0.05 * 1949218748  # 97460937.4
    facts = {"style": "cosine", "wsd_style": None, "first": 0.0, "wsd": 0, "least": 0.0, "decay": 1949218748}
    expected = [rate(1024 * t, warm=warm, **facts) for t in range(0, len(found), 1000)]
    np.testing.assert_allclose(found[::1000], expected, rtol=0, atol=1e-12 * LR)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("--train-iters 9 --lr-decay-tokens 4096000 --seq-length 2048 --global-batch-size 4", "lr_decay_iters: 500"),
        ("--train-samples 9 --lr-warmup-tokens 4096000 --seq-length 2048", "lr_warmup_samples: 2000"),
        ("--train-iters 9 --lr-decay-stile cosine", 'did you mean "lr_decay_style"?'),
        ("--train-iters 9 --warmup 0.01", "Use lr_warmup_fraction in place of warmup"),
        ("--train-samples 9 --train-iters 9", "Leave one of them out"),
        (
            "--train-iters 40 --lr-warmup-iters 40 --seq-length 8 --step-batch-size-schedule 0:16 "
            "--micro-batch-size 1 --data-parallel-size 8",
            "the warmup, 40, must be shorter than the entire schedule of lr, 40. For example: lr_warmup_iters: 4",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_advice_preserves_the_meaning_of_the_arguments(words, advice):
    with pytest.raises(ps.errors.ConfigError) as refused:
        dialect.to_plan(parsed(words))

    assert advice in str(refused.value)


def test_options_of_megatrons_own_test_configs_are_read_in_their_section(tmp_path):
    text = "ENV_VARS:\n  A: 1\nMODEL_ARGS:\n  --train-iters: 100\n  --lr: 1.0e-4\n  --lr-decay-style: cosine\n"

    assert str(ps.loads(text, "megatron")) == "horizon: 100\nlr: cosine(over=100)"
    with pytest.raises(
        ps.errors.ConfigError,
        match=r":4:18: \$.MODEL_ARGS.--train-iters: expected an integer",
    ):
        ps.loads(text.replace("100", "x"), "megatron")


@table("samples", [1, 7, 99, 100, 5_859_375, 2_000_000, 10**9 + 7])
def test_a_rise_begins_at_the_first_sample_at_which_megatrons_quotient_reaches_it(samples):
    for rises in range(1, 64):
        for rise, begin in enumerate(begins_of_rises(rises, samples), 1):
            before, at = (int(seen / (samples / rises)) for seen in (begin - 1, begin))
            assert before < rise <= at


RAMP = {"train_samples": 10**12, "global_batch_size": 10**9, "seq_length": 10}


@table(
    ("ramp", "schedule"),
    [
        ([250_000_000, 250_000_000, 3000], "0:250000000 10000:500000000 20000:750000000 30000:1000000000"),
        ([1, 1, 10**11], "0:256 100B:512"),
    ],
)
def test_the_schedule_to_write_in_place_of_a_ramp_is_named(ramp, schedule):
    with pytest.warns(PlanWarning, match=f'"{schedule}"'):
        plan = dialect.to_plan(RAMP | {"rampup_batch_size": ramp})

    assert plan == dialect.to_plan(RAMP)


# ---------------------------------------------------------------- the batch size schedule


def consumed_before_iterations(entries, seq_length, is_last):
    """The samples before each iteration and its batch size, as Megatron counts them, until `is_last`."""
    consumed, amounts, sizes = 0, [], []
    while not is_last(len(amounts), consumed):
        amounts.append(consumed)
        sizes.append(next(size for tokens, size in reversed(entries) if consumed >= tokens // seq_length))
        consumed += sizes[-1]
    return amounts, sizes


@st.composite
def step_schedules(draw):
    begins = sorted(draw(st.sets(st.integers(1, 40), max_size=4)))
    seq_length = draw(st.integers(1, 9))
    tokens = [0, *(begin * seq_length + draw(st.integers(0, seq_length - 1)) for begin in begins)]
    return [(one, draw(st.integers(1, 12))) for one in tokens], seq_length


@given(st.data(), step_schedules(), st.integers(1, 120))
def test_a_batch_size_schedule_has_megatrons_iterations(data, schedule, samples):
    entries, seq_length = schedule
    text = data.draw(st.sampled_from([" ", ",", ", "])).join(
        f"{tokens}:{size}" for tokens, size in data.draw(st.permutations(entries))
    )
    options = {"train_samples": samples, "lr_decay_style": "cosine", "seq_length": seq_length, "lr": LR}
    amounts, sizes = consumed_before_iterations(entries, seq_length, lambda _, consumed: consumed >= samples)

    found = ps.trace(dialect.to_plan(options | {"step_batch_size_schedule": text}), {"lr": LR})

    assert found.amounts.tolist() == amounts
    assert found["batch_size"].tolist() == sizes
    facts = {"style": "cosine", "wsd_style": None, "first": 0.0, "wsd": 0, "least": 0.0, "decay": samples, "warm": 0}
    np.testing.assert_allclose(found["lr", 0], [rate(seen, **facts) for seen in amounts], rtol=0, atol=1e-12 * LR)


@given(step_schedules(), st.integers(1, 40), st.integers(1, 4), st.integers(1, 4))
def test_with_iterations_lengths_count_the_smallest_batch(schedule, iterations, micro, ranks):
    entries, seq_length = schedule
    options = {"train_iters": iterations, "lr_decay_style": "linear", "seq_length": seq_length}
    options |= {"step_batch_size_schedule": " ".join(f"{tokens}:{size}" for tokens, size in entries)}
    amounts, _ = consumed_before_iterations(entries, seq_length, lambda count, _: count == iterations)

    with pytest.warns(PlanWarning, match=f"lengths of lr, {iterations * micro * ranks:,} in all"):
        plan = dialect.to_plan(options | {"micro_batch_size": micro, "data_parallel_size": ranks})

    found = ps.trace(plan, {"lr": 1.0})
    assert found.amounts.tolist() == amounts
    expected = [max(0, 1 - seen / (iterations * micro * ranks)) for seen in amounts]
    np.testing.assert_allclose(found["lr", 0], expected, rtol=0, atol=1e-12)


STEPS = ["--train-samples", "5000", "--seq-length", "2048", "--step-batch-size-schedule"]


@given(step_schedules(), st.sampled_from(["", ".0", "K", "m", "e2", ".5B"]))
def test_a_batch_size_schedule_is_parsed_as_in_megatron(schedule, suffix):
    entries, seq_length = schedule
    module = import_peer("PARAMSCHED_MEGATRON", "megatron.core.num_microbatches_calculator")
    text = " ".join(f"{tokens}{suffix * bool(tokens)}:{size}" for tokens, size in entries)

    options = {"train_samples": 9, "seq_length": seq_length, "step_batch_size_schedule": text}
    found = read_megatron_arguments(options, DiagnosticCollector()).batch_size_steps

    assert found == module.StepBatchsizeNumMicroBatchesCalculator._parse_schedule(text, seq_length)


@pytest.mark.parametrize("text", ["0:16 1M:32 3M:64", "3M:64,0:16 , 1e6:32", "0:16 0.001B:0.032k 3000k:64"])
def test_a_batch_size_schedule_is_read_in_each_spelling(text):
    plan = dialect.to_plan(parsed([*STEPS, text]))

    assert str(plan.bindings[-1]) == (
        'batch_size = 1.0: constant(16.0, "488 samples") >> constant(32.0, "976 samples") >> constant(64.0)'
    )
    found = ps.trace(plan, {"lr": LR})
    assert (len(found), found.amounts[-1]) == (117, 4944)


def test_a_note_names_the_version_whose_defaults_are_used():
    words = "--train-iters 100 --lr 1 --lr-decay-style WSD --lr-wsd-decay-iters 9 --override-opt-param-scheduler"

    (found,) = dialect.notes_of(parsed(words))

    taken = "min_lr 0.0, weight_decay 0.01, lr_wsd_decay_style exponential"
    assert found.path_and_message == f"$: defaults of Megatron-LM core 0.20 are taken for {taken}"


@pytest.mark.parametrize(("floor", "expected"), [({}, 6e-6), ({"decoupled_min_lr": 1e-5}, 1e-5)])
def test_decoupled_groups_get_a_warning_with_their_line(floor, expected):
    options = {"train_iters": 1000, "lr": 1e-3, "min_lr": 6e-6, "lr_decay_style": "cosine"}

    with pytest.warns(UserWarning, match="the plan is for the other groups") as caught:
        plan = dialect.to_plan({**options, "decoupled_lr": 5e-4, **floor})

    assert plan == dialect.to_plan(options)
    (line,) = json.loads(str(caught[0].message).partition("groups: ")[2])["max_lr=0.0005"].values()
    assert ps.parse(line) == dialect.to_plan({**options, "min_lr": expected}).bindings[0].schedule
