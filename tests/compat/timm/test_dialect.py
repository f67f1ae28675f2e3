"""The dialect of timm against the installed timm, update by update."""

import json
import math
import warnings
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat import timm as dialect
from paramsched.core import files as config
from paramsched.core.base.diagnostic import DiagnosticWarning
from support import timm_peer
from support.tables import table

LR, LENGTH = 0.4, 4
FACTS = ps.Calendar(steps_per_epoch=LENGTH)


@pytest.fixture(scope="module")
def timm():
    return timm_peer.timm_schedulers()


SCHEDULERS = ["cosine", "poly", "tanh", "step", "multistep", "wsd", "rsqrt", "constant", "none"]


@st.composite
def arguments(draw):
    """Arguments of each scheduler that is a curve."""
    epochs = draw(st.integers(1, 40))
    given = {"sched": draw(st.sampled_from(SCHEDULERS)), "num_epochs": epochs}
    optional = {
        "warmup_epochs": st.integers(0, 12),
        "warmup_prefix": st.booleans(),
        "warmup_lr": st.sampled_from([0.0, 1e-6, 1e-2, 0.7]),
        "min_lr": st.sampled_from([0.0, 1e-5, 0.01, 0.15]),
        "cooldown_epochs": st.integers(0, 5),
        "decay_rate": st.sampled_from([0.1, 0.5, 0.97, 1.0, 2.0]),
        "decay_epochs": st.sampled_from([1, 3, 30, 2.4, 0.7, 0.1, None]),
        "decay_milestones": st.lists(st.sampled_from([0, 1, 2, 5, 5.5, 9, 20, 39, 60]), max_size=4).map(sorted),
        "cycle_limit": st.integers(1, 4),
        "cycle_decay": st.sampled_from([0.1, 0.5, 1.0]),
        "cycle_mul": st.sampled_from([1.0, 2.0, 4.0, 3.0, 1.5, 1.3]),
        "k_decay": st.sampled_from([1.0, 0.5, 2.0]),
        "decay_fn": st.sampled_from([None, "linear", "1-sqrt", "cosine", "power", "exp"]),
        "stable_timescale": st.sampled_from([None, 1, 2.5, 10]),
        "step_on_epochs": st.booleans(),
    }
    return given | draw(st.fixed_dictionaries({}, optional=optional))


def _cycle_of_timm(t, first, mul):
    """Return the cycle of a count and the time in it, computed as in timm."""
    index = math.floor(math.log(1 - t / first * (1 - mul), mul))
    return index, t - (1 - mul**index) / (1 - mul) * first


def rounded_restarts(given, updates_per_epoch):
    """Return updates where timm's logarithm rounds a restart into the previous cycle (reference/divergences.md)."""
    mul = given.get("cycle_mul", 1.0)
    if mul == 1 or given["sched"] not in ("cosine", "poly", "tanh"):
        return []
    by_epoch = given.get("step_on_epochs", True)
    first = given["num_epochs"] * (1 if by_epoch else updates_per_epoch)
    before = given.get("warmup_epochs", 0) * (1 if by_epoch else updates_per_epoch)
    before = before if given.get("warmup_prefix") else 0
    found = []
    for index in range(1, given.get("cycle_limit", 1) + 1):
        begin = first * (Fraction(repr(mul)) ** index - 1) / (Fraction(repr(mul)) - 1)
        if begin.denominator == 1 and _cycle_of_timm(int(begin), first, mul) != (index, 0.0):
            size = updates_per_epoch if by_epoch else 1
            found += range((int(begin) + before) * size, (int(begin) + before + 1) * size)
    return found


