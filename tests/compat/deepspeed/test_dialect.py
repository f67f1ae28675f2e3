"""The dialect of DeepSpeed against its formulas and its own classes, alone and beside transformers' arguments."""

import json
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from compat.deepspeed.peer import used, used_by_deepspeed
from paramsched.compat import deepspeed as dialect
from paramsched.compat import transformers
from paramsched.compat.deepspeed.plans import TrainerRun, report_mismatches
from paramsched.core.base.problem import PlanWarning
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.errors import ConfigError
from support.tables import table

LR = 0.5


def config(name, lr=LR, kind="AdamW", **params):
    optimizer = {"type": kind, "params": {"lr": lr}}
    return {"optimizer": optimizer, "scheduler": {"type": name, "params": params}}


def traced(plan, updates):
    group = {"lr": LR, "betas": (0.95, 0.999)}
    length = ps.Plan(*plan.as_written(), horizon=updates) if plan.horizon is not None else plan
    return ps.trace(length, group, ps.Calendar(total=updates))


TABLE = [
    (config("WarmupLR", warmup_num_steps=4, warmup_type="linear"), "0 0 .125 .25 .375 .5 .5 .5"),
    (config("WarmupLR", warmup_num_steps=4), "0 0 .25 .396241 .5 .5 .5 .5"),
    (
        config("WarmupDecayLR", warmup_num_steps=2, total_num_steps=6, warmup_type="linear", warmup_max_lr=0.5),
        "0 0 .25 .5 .375 .25 .125 0",
    ),
    (
        config("WarmupDecayLR", warmup_num_steps=2, total_num_steps=6, warmup_type="linear"),
        "0 0 .0005 .001 .00075 .0005 .00025 0",
    ),
    (
        config("WarmupCosineLR", warmup_num_steps=2, total_num_steps=6, warmup_type="linear", warmup_min_ratio=0.1),
        "0 .05 .275 .426784 .250025 .073266 .00005 .00005",
    ),
    (
        config("OneCycle", cycle_min_lr=0.1, cycle_max_lr=0.5, cycle_first_step_size=3),
        ".1 .233333 .366667 .5 .366667 .233333 .1 .1",
    ),
    (
        config("OneCycle", cycle_min_lr=0.1, cycle_max_lr=0.5, cycle_first_step_size=2, decay_lr_rate=1,
               decay_step_size=2),
        ".1 .3 .5 .3 .1 .066667 .05 .04",
    ),
    (config("LRRangeTest", lr_range_test_min_lr=0.1, lr_range_test_step_size=2), ".1 .15 .2 .25 .3 .35 .4 .45"),
    (config("StepLR", step_size=3), ".5 .5 .5 .05 .05 .05 .005 .005"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "values"), TABLE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_are_those_that_were_used(data, values):
    plan = dialect.to_plan(data, calendar=ps.Calendar(total=8))

    assert traced(plan, 8)["lr", 0].tolist() == pytest.approx(list(map(float, values.split())), abs=5e-7)


WARMUPS = {"warmup_num_steps": st.integers(1, 12), "warmup_type": st.sampled_from(["log", "linear"])}
RATES = st.floats(0.001, 1).map(lambda value: round(value, 4))
DECAYS = {**WARMUPS, "total_num_steps": st.integers(1, 30)}
PARAMS = {
    "WarmupLR": st.fixed_dictionaries(WARMUPS, optional={"warmup_min_lr": RATES, "warmup_max_lr": RATES}),
    "WarmupDecayLR": st.fixed_dictionaries(DECAYS, optional={"warmup_min_lr": RATES, "warmup_max_lr": RATES}),
    "WarmupCosineLR": st.fixed_dictionaries(DECAYS, optional={"warmup_min_ratio": RATES, "cos_min_ratio": RATES}),
    "OneCycle": st.fixed_dictionaries(
        {"cycle_min_lr": RATES, "cycle_max_lr": RATES, "cycle_first_step_size": st.integers(1, 9)},
        optional={
            "cycle_second_step_size": st.integers(0, 9),
            "decay_lr_rate": RATES,
            "decay_step_size": st.integers(0, 5),
            "cycle_min_mom": RATES,
            "cycle_max_mom": RATES,
            "decay_mom_rate": RATES,
            "cycle_first_stair_count": st.integers(0, 12),
            "cycle_second_stair_count": st.integers(0, 12),
        },
    ),
    "LRRangeTest": st.fixed_dictionaries(
        {
            "lr_range_test_min_lr": RATES,
            "lr_range_test_step_size": st.integers(1, 9),
            "lr_range_test_step_rate": RATES,
            "lr_range_test_staircase": st.booleans(),
        }
    ),
}


@pytest.mark.parametrize("name", PARAMS)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_update_has_the_value_of_the_formula(name, data):
    params = data.draw(PARAMS[name])

    found = traced(dialect.to_plan(config(name, **params), calendar=ps.Calendar(total=40)), 40)

    expected = [used(name, params, LR, t) for t in range(40)]
    np.testing.assert_allclose(found["lr", 0], [rate for rate, _ in expected], rtol=1e-12, atol=1e-15)
    if name == "OneCycle":
        np.testing.assert_allclose(found["betas[0]", 0], [beta for _, beta in expected], rtol=1e-12, atol=1e-15)
        assert set(found["betas[1]", 0]) == {0.99}


@pytest.mark.parametrize("name", PARAMS)
@given(data=st.data())
def test_the_formulas_are_those_of_deepspeed(name, data):
    params = data.draw(PARAMS[name])

    found = used_by_deepspeed(name, params, LR, 40)

    expected = [used(name, params, LR, t) for t in range(40)]
    assert [rate for rate, _ in found] == pytest.approx([rate for rate, _ in expected], rel=1e-12, abs=1e-15)
    if name == "OneCycle":
        assert [beta for _, beta in found] == pytest.approx([beta for _, beta in expected], rel=1e-12)


# ---------------------------------------------------------------- beside the arguments of transformers

ARGUMENTS = {"learning_rate": LR, "warmup_steps": 2, "max_steps": 6}
AUTO = {"warmup_min_lr": "auto", "warmup_max_lr": "auto", "warmup_num_steps": "auto", "warmup_type": "linear"}
COSINE = {"total_num_steps": "auto", "warmup_num_steps": "auto", "warmup_type": "linear"}


def beside(deepspeed, **arguments):
    return {**ARGUMENTS, "deepspeed": deepspeed, **arguments}


@pytest.mark.parametrize(
    ("deepspeed", "arguments", "values"),
    [
        ({}, {"lr_scheduler_type": "linear"}, "0 .25 .5 .375 .25 .125"),
        (
            config("WarmupDecayLR", lr="auto", total_num_steps="auto", **AUTO),
            {"lr_scheduler_type": "cosine"},
            "0 0 .25 .5 .375 .25",
        ),
        (
            config("WarmupCosineLR", lr="auto", **COSINE),
            {"lr_scheduler_type": "linear"},
            "0 0 .25 .426784 .250025 .073266",
        ),
        (config("WarmupLR", lr="auto", warmup_num_steps=2, warmup_type="linear"), {}, "0 0 .25 .5 .5 .5"),
        (config("WarmupDecayLR", lr="auto", **COSINE), {}, "0 0 .0005 .001 .00075 .0005"),
        (
            config("OneCycle", lr="auto", cycle_min_lr=0.001, cycle_max_lr=0.002, cycle_first_step_size=3),
            {"lr_scheduler_type": "cosine"},
            ".001 .001333 .001667 .002 .001667 .001333",
        ),
        (
            config("WarmupDecayLR", lr="auto", total_num_steps="auto", **AUTO | {"warmup_type": "log"}),
            {"warmup_steps": 0},  # the length is 1 in the config, and 2 in DeepSpeed
            "0 0 .5 .5 .375 .25",
        ),
        ({"optimizer": {"type": "AdamW", "params": {"lr": "auto"}}}, {}, "0 .25 .5 .375 .25 .125"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_beside_a_trainer_are_those_that_were_used(deepspeed, arguments, values):
    plan = transformers.to_plan(beside(deepspeed, **arguments))

    found = ps.trace(plan, {"lr": LR, "betas": (0.9, 0.999)})["lr", 0].tolist()
    assert found == pytest.approx(list(map(float, values.split())), abs=5e-7)


def test_a_scheduler_of_deepspeed_replaces_that_of_the_arguments_with_a_warning():
    data = beside(config("StepLR", lr="auto", step_size=3), lr_scheduler_type="cosine")

    with pytest.warns(PlanWarning) as caught:
        plan = transformers.to_plan(data)

    assert str(plan.bindings[0].schedule) == "step(3)"
    assert str(caught[0].message).startswith(
        "$.deepspeed.scheduler.type: StepLR will be used; lr_scheduler_type: cosine of the arguments has no effect"
    )


def test_a_file_of_deepspeed_that_is_not_read_is_a_warning():
    with pytest.warns(PlanWarning, match=r"if ds\.json has a scheduler, lr_scheduler_type: linear has no effect"):
        plan = transformers.to_plan(beside("ds.json", lr_scheduler_type="linear"))

    assert plan == transformers.to_plan(beside({}, lr_scheduler_type="linear"))


def test_auto_needs_the_length_of_an_epoch_in_a_run_by_epochs():
    data = beside(config("WarmupDecayLR", lr="auto", total_num_steps="auto", **AUTO), max_steps=-1, num_train_epochs=2)

    with pytest.raises(ps.errors.MissingFact, match="steps_per_epoch"):
        transformers.to_plan(data)
    with pytest.warns(PlanWarning):
        plan = transformers.to_plan(data, calendar=ps.Calendar(steps_per_epoch=3))

    assert "linear(over=4)" in str(plan)


WRONG = {
    "train_micro_batch_size_per_gpu": 3,
    "gradient_accumulation_steps": 7,
    "gradient_clipping": 0.3,
    "optimizer.params.lr": 0.7,
    "optimizer.params.betas": [0.7, 0.9],
    "optimizer.params.eps": 1e-3,
    "optimizer.params.weight_decay": 0.3,
    "scheduler.params.warmup_max_lr": 0.7,
    "scheduler.params.warmup_num_steps": 3,
    "scheduler.params.total_num_steps": 7,
}


def mismatches_of_transformers(deepspeed):
    """The paths of the values that transformers refuses."""
    from accelerate.utils.deepspeed import HfDeepSpeedConfig
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    class Config(HfTrainerDeepSpeedConfig, HfDeepSpeedConfig):
        """The class of transformers, whose base is `object` without DeepSpeed."""

    checked = Config.__new__(Config)  # the constructor imports DeepSpeed
    checked.config, checked.mismatches, checked._dtype = deepspeed, [], None
    arguments = SimpleNamespace(
        world_size=1, per_device_train_batch_size=8, gradient_accumulation_steps=1, max_grad_norm=1.0,
        learning_rate=LR, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, weight_decay=0.0,
        save_on_each_node=False, fp16=False, fp16_full_eval=False, bf16=False, bf16_full_eval=False,
        get_warmup_steps=lambda total: 2,
    )  # fmt: skip
    checked.trainer_config_process(arguments)
    try:
        checked.trainer_config_finalize(arguments, None, 6)
    except ValueError as error:
        return [line.removeprefix("- ds ").partition("=")[0] for line in str(error).splitlines() if "- ds" in line]
    return []


@pytest.mark.parametrize("place", WRONG)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_value_that_transformers_refuses_is_an_error_at_its_place(place):
    def with_value(value):
        data = config("WarmupDecayLR", lr="auto", total_num_steps="auto", **AUTO)
        *parents, key = place.split(".")
        node = data
        for parent in parents:
            node = node[parent]
        node[key] = value
        return data

    assert mismatches_of_transformers(with_value(WRONG[place])) == [place]
    assert mismatches_of_transformers(with_value("auto")) == []
    with pytest.raises(ps.errors.ConfigError, match="transformers refuses") as refused:
        transformers.to_plan(beside(with_value(WRONG[place])))
    assert [one.path for one in refused.value.diagnostics] == [f"$.deepspeed.{place}"]
    assert transformers.to_plan(beside(with_value("auto"))) is not None


# A share below 1e-20 is refused, because no length is so short.
@given(epochs=st.floats(0.1, 9), length=st.integers(20, 400), share=st.just(0.0) | st.floats(1e-9, 0.9))
def test_a_share_of_a_run_in_epochs_is_converted_as_in_the_trainer(epochs, length, share):
    auto = {"warmup_max_lr": "auto", "warmup_num_steps": "auto", "total_num_steps": "auto", "warmup_type": "linear"}
    config = {"scheduler": {"type": "WarmupDecayLR", "params": auto}}
    written = {"learning_rate": 0.5, "num_train_epochs": epochs, "warmup_ratio": share, "deepspeed": config}
    total = math.ceil(epochs * length)
    warmup = math.ceil(total * share)
    calendar = ps.Calendar(steps_per_epoch=length)

    plan = transformers.to_plan(written, calendar=calendar)

    numbers = {"learning_rate": 0.5, "max_steps": total, "warmup_steps": warmup, "deepspeed": config}
    assert plan.resolve(calendar) == transformers.to_plan(numbers).resolve(calendar)


# ---------------------------------------------------------------------- files, which DeepSpeed reads as Hjson

OFTEN = config("WarmupLR", warmup_num_steps=4, warmup_type="linear") | {"a // b # c /*": [1, {}, [], "\\", ", ]"]}
BLANK = st.sampled_from(["", " ", "\n", '# x "\n', "// y, }\n", '/* , ] " */', "/**/"])


@st.composite
def with_comments(draw, data):
    """The JSON of data with comments and trailing commas."""
    if not isinstance(data, (dict, list)):
        return json.dumps(data)
    is_dict, blank = isinstance(data, dict), lambda: draw(BLANK)
    parts = [
        f"{f'{json.dumps(key)}{blank()}:{blank()}' if is_dict else ''}{draw(with_comments(one))}{blank()}"
        for key, one in (data.items() if is_dict else enumerate(data))
    ]
    comma = "," if parts and draw(st.booleans()) else ""
    inside = f",{blank()}".join(parts) + comma + blank()
    return f"{blank()}{'{' if is_dict else '['}{blank()}{inside}{'}' if is_dict else ']'}{blank()}"


@given(st.data())
def test_a_file_may_have_comments_and_trailing_commas(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("run") / "ds.json"
    file.write_text(data.draw(with_comments(OFTEN)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ps.load(file, format="deepspeed") == dialect.to_plan(OFTEN)

    wrong = data.draw(with_comments(config("WarmupLR", warmup_num_steps="x # y")))
    file.write_text(wrong)
    with pytest.raises(ConfigError) as refusal:
        ps.load(file, format="deepspeed")
    (fault,) = refusal.value.diagnostics
    lines = wrong.splitlines(keepends=True)
    assert (
        "".join(lines[: fault.line - 1]) + lines[fault.line - 1][: fault.column - 1] == wrong[: wrong.index('"x # y"')]
    )


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        ('{"zero": 1, // x\n "zero": 1}', (2, 2), "the key occurs twice"),
        ('{"a": 1, /* x\n}', (1, 10), "JSON: "),
        ('{"a": /* x */ y}', (1, 15), "JSON: "),
        ("{,}", (1, 2), "JSON: "),
    ],
)
def test_what_deepspeed_refuses_is_an_error(tmp_path, text, place, found):
    (tmp_path / "ds.json").write_text(text)

    with pytest.raises(ConfigError) as refusal:
        ps.load(tmp_path / "ds.json", format="deepspeed")

    (fault,) = refusal.value.diagnostics
    assert (fault.line, fault.column) == place
    assert fault.found.startswith(found)


@table(("warmup", "filled"), [(0, 1), (1, 1), (2, 2), (None, None)])
def test_the_trainer_fills_in_a_warmup_of_at_least_one_update(warmup, filled):
    run, refused = TrainerRun(lr=LR, warmup=warmup), []
    for written in (1, 2, 3, "auto", None):
        diagnostics = DiagnosticCollector()
        report_mismatches(config("WarmupLR", warmup_num_steps=written), "$", run, diagnostics)
        refused += [written for _ in diagnostics.found()]

    assert run.filled["warmup_num_steps"][0] == filled
    assert refused == ([] if filled is None else [one for one in (1, 2, 3) if one != filled])