@given(given=arguments())
@example(given={"sched": "cosine", "num_epochs": 20, "warmup_epochs": 5})
@example(given={"sched": "step", "num_epochs": 40, "decay_epochs": 2.4, "decay_rate": 0.97, "warmup_epochs": 3})
@example(given={"sched": "multistep", "num_epochs": 8, "decay_milestones": [1, 5]})
@example(given={"sched": "cosine", "num_epochs": 3, "warmup_epochs": 5})
@example(given={"sched": "multistep", "num_epochs": 1, "warmup_epochs": 1, "warmup_prefix": True})
@example(given={"sched": "tanh", "num_epochs": 3, "warmup_epochs": 7, "cycle_limit": 2, "min_lr": 0.01})
@example(given={"sched": "rsqrt", "num_epochs": 30, "warmup_epochs": 2, "min_lr": 0.15, "cooldown_epochs": 3})
def test_a_plan_has_timms_rate_at_every_update(timm, given):
    assert_timms_rates(timm, given)


@table(
    "given",
    [
        {"sched": sched, "num_epochs": 12, "min_lr": 0.01, "decay_epochs": 2, **more}
        for sched in SCHEDULERS
        for more in (
            {},
            {"warmup_epochs": 3},
            {"warmup_epochs": 3, "warmup_prefix": True, "cooldown_epochs": 2},
            {"warmup_epochs": 3, "step_on_epochs": False, "min_lr": 0.0},
            {"decay_epochs": None, "decay_rate": 0.5, "stable_timescale": 4.0, "num_epochs": 95},
            {"cycle_limit": 3, "cycle_mul": 2.0, "k_decay": 2.0, "decay_milestones": [0, 1, 5.5], "decay_epochs": 2.5},
        )
    ],
)
def test_each_scheduler_has_timms_rates_with_each_kind_of_warmup(timm, given):
    assert_timms_rates(timm, given)


def assert_timms_rates(timm, given):
    try:
        plan = dialect.to_plan(given, calendar=FACTS)
    except ps.errors.ConfigError:
        with pytest.raises((ValueError, ZeroDivisionError)):
            timm_peer.rates(timm, given, lr=LR, updates_per_epoch=LENGTH)
        return

    rounded = rounded_restarts(given, LENGTH)
    try:
        expected, epochs = timm_peer.rates(timm, given, lr=LR, updates_per_epoch=LENGTH)
    except TypeError:  # timm computes a complex number if a time is rounded below 0
        assert rounded
        return

    found = ps.trace(plan, {"lr": LR}, FACTS)["lr", 0]
    assert len(found) == epochs * LENGTH
    kept = np.setdiff1d(np.arange(len(found)), rounded)
    np.testing.assert_allclose(found[kept], expected[kept], rtol=0, atol=1e-12 * LR)


@pytest.mark.xfail(strict=True, reason="docs/reference/divergences.md, timm, row 1: a logarithm rounds a restart down")
def test_timm_starts_the_fifth_growing_cycle_at_its_peak(timm):
    given = {"sched": "cosine", "num_epochs": 1, "cycle_mul": 3.0, "cycle_limit": 6, "cycle_decay": 1.0}

    assert timm_peer.rates(timm, given, lr=LR, updates_per_epoch=1)[0][121] == LR


def test_a_plan_starts_each_cycle_at_its_peak():
    given = {"sched": "cosine", "num_epochs": 1, "cycle_mul": 3.0, "cycle_limit": 6, "cycle_decay": 1.0}

    found = ps.trace(dialect.to_plan(given), {"lr": LR}, ps.Calendar(steps_per_epoch=1))["lr", 0]
    assert found[[0, 1, 4, 13, 40, 121]].tolist() == [LR] * 6


@pytest.mark.xfail(strict=True, reason="docs/reference/divergences.md, timm, row 2: a time is rounded below 0")
def test_timm_counts_the_time_in_a_cycle_from_its_start(timm):
    given = {"sched": "cosine", "num_epochs": 10, "cycle_mul": 1.3, "cycle_limit": 3, "k_decay": 0.5}

    timm_peer.rates(timm, given, lr=LR, updates_per_epoch=1)


# ---- plateau


def test_a_plateau_has_the_values_of_torch_with_timms_arguments(timm):
    given = {"sched": "plateau", "num_epochs": 40, "decay_rate": 0.3, "patience_epochs": 2, "min_lr": 1e-3}
    metrics = np.random.default_rng(7).normal(size=40).cumsum() / 10 + 5
    plan = dialect.to_plan({**given, "eval_metric": "top1"}, base=LR)
    rule = plan.bindings[0].schedule.metric_rules[0]

    state, found = rule.init(), []
    for metric in metrics:
        state = rule.observe(state, metric)
        found.append(rule.apply(state, LR, LR))

    expected = timm_peer.rates_by_metric(timm, given, metrics, lr=LR)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert plan.horizon == ps.Duration.of("40 epochs")
    assert expected[-1] < 0.1 * LR


def suggested_line(given):
    """Return the line of a native plan that an error suggests."""
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(given)
    return "lr: " + str(refusal.value).split("lr: ")[1]


@pytest.mark.parametrize(
    "given", [{"sched": "plateau"}, {"sched": "plateau", "warmup_epochs": 5, "eval_metric": "top1"}]
)
def test_the_suggested_plateau_is_a_valid_plan(given):
    plan = ps.loads(suggested_line(given))

    assert plan.bindings[0].schedule.metric_rules[0].metric == "top1"


# ---- options of the training script


def test_the_options_saved_by_timms_training_script_are_read(timm, tmp_path):
    options = {
        "model": "resnet50", "sched": "cosine", "epochs": 12, "lr": LR, "weight_decay": 0.05, "warmup_epochs": 3,
        "lr_cycle_limit": 2, "lr_cycle_decay": 0.5, "lr_noise": None, "sched_on_updates": True, "seed": 42,
        "decay_epochs": 90, "min_lr": 1e-5, "lr_k_decay": 1.0, "eval_metric": "top1",
    }  # fmt: skip
    (tmp_path / "args.yaml").write_text(json.dumps(options))
    kwargs = timm.scheduler_kwargs(SimpleNamespace(**options))

    plan = ps.load(tmp_path / "args.yaml", format="timm", calendar=FACTS)

    expected, _ = timm_peer.rates(timm, kwargs, lr=LR, updates_per_epoch=LENGTH)
    np.testing.assert_allclose(ps.trace(plan, {"lr": LR})["lr", 0], expected, rtol=0, atol=1e-12)
    assert dialect.bases_of(options, None).groups == ({"lr": LR, "weight_decay": 0.05},)


def test_command_line_arguments_are_read(timm):
    line = "/data --sched cosine --epochs 9 --lr 0.4 --warmup-epochs 2 --warmup-prefix --lr-cycle-limit 2 --amp"
    words = line.split()
    kwargs = timm.scheduler_kwargs(SimpleNamespace(
        sched="cosine", epochs=9, warmup_epochs=2, warmup_prefix=True, lr_cycle_limit=2, lr_cycle_decay=0.5
    ))  # fmt: skip
    expected, _ = timm_peer.rates(timm, kwargs, lr=LR, updates_per_epoch=LENGTH)

    plan = dialect.to_plan(words)

    np.testing.assert_allclose(ps.trace(plan, {"lr": LR}, FACTS)["lr", 0], expected, rtol=0, atol=1e-12)
    assert dialect.recognizes(words)
    assert dialect.bases_of(words, None).groups == ({"lr": LR},)


def test_lists_and_flags_of_a_command_line_are_read():
    line = "--sched multistep --decay-milestones 5 7 --sched-on-updates --dr 0.5"

    plan = dialect.to_plan(line.split(), calendar=FACTS)

    assert "multistep([19, 27], 0.5)" in str(plan)


def test_a_missing_option_has_the_default_of_timms_helper(timm):
    kwargs = timm.scheduler_kwargs(SimpleNamespace(sched="step", sched_on_updates=False))
    expected, _ = timm_peer.rates(timm, kwargs, lr=LR, updates_per_epoch=LENGTH)

    plan = dialect.to_plan({"sched": "step", "sched_on_updates": False})

    np.testing.assert_allclose(ps.trace(plan, {"lr": LR}, FACTS)["lr", 0], expected, rtol=0, atol=1e-12)


# ---- errors and files


@table(
    ("given", "said"),
    [
        ({"sched": "cosin"}, '$.sched: unknown value "cosin"; did you mean "cosine"?'),
        ({"sched": "plateau"}, "$.sched: the name of the metric of the plateau is missing"),
        (
            {"sched": "plateau", "eval_metric": "x", "decay_rate": 1.0},
            "$.decay_rate: it must be less than 1, got 1.0",
        ),
        (
            {"sched": "step", "decay_epochs": 2.5, "num_epochs": 10_000_001},
            "$.decay_epochs: it is not an integer, so timm rounds at each of 10,000,001 counts",
        ),
        ({"noise": [0.4, 0.9]}, "$.noise: a plan has no random numbers"),
        ({"noise": [0.4, 0.4]}, "$.noise: a plan has no random numbers"),
        ({"sched": "plateau", "warmup_epochs": 2}, "$.warmup_epochs: timm ignores the metric during the warmup"),
        (
            {"sched": "plateau", "eval_metric": "top1", "step_on_epochs": False, "updates_per_epoch": 9},
            "$.step_on_epochs: a plateau must step by epochs",
        ),
        (
            {"sched": "wsd", "decay_epochs": 301},
            "$.decay_epochs: the decay has 301 epochs, and only 300 remain after the warmup",
        ),
        (
            {"sched": "rsqrt"},
            "$.stable_timescale: it defaults to the length of the warmup, which is 0",
        ),
        ({"sched": "wsd", "decay_fn": "1-squrt"}, '$.decay_fn: unknown value "1-squrt"; did you mean "1-sqrt"?'),
        ({"sched": "cosine", "cycle_mul": 0.5}, "$.cycle_mul: expected a number of at least 1, got 0.5"),
        ({"sched": "poly", "epochs": 9, "lr_cycle_limit": 0}, "$.lr_cycle_limit: expected an integer from 1 to"),
        ({"warmup_epoch": 5}, '$.warmup_epoch: unknown argument; did you mean "warmup_epochs"?'),
        ({"num_epochs": 0}, "$.num_epochs: expected an integer of at least 1, got 0"),
        ({"warmup_epochs": 2.5}, "$.warmup_epochs: expected an integer of at least 0, got 2.5"),
        ({"decay_milestones": [60, 30]}, "$.decay_milestones: expected a sorted list"),
        ({"warmup_prefix": "yes"}, '$.warmup_prefix: expected true or false, got "yes"'),
        ({"step_on_epochs": False}, "$.updates_per_epoch: lr changes at each update, and the number"),
        ({"sched": "step", "decay_rate": -1}, "$.decay_rate: expected a number greater than 0, got -1"),
        ([], "expected options of timm's script, or arguments of its schedulers"),
    ],
)
def test_arguments_a_plan_cannot_express_are_rejected_with_their_location(given, said):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(given)

    assert any(said in problem for problem in refusal.value.problems)


def test_every_error_is_reported_at_once():
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan({"sched": "tanhh", "num_epochs": -1, "noise": 0.5, "epoch": 3})

    assert len(refusal.value.problems) == 4


def test_a_file_of_arguments_is_read_by_its_format(tmp_path):
    (tmp_path / "run.yaml").write_text("sched: step\nnum_epochs: 90\ndecay_epochs: 30\n")

    plan = ps.load(tmp_path / "run.yaml", format="timm")

    assert plan == ps.Plan(lr='step("30 epochs")', horizon="90 epochs")
    with pytest.raises(ps.errors.ConfigError, match=r"looks like a config of timm"):
        ps.load(tmp_path / "run.yaml")


def test_the_plan_can_be_dumped_and_loaded(timm):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = dialect.to_plan({"sched": "poly", "num_epochs": 9, "warmup_epochs": 3, "min_lr": 1e-3}, calendar=FACTS)

    assert config.loads(config.dump(plan)) == plan


@given(
    sched=st.sampled_from(["cosine", "step", "poly", "wsd"]),
    accumulation=st.integers(2, 5),
    batches=st.integers(2, 30),
    warm=st.integers(0, 3),
    on_updates=st.booleans(),
)
def test_a_run_that_accumulates_has_the_updates_of_timms_script(timm, sched, accumulation, batches, warm, on_updates):
    updates = (batches + accumulation - 1) // accumulation  # as train.py counts them
    options = {
        "sched": sched, "epochs": 12, "warmup_epochs": warm, "warmup_lr": 1e-5, "min_lr": 1e-6, "decay_epochs": 4,
        "sched_on_updates": on_updates, "grad_accum_steps": accumulation, "lr": 0.1,
    }  # fmt: skip
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler, epochs = timm.create_scheduler_v2(
        optimizer, sched, num_epochs=12, warmup_epochs=warm, warmup_lr=1e-5, min_lr=1e-6, decay_epochs=4,
        step_on_epochs=not on_updates, updates_per_epoch=updates,
    )  # fmt: skip
    expected = []
    for epoch in range(epochs):
        for update in range(updates):
            expected.append(optimizer.param_groups[0]["lr"])
            scheduler.step_update(epoch * updates + update + 1)
        scheduler.step(epoch + 1)

    facts = ps.Calendar(batches_per_epoch=batches)
    found = ps.trace(dialect.to_plan(options, calendar=facts), {"lr": 0.1}, facts)["lr", 0]

    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("key", ["sched_epochwise", "lr_ep", "lr_base", "final_lr_factor"])
def test_keys_of_forks_are_reported(key):
    with pytest.warns(DiagnosticWarning, match=rf"\$.{key}: timm has no {key}; the plan is read without it"):
        dialect.to_plan({"sched": "cosine", "epochs": 9, key: False})


def test_unrelated_options_of_timms_script_are_not_reported(recwarn):
    quiet = "weight_decay layer_decay momentum model_ema_decay mixup_off_epoch epoch_repeats start_epoch eval_metric"

    dialect.to_plan(
        {"sched": "cosine", "epochs": 9, "lr": 1, "lr_base": 1, **dict.fromkeys(quiet.split(), 1)}
        | {"eval_metric": "x"}
    )

    assert not [one for one in recwarn if isinstance(one.message, DiagnosticWarning)]


def test_the_defaults_of_timms_script_are_noted():
    (note,) = dialect.notes_of(["train.py", "--sched", "cosine", "--lr", "1", "--epochs", "9"])

    taken = "warmup_epochs 5, warmup_lr 1e-05, min_lr 0.0, cooldown_epochs 0"
    assert note.found == f"defaults of timm 1.0.31 are taken for {taken}"
    assert not list(dialect.notes_of(["train.py", "--sched", "none", "--lr", "1", "--epochs", "9"]))  # not warmed up


def test_two_names_of_one_argument_are_an_error_in_a_config_and_the_last_counts_on_a_command_line():
    with pytest.raises(ps.errors.ConfigError, match=r"dr and decay_rate are names of one argument"):
        dialect.to_plan({"sched": "step", "epochs": 30, "dr": 0.2, "decay_rate": 0.3})
    words = "--sched step --epochs 30 --decay-rate"

    assert dialect.to_plan(f"{words} 0.2 --dr 0.3".split()) == dialect.to_plan(f"{words} 0.3".split())


@pytest.mark.parametrize("options", ["--sched step --lr 0.1", "--sched wsd --epochs 30", "--sched multistep"])
def test_every_default_in_the_note_is_a_value(options):
    (note,) = dialect.notes_of(options.split())

    assert "None" not in note.found


def test_the_smallest_change_of_plateau_is_relative_to_the_base():
    plan = dialect.to_plan({"sched": "plateau", "num_epochs": 10, "eval_metric": "loss"}, base=0.1)

    assert "eps=1e-07" in str(plan)


def test_wsd_may_end_at_the_lr_and_not_above():
    given = {"sched": "wsd", "num_epochs": 10, "min_lr": 0.1}

    assert set(ps.trace(dialect.to_plan(given, base=0.1), {"lr": 0.1}, FACTS)["lr", 0]) == {0.1}
    with pytest.raises(ps.errors.ConfigError, match=r"must not be greater than lr=0\.05"):
        dialect.to_plan(given, base=0.05)
