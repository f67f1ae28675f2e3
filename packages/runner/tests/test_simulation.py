"""`simulate` returns the values that MMEngine's own classes give, stepped by its own hook, at every iteration."""

import copy
import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.hooks import ParamSchedulerHook
from mmengine.logging import MessageHub
from mmengine.optim import LinearLR, build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS

from paramsched.base.codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.errors import ConfigError, InvalidArgument, MissingFact
from paramsched.files import ProblemCollector
from paramsched.mmengine import simulate
from paramsched.mmengine.schedulers import PARAM_SCHEDULERS, _ParamScheduler
from paramsched.mmengine.schedulers.base import ValuesOnly
from paramsched.mmengine.schedulers.build import RunLength, build_entry
from paramsched_runner import simulation
from paramsched_runner.simulation import check_config
from support.mmengine_original import EPOCHS, LENGTH, built_by_original, run, scheduler_configs
from support.tables import table

OPTIMIZERS = {
    "SGD": {"type": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    "Adam": {"type": "Adam", "lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 5e-4},
}
STEP = {"type": "StepLR", "step_size": 1, "gamma": 0.5}


def config_of(schedulers, optimizer="SGD", **train):
    return {
        "param_scheduler": schedulers,
        "optim_wrapper": {"type": "OptimWrapper", "optimizer": OPTIMIZERS[optimizer]},
        "train_cfg": train or {"max_epochs": EPOCHS},
    }


def optimizer_of(optimizer_name):
    arguments = {name: value for name, value in OPTIMIZERS[optimizer_name].items() if name != "type"}
    return getattr(torch.optim, optimizer_name)([torch.nn.Parameter(torch.ones(1))], **arguments)


def values_of_mmengine(schedulers, optimizer_name, fields):
    """Return the value of each field at each iteration, from MMEngine's classes and hook."""
    optimizer = optimizer_of(optimizer_name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = SimpleNamespace(param_schedulers=built_by_original(schedulers, optimizer))
        hook = ParamSchedulerHook()
        (group,) = optimizer.param_groups
        columns = {field: [] for field in fields}
        for t in range(EPOCHS * LENGTH):
            for field, column in columns.items():
                has_betas = field == "momentum" and "betas" in group
                column.append(float(group["betas"][0] if has_betas else group[field]))
            optimizer.step()
            hook.after_train_iter(runner, t)
            if (t + 1) % LENGTH == 0:
                hook.after_train_epoch(runner)
    return columns


def assert_as_in_mmengine(schedulers, optimizer_name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curves = simulate(config_of(schedulers, optimizer_name), steps_per_epoch=LENGTH)

    expected = values_of_mmengine(schedulers, optimizer_name, [field for field, _ in curves.keys()])
    for field, column in expected.items():
        largest = max(map(abs, [*column, 0.1 if field == "lr" else 1e-300]))
        assert np.abs(curves[field, 0] - column).max() <= 1e-12 * largest


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_generated_lists_have_the_values_of_mmengine(data):
    optimizer_name = data.draw(st.sampled_from(sorted(OPTIMIZERS)))
    schedulers = data.draw(st.lists(scheduler_configs(optimizer_name), min_size=1, max_size=5))
    assert_as_in_mmengine(schedulers, optimizer_name)


EACH = [
    ("Constant", {}),
    ("Constant", {"factor": 0.5}),
    ("CosineAnnealing", {"T_max": 6}),
    ("CosineAnnealing", {"T_max": 6, "eta_min": 0.01}),
    ("CosineAnnealing", {"eta_min_ratio": 0.1}),
    ("CosineRestart", {"periods": [2, 4], "restart_weights": [1, 0.5], "eta_min": 0.01}),
    ("CosineRestart", {"periods": [3, 3, 2], "restart_weights": [1, 0.7, 2], "eta_min_ratio": 0.1}),
    ("Exponential", {"gamma": 0.8}),
    ("Linear", {}),
    ("Linear", {"start_factor": 0.1, "end_factor": 0.7}),
    ("MultiStep", {"milestones": [1, 4, 4], "gamma": 0.5}),
    ("OneCycle", {"eta_max": 0.5}),
    ("OneCycle", {"eta_max": 0.5, "anneal_strategy": "linear", "three_phase": True, "pct_start": 0.4}),
    ("OneCycle", {"eta_max": 0.5, "div_factor": 10.0, "final_div_factor": 100.0}),
    ("Poly", {}),
    ("Poly", {"power": 2.0, "eta_min": 0.01}),
    ("Step", {"step_size": 2, "gamma": 0.5}),
]
WINDOWS = [
    {},
    {"begin": 3, "end": 9},
    {"by_epoch": False, "end": 7},
    {"by_epoch": False, "begin": 4},
    {"begin": 1.5, "end": 7.5},
    {"convert_to_iter_based": True, "begin": 1, "end": 9},
]


@table(("curve", "arguments"), EACH)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("family", ["LR", "Momentum"])
def test_each_class_in_each_window_has_the_values_of_mmengine(family, window, curve, arguments):
    if curve == "OneCycle" and (family == "Momentum" or window.get("begin")):
        return  # it schedules lr alone, over the whole run
    scheduler = {"type": curve + family, **arguments, **window}
    if curve == "OneCycle":
        scheduler.pop("end", None)
    assert_as_in_mmengine([scheduler], "SGD")


def test_one_dict_is_a_list_of_one():
    config = config_of(STEP, max_epochs=3)

    assert simulate(config, steps_per_epoch=1)["lr", 0].tolist() == [0.1, 0.05, 0.025]


def test_a_run_by_iterations_needs_no_length_of_an_epoch():
    config = config_of({**STEP, "by_epoch": False, "step_size": 2}, max_iters=5)

    assert simulate(config)["lr", 0].tolist() == [0.1, 0.1, 0.05, 0.05, 0.025]


@pytest.mark.filterwarnings("ignore:param_scheduler")
def test_in_a_run_by_iterations_an_epoch_is_one_pass_over_the_data():
    config = config_of(STEP, max_iters=5)

    assert simulate(config, steps_per_epoch=2)["lr", 0].tolist() == [0.1, 0.1, 0.05, 0.05, 0.025]
    with pytest.raises(MissingFact) as error:
        simulate(config)
    assert error.value.fact == "steps_per_epoch"


@pytest.mark.parametrize("schedulers", [[STEP], {"g": STEP, "d": [STEP]}])
def test_several_optimizers_have_their_own_values(schedulers):
    wrapper = {name: {"optimizer": {"type": "Adam", "lr": lr}} for name, lr in [("g", 1.0), ("d", 4.0)]}
    curves = simulate({**config_of(schedulers, max_epochs=2), "optim_wrapper": wrapper}, steps_per_epoch=1)

    assert {key: curves[key].tolist() for key in curves.keys()} == {("lr", "g"): [1.0, 0.5], ("lr", "d"): [4.0, 2.0]}


def test_an_optimizer_without_schedulers_keeps_its_rate():
    wrapper = {name: {"optimizer": {"type": "Adam", "lr": 1.0}} for name in "gd"}
    config = {**config_of({"g": STEP, "d": None}, max_epochs=2), "optim_wrapper": wrapper}

    assert simulate(config, steps_per_epoch=1)["lr", "d"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("optimizer", "field", "value"),
    [
        ({"type": "SGD", "lr": 0.1, "momentum": 0.8}, "momentum", 0.8),
        ({"type": "AdamW", "lr": 0.1, "betas": [0.85, 0.99]}, "momentum", 0.85),
        ({"type": "AdamW", "lr": 0.1}, "momentum", 0.9),
        ({"type": "mmcls.AdamW", "lr": 0.1}, "weight_decay", 0.01),
        ({"type": "Lamb", "lr": 0.1, "eps": 1e-6}, "eps", 1e-6),
    ],
)
def test_a_field_starts_at_the_value_of_the_optimizer(optimizer, field, value):
    of_field = {"type": "StepParamScheduler", "param_name": field, "step_size": 5}
    scheduler = {"type": "StepMomentum", "step_size": 5} if field == "momentum" else of_field
    config = {**config_of(scheduler), "optim_wrapper": {"optimizer": optimizer}}

    assert simulate(config, steps_per_epoch=1)[field, 0][0] == value


def test_bases_take_precedence_and_a_config_without_an_optimizer_has_1():
    config = {"param_scheduler": STEP, "train_cfg": {"max_epochs": 2}}

    assert simulate(config, steps_per_epoch=1)["lr", 0].tolist() == [1.0, 0.5]
    assert simulate(config_of(STEP), steps_per_epoch=1, bases={"lr": 8.0})["lr", 0][1] == 4.0


def test_the_total_is_for_a_config_without_a_length():
    config = {"param_scheduler": {**STEP, "by_epoch": False}}

    assert simulate(config, total=2)["lr", 0].tolist() == [1.0, 0.5]
    with pytest.raises(MissingFact) as error:
        simulate(config)
    assert error.value.fact == "total"


def test_an_unknown_length_of_a_file_is_reported_with_its_name(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"param_scheduler": STEP}))

    with pytest.raises(MissingFact) as error:
        simulate(file)

    assert error.value.problem.site == f"{file}: train_cfg"


def test_a_scheduler_that_follows_a_metric_changes_nothing_and_is_reported():
    config = config_of([{"type": "ReduceOnPlateauLR", "monitor": "loss", "patience": 0}, STEP], max_epochs=3)

    with pytest.warns(UserWarning, match="ReduceOnPlateauLR"):
        assert simulate(config, steps_per_epoch=1)["lr", 0].tolist() == [0.1, 0.05, 0.025]


@pytest.mark.parametrize(
    ("changes", "is_reported"),
    [
        ({"auto_scale_lr": {"enable": True, "base_batch_size": 16}}, True),
        ({"auto_scale_lr": {"enable": False, "base_batch_size": 16}}, False),
        ({"optim_wrapper": {"optimizer": OPTIMIZERS["SGD"], "paramwise_cfg": {"norm_decay_mult": 0.0}}}, True),
        ({"optim_wrapper": {"optimizer": OPTIMIZERS["SGD"], "paramwise_cfg": None}}, False),
        ({"default_hooks": {"param_scheduler": {"type": "mmengine.ParamSchedulerHook"}}}, False),
        ({"default_hooks": {"logger": None}}, False),
        ({"default_hooks": None}, False),
    ],
)
def test_settings_that_are_ignored_are_reported(changes, is_reported, recwarn):
    curves = simulate({**config_of(STEP), **changes}, steps_per_epoch=2)

    assert curves["lr", 0][0] == 0.1
    assert len(recwarn) == is_reported


class Network(torch.nn.Module):
    """A model with parameters of each kind that MMEngine's constructor recognizes without mmcv."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4))
        self.neck = nn.ModuleDict({"norm": nn.LayerNorm(4), "fc": nn.Linear(4, 4)})
        self.head = nn.Linear(4, 2)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.norm = nn.GroupNorm(2, 4)
        self.scale = nn.Parameter(torch.ones(1, 4))
        self.flat = nn.Parameter(torch.ones(4))
        self.wide = nn.Module()
        self.wide.bias = nn.Parameter(torch.zeros(1, 4))


DECAY_FACTORS = ("norm_decay_mult", "bias_decay_mult", "dwconv_decay_mult", "flat_decay_mult")
PARAMWISE = [
    {"norm_decay_mult": 0.0},
    {"bias_lr_mult": 2.0, "bias_decay_mult": 0.0},
    {"dwconv_decay_mult": 0.5},
    {"flat_decay_mult": 0.0},
    {"flat_decay_mult": 0.0, "bias_lr_mult": 3.0},
    {"dwconv_decay_mult": 0.1, "bias_decay_mult": 0.2, "norm_decay_mult": None},
    {"custom_keys": {"backbone": {"lr_mult": 0.1}}},
    {"custom_keys": {"backbone": {"lr_mult": 0.1}, "neck": {"lr_mult": 0.5, "decay_mult": 0.0},
                     "neck.norm": {"decay_mult": 0.3}}},
    {"custom_keys": {"head": {"lr_mult": 10, "momentum": 0.5, "lr": 0.3}, "bias": {"decay_mult": 0.0}}},
    {"custom_keys": {"head": {"lr_mult": 10.0}}, "norm_decay_mult": 0.0, "bias_lr_mult": 2.0, "flat_decay_mult": 0.25,
     "dwconv_decay_mult": 0.125, "bypass_duplicate": True},
    {"custom_keys": {"head": {"lr_mult": 1.0}}},
]  # fmt: skip
SCHEDULES = [
    [{"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "end": 3},
     {"type": "CosineAnnealingLR", "T_max": 2, "eta_min": 1e-3}],
    [STEP, {"type": "CosineAnnealingParamScheduler", "param_name": "weight_decay", "T_max": 2, "eta_min": 1e-5}],
    [{"type": "StepMomentum", "step_size": 1, "gamma": 0.5}, {"type": "PolyLR", "eta_min": 1e-3, "by_epoch": False}],
]  # fmt: skip


def groups_of_mmengine(config):
    """Return the values of each entry of each group of the optimizer that MMEngine builds, at each iteration."""
    optimizer = build_optim_wrapper(Network(), config["optim_wrapper"]).optimizer
    columns = [{name: [] for name in ("lr", "weight_decay", "momentum")} for _ in optimizer.param_groups]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = SimpleNamespace(param_schedulers=built_by_original(config["param_scheduler"], optimizer))
        hook = ParamSchedulerHook()
        for t in range(EPOCHS * LENGTH):
            for column, group in zip(columns, optimizer.param_groups, strict=True):
                for name, values in column.items():
                    values.append(float(group[name]))
            optimizer.step()
            hook.after_train_iter(runner, t)
            if (t + 1) % LENGTH == 0:
                hook.after_train_epoch(runner)
    return columns


@pytest.mark.parametrize("schedulers", SCHEDULES, ids=["lr", "weight_decay", "momentum"])
@table("paramwise", PARAMWISE)
@pytest.mark.filterwarnings("ignore:optim_wrapper.paramwise_cfg")
def test_each_group_that_mmengine_makes_has_curves_with_its_values(paramwise, schedulers):
    config = config_of(schedulers)
    config["optim_wrapper"] |= {"paramwise_cfg": paramwise}

    curves = simulate(config, steps_per_epoch=LENGTH)

    plotted: dict = {}
    for field, group in curves.keys():
        plotted.setdefault(group, {})[field] = curves[field, group].tolist()
    fields = [*plotted[0]]
    values = [*plotted.values()]
    groups = groups_of_mmengine(config)
    missing = [columns for columns in groups if {field: columns[field] for field in fields} not in values]
    assert missing == []
    for field in {"lr", "weight_decay"} - {*fields}:  # which is the same in all groups
        assert len({tuple(columns[field]) for columns in groups}) == 1
    assert all(value not in values[:place] for place, value in enumerate(values))


@table(
    ("paramwise", "keys"),
    [
        ({"custom_keys": {"a": {"lr_mult": 0.1}, "b": {"lr_mult": 0.1}, "c": {"lr_mult": 1.0}}}, [0, "a, b"]),
        ({"norm_decay_mult": 0.0, "custom_keys": {"a": {"decay_mult": 0.0}}}, [0, "a, norm layers"]),
        ({"bias_lr_mult": 2.0, "dcn_offset_lr_mult": 0.1}, [0, "biases", "DCN offsets"]),
        ({"custom_keys": {"biases": {"lr_mult": 0.1}}, "bias_lr_mult": 2.0}, [0, "biases (custom_keys)", "biases"]),
        ({"custom_keys": {"0": {"lr_mult": 0.1}}}, [0, "0 (custom_keys)"]),
        (
            {"custom_keys": {"norm weights": {"lr_mult": 0.1}, "norm biases": {"lr_mult": 0.1}}},
            [0, "norm weights (custom_keys), norm biases (custom_keys)"],
        ),
        ({"custom_keys": {"a": {"lr_mult": 2}, "b": {"lr_mult": 2}, "a, b": {"lr_mult": 3}}}, [0, "a, b", "a, b (2)"]),
        ({"num_layers": 12}, [0]),
        ({}, [0]),
    ],
)
def test_groups_have_the_names_of_their_keys_and_kinds(paramwise, keys):
    config = config_of(STEP)
    config["optim_wrapper"] |= {"paramwise_cfg": paramwise}

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        curves = simulate(config, steps_per_epoch=2)

    assert [*dict.fromkeys(group for _, group in curves.keys())] == keys
    assert len(caught) == (len(keys) > 1 or bool(paramwise))
    assert all(name in str(caught[0].message) for name in (*keys[1:], *(["num_layers"] * ("num_layers" in paramwise))))


def test_a_constructor_that_needs_the_model_is_named_and_each_of_several_optimizers_has_its_own_groups():
    paramwise = {"custom_keys": {"a": {"lr_mult": 0.1}}}
    wrapper = {"optimizer": OPTIMIZERS["SGD"], "paramwise_cfg": paramwise}
    several = {"g": wrapper, "d": {"optimizer": OPTIMIZERS["SGD"]}}

    with pytest.warns(UserWarning, match="LayerDecay needs the model"):
        single = simulate(
            {**config_of(STEP), "optim_wrapper": {**wrapper, "constructor": "mmdet.LayerDecay"}}, steps_per_epoch=1
        )
    with pytest.warns(UserWarning, match=r"optim_wrapper\.g\.paramwise_cfg.*exist: g/a$"):
        many = simulate({**config_of(STEP), "optim_wrapper": several}, steps_per_epoch=1)

    assert [*single.keys()] == [("lr", 0)]
    assert [*many.keys()] == [("lr", "g"), ("lr", "g/a"), ("lr", "d")]
    assert many["lr", "g/a"].tolist() == pytest.approx((many["lr", "g"] * 0.1).tolist(), rel=1e-15)


def test_a_group_and_an_optimizer_of_the_same_name_have_curves_of_their_own():
    with_paramwise = {"optimizer": OPTIMIZERS["SGD"], "paramwise_cfg": {"custom_keys": {"b": {"lr_mult": 0.5}}}}
    wrapper = {"a": with_paramwise, "a/b": {"optimizer": {"type": "SGD", "lr": 8.0}}}

    with pytest.warns(UserWarning, match=r"exist: a/b \(2\)$"):
        curves = simulate({**config_of(STEP), "optim_wrapper": wrapper}, steps_per_epoch=1)

    assert {group: curves["lr", group][0] for _, group in curves.keys()} == {"a": 0.1, "a/b (2)": 0.05, "a/b": 8.0}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module(force=True)
class ReceivesAll:
    """A constructor for several optimizers that returns the path of each `paramwise_cfg` that MMEngine passes to it."""

    def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
        outer = [] if paramwise_cfg is None else ["optim_wrapper.paramwise_cfg"]
        inner = [
            f"optim_wrapper.{name}.paramwise_cfg" for name, wrapper in optim_wrapper_cfg.items() if len(wrapper) > 1
        ]
        self.paths = outer + inner

    def __call__(self, model):
        return self.paths


@table(
    ("outer", "inner"),
    [
        ({"constructor": "ReceivesAll"}, {}),
        ({"constructor": "ReceivesAll", "paramwise_cfg": {"bias_lr_mult": 2.0}}, {}),
        ({"constructor": "ReceivesAll"}, {"paramwise_cfg": {"bias_lr_mult": 2.0}}),
        ({"constructor": ReceivesAll, "paramwise_cfg": {"a": 1}}, {"paramwise_cfg": {"bias_lr_mult": 2.0}}),
    ],
)
def test_the_constructor_of_several_optimizers_receives_every_paramwise_cfg(outer, inner):
    optimizer = {"optimizer": OPTIMIZERS["SGD"]}
    wrapper = {**outer, "g": {**optimizer, **inner}, "d": dict(optimizer)}

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        curves = simulate({**config_of(STEP), "optim_wrapper": wrapper}, steps_per_epoch=1)

    assert [*curves.keys()] == [("lr", "g"), ("lr", "d")]
    messages = [str(warning.message) for warning in caught]
    assert [message.split(":")[0] for message in messages] == build_optim_wrapper(Network(), wrapper)
    assert all("ReceivesAll needs the model" in message for message in messages)


@table(
    ("paramwise", "path"),
    [
        ({"custom_keys": {"a": {"lr_mult": "x"}}}, "$.optim_wrapper.paramwise_cfg.custom_keys.a.lr_mult"),
        ({"custom_keys": {"a": {"weight_decay": "x"}}}, "$.optim_wrapper.paramwise_cfg.custom_keys.a.weight_decay"),
        ({"custom_keys": {"a": 0.1}}, "$.optim_wrapper.paramwise_cfg.custom_keys.a"),
        ({"custom_keys": {5: {}}}, "$.optim_wrapper.paramwise_cfg.custom_keys[5]"),
        ({"custom_keys": ["a"]}, "$.optim_wrapper.paramwise_cfg.custom_keys"),
        ({"norm_decay_mult": [0.0]}, "$.optim_wrapper.paramwise_cfg.norm_decay_mult"),
        (3, "$.optim_wrapper.paramwise_cfg"),
    ],
)
def test_a_wrong_factor_is_refused_at_its_path(paramwise, path):
    config = config_of(STEP)
    config["optim_wrapper"] |= {"paramwise_cfg": paramwise}

    with pytest.raises(ConfigError) as error:
        simulate(config, steps_per_epoch=2)

    assert [problem.path for problem in error.value.problems] == [path]


@table(
    "paramwise",
    [
        *({name: factor} for name in DECAY_FACTORS for factor in (None, 0.5)),
        {"custom_keys": {"head": {"decay_mult": 0.5}}},
        {"custom_keys": {"head": {"lr_mult": 0.5}}},
        {"custom_keys": {"head": {}}},
        {"custom_keys": {}},
        {"bias_lr_mult": None},
        {"bias_lr_mult": 0.5},
        {"bias_lr_mult": 0.5, "norm_decay_mult": None},
    ],
)
@pytest.mark.parametrize("missing", [(), ("weight_decay",), ("lr",), ("lr", "weight_decay")], ids=str)
def test_a_factor_of_a_missing_value_is_refused_if_mmengine_refuses_it(missing, paramwise):
    optimizer = {name: value for name, value in OPTIMIZERS["SGD"].items() if name not in missing}
    wrapper = {"optimizer": optimizer, "paramwise_cfg": paramwise}

    refused = []
    expected = []
    try:
        build_optim_wrapper(Network(), copy.deepcopy(wrapper))
    except (TypeError, ValueError):
        expected = ["$.optim_wrapper.paramwise_cfg"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            simulate({**config_of(STEP), "optim_wrapper": wrapper}, steps_per_epoch=2)
        except ConfigError as error:
            refused = [problem.path for problem in error.problems]

    assert sorted(set(refused)) == expected


@table(
    ("field", "value"),
    [("lr", "1e-4"), ("lr", [0.1]), ("lr", None), ("weight_decay", "x"), ("weight_decay", [0.1])],
)
@pytest.mark.parametrize("paramwise", [{"bias_lr_mult": 2.0, "norm_decay_mult": 0.5}, None], ids=["paramwise", "plain"])
@pytest.mark.filterwarnings("ignore:optim_wrapper.paramwise_cfg")
def test_a_value_that_is_not_a_number_is_refused_at_its_path(paramwise, field, value):
    wrapper = {"optimizer": {**OPTIMIZERS["SGD"], field: value}, "paramwise_cfg": paramwise}
    with pytest.raises((TypeError, ValueError)):
        build_optim_wrapper(Network(), copy.deepcopy(wrapper))

    with pytest.raises(ConfigError) as refused:
        simulate({**config_of(STEP), "optim_wrapper": wrapper}, steps_per_epoch=2)

    places = [(problem.path, problem.code) for problem in refused.value.problems]
    assert places == [(f"$.optim_wrapper.optimizer.{field}", WRONG_TYPE)]
    replaced = simulate({**config_of(STEP), "optim_wrapper": wrapper}, steps_per_epoch=2, bases={field: 0.5})
    assert replaced["lr", 0][0] == (0.5 if field == "lr" else 0.1)


@pytest.mark.parametrize("base", ["1e-4", [0.1], None, float("nan")])
@pytest.mark.parametrize("field", ["lr", "weight_decay"])
def test_a_base_must_be_a_finite_number(field, base):
    config = config_of(STEP)
    config["optim_wrapper"] |= {"paramwise_cfg": {"bias_lr_mult": 2.0, "norm_decay_mult": 0.5}}

    with pytest.raises(InvalidArgument):
        simulate(config, steps_per_epoch=2, bases={field: base})


@pytest.mark.parametrize("place", ["value", "factor"])
def test_an_integer_that_no_float_can_hold_is_refused(place):
    optimizer = {**OPTIMIZERS["SGD"], "lr": 10**400 if place == "value" else 0.1}
    paramwise = {"bias_lr_mult": 10**400 if place == "factor" else 2.0}

    with pytest.raises(ConfigError) as refused:
        simulate(
            {**config_of(STEP), "optim_wrapper": {"optimizer": optimizer, "paramwise_cfg": paramwise}},
            steps_per_epoch=2,
        )

    assert [problem.code for problem in refused.value.problems] == [WRONG_TYPE]


@pytest.mark.parametrize("end", [2.5, 0.75, 1.125, 3.0])
@pytest.mark.parametrize("curve", ["Linear", "Constant", "Poly"])
@pytest.mark.parametrize("length", [5, 8, 50])
def test_a_fraction_of_an_epoch_is_truncated_as_in_mmengine(end, curve, length):
    config = {"type": f"{curve}LR", "begin": 0, "end": end, "by_epoch": True, "convert_to_iter_based": True}
    optimizer = optimizer_of("SGD")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = run(built_by_original([config], optimizer, 4, length), optimizer, 4, length)[:, 0]

    curves = simulate(config_of(config, max_epochs=4), steps_per_epoch=length)

    np.testing.assert_allclose(curves["lr", 0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["step_size", "gamma", "begin"])
@pytest.mark.parametrize("number", [float("nan"), float("-inf"), 10**400], ids=["nan", "-inf", "huge"])
def test_a_number_that_is_not_finite_is_refused(name, number):
    with pytest.raises(ConfigError):
        simulate(config_of({**STEP, name: number}), steps_per_epoch=2)


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "SGD"])
def test_an_optimizer_without_arguments_has_the_defaults_of_torch(name):
    config = {**config_of(STEP), "optim_wrapper": {"optimizer": {"type": name}}}

    rate = getattr(torch.optim, name)([torch.zeros(1)]).defaults["lr"]
    assert simulate(config, steps_per_epoch=2)["lr", 0][0] == rate


class LinearByProgress(LinearLR):
    """A class of MMEngine's users that reads the progress of the run, as mmagic's LinearLrInterval does."""

    def _get_value(self):
        if self.last_step == 0:
            return [group[self.param_name] * self.start_factor for group in self.optimizer.param_groups]
        progress = MessageHub.get_current_instance().get_info("epoch" if self.by_epoch else "iter")
        value = self.start_factor - 0.01 * progress
        return [value for _ in self.optimizer.param_groups]


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("by_epoch", [True, False])
def test_a_class_that_reads_the_progress_of_the_run_has_the_values_of_a_run(by_epoch, stale):
    hub = MessageHub.get_current_instance()
    optimizer = optimizer_of("SGD")
    if stale:  # from an earlier run of the process
        hub.update_info("iter", 999)
        hub.update_info("epoch", 9)
    before = {name: hub.runtime_info.get(name) for name in ("iter", "epoch")}
    arguments = {"by_epoch": by_epoch, "start_factor": 0.5}

    curves = simulate(config_of({"type": LinearByProgress, **arguments}), steps_per_epoch=LENGTH)

    assert {name: hub.runtime_info.get(name) for name in ("iter", "epoch")} == before
    expected = []
    scheduler = LinearByProgress(optimizer, **arguments)
    for t in range(EPOCHS * LENGTH):
        hub.update_info("iter", t)
        hub.update_info("epoch", t // LENGTH)
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not by_epoch or (t + 1) % LENGTH == 0:
            scheduler.step()
    hub.pop_info("iter")
    hub.pop_info("epoch")
    assert curves["lr", 0].tolist() == expected


def test_a_registered_class_of_the_user_is_run():
    @PARAM_SCHEDULERS.register_module(force=True)
    class Halved(_ParamScheduler):
        def __init__(self, optimizer, **arguments):
            super().__init__(optimizer, "lr", **arguments)

        def _get_value(self):
            return [base / (self.last_step + 1) for base in self.base_values]

    config = config_of({"type": "Halved"}, max_epochs=3)

    assert simulate(config, steps_per_epoch=1)["lr", 0] == pytest.approx([0.1, 0.05, 0.1 / 3])


@pytest.mark.parametrize("name", ["mmdet.StepLR", "mmengine.optim.scheduler.lr_scheduler.StepLR"])
def test_a_class_is_found_without_its_package(name):
    config = config_of({**STEP, "type": name}, max_epochs=2)

    assert simulate(config, steps_per_epoch=1)["lr", 0].tolist() == [0.1, 0.05]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"param_scheduler": {"type": "StepLR", "step": 3}}, "$.param_scheduler.step"),
        ({"param_scheduler": [STEP, {"type": "QuadraticWarmupLR", "end": 3}]}, "$.param_scheduler[1].type"),
        ({"param_scheduler": [STEP, {**STEP, "gamma": "small"}]}, "$.param_scheduler[1].gamma"),
        ({"param_scheduler": [STEP, {**STEP, "begin": 99}]}, "$.param_scheduler[1].end"),
        ({"param_scheduler": {"g": STEP}}, "$.param_scheduler"),
        ({"param_scheduler": {"g": 3}}, "$.param_scheduler.type"),
        ({"param_scheduler": []}, "$.param_scheduler"),
        ({"param_scheduler": {"type": "StepParamScheduler", "param_name": "x", "step_size": 1}}, "$.param_scheduler"),
        ({"train_cfg": {"max_epochs": 0}}, "$.train_cfg.max_epochs"),
        ({"train_cfg": {"max_epochs": 2, "max_iters": 2}}, "$.train_cfg"),
        ({"train_cfg": {"max_epochs": 10_000_000}}, "$.train_cfg"),
        ({"train_cfg": 12}, "$.train_cfg"),
        ({"train_cfg": {"max_epochs": 4.5}}, "$.train_cfg.max_epochs"),
        ({"train_cfg": {"type": "EpochBasedTrainLoop", "max_iters": 40}}, "$.train_cfg.max_iters"),
        ({"train_cfg": {"by_epoch": True, "max_iters": 40}}, "$.train_cfg.max_iters"),
        ({"train_cfg": {"type": "IterBasedTrainLoop", "max_epochs": 4}}, "$.train_cfg.max_epochs"),
        ({"train_cfg": {"by_epoch": False, "max_iters": 40, "max_epochs": None}}, "$.train_cfg.max_epochs"),
        ({"train_cfg": {"by_epoch": True, "type": "EpochBasedTrainLoop", "max_epochs": 4}}, "$.train_cfg"),
        ({"optim_wrapper": 3}, "$.optim_wrapper"),
        ({"default_hooks": {"param_scheduler": None}}, "$.default_hooks.param_scheduler"),
        ({"default_hooks": {"param_scheduler": {"type": "MyHook"}}}, "$.default_hooks.param_scheduler"),
    ],
)
def test_a_problem_names_its_place_in_the_config(changes, path):
    with pytest.raises(ConfigError) as error:
        simulate({**config_of(STEP), **changes}, steps_per_epoch=2)

    assert path in [problem.path for problem in error.value.problems]


@table(
    ("schedulers", "keys", "values"),
    [
        ([STEP], 0, 1),
        ([STEP] * 3, 0, 3),
        ([STEP], 4, 5),  # those of the keys, and those of the other parameters
        ([STEP] * 3, 4, 15),
        ([{"type": "StepMomentum", "step_size": 1}], 4, 10),  # lr is recorded too
    ],
)
@pytest.mark.parametrize("by_epoch", [True, False])
@pytest.mark.filterwarnings("ignore:optim_wrapper.paramwise_cfg")
def test_iterations_times_values_have_a_limit_and_the_advice_is_below_it(
    monkeypatch, by_epoch, schedulers, keys, values
):
    monkeypatch.setattr(simulation, "_MOST_VALUES", 90)
    most = 90 // values
    config = config_of(schedulers, **({"max_epochs": 2} if by_epoch else {"max_iters": most + 1}))
    factors = {f"k{index}": {"lr_mult": index + 2} for index in range(keys)}
    config["optim_wrapper"] |= {"paramwise_cfg": {"custom_keys": factors}}

    with pytest.raises(ConfigError) as refused:
        simulate(config, steps_per_epoch=most // 2 + 1)

    (problem,) = refused.value.problems
    assert (problem.path, problem.code) == ("$.train_cfg", REFUSED_VALUE)
    advised = (
        f"Pass steps_per_epoch={most // 2}, or --steps-per-epoch {most // 2} "
        if by_epoch
        else f"For example: train_cfg=dict(max_iters={most})"
    )
    assert problem.advice.startswith(advised)
    check_config(config, "config", steps_per_epoch=most // 2 + 1)  # which simulates nothing
    longest = config if by_epoch else {**config, "train_cfg": {"max_iters": most}}
    assert simulate(longest, steps_per_epoch=most // 2).total == (most // 2 * 2 if by_epoch else most)


@pytest.mark.filterwarnings("ignore:optim_wrapper.paramwise_cfg")
def test_at_most_a_thousand_groups_have_curves():
    factors = {f"k{index}": {"lr_mult": index + 2} for index in range(999)}
    config = config_of(STEP, max_iters=2)
    config["optim_wrapper"] |= {"paramwise_cfg": {"custom_keys": factors}}

    assert len(simulate(config, steps_per_epoch=1).keys()) == 1000
    factors["one more"] = {"lr_mult": 0.5}
    with pytest.raises(ConfigError) as refused:
        simulate(config, steps_per_epoch=1)
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [("$.optim_wrapper", REFUSED_VALUE)]


@pytest.mark.parametrize("facts", [{"steps_per_epoch": 0}, {"steps_per_epoch": 2.5}, {"total": -1}])
def test_a_run_fact_must_be_a_count(facts):
    with pytest.raises(InvalidArgument):
        simulate(config_of(STEP), **facts)


def test_a_file_is_read_and_code_is_run_only_when_asked(tmp_path):
    data = tmp_path / "config.json"
    code = tmp_path / "config.py"
    data.write_text(json.dumps(config_of(STEP, max_epochs=2)))
    code.write_text("".join(f"{name} = {value!r}\n" for name, value in config_of(STEP, max_epochs=2).items()))

    assert simulate(data, steps_per_epoch=1)["lr", 0].tolist() == [0.1, 0.05]
    assert simulate(str(code), steps_per_epoch=1, run_config=True)["lr", 0].tolist() == [0.1, 0.05]
    with pytest.raises(ConfigError):
        simulate(code, steps_per_epoch=1)


WRONG = [
    ({"type": "ConstantLR", "factor": -1}, "factor"),
    ({"type": "LinearLR", "start_factor": 2}, "start_factor"),
    ({"type": "CosineAnnealingLR", "eta_min": 0.1, "eta_min_ratio": 0.1}, "eta_min_ratio"),
    ({"type": "CosineRestartLR", "periods": [1], "restart_weights": [1, 2], "eta_min": 0}, "restart_weights"),
    ({"type": "CosineRestartLR", "periods": [0, 1], "restart_weights": [1, 2], "eta_min": 0}, "periods"),
    ({"type": "CosineRestartLR", "periods": [1], "restart_weights": [1]}, "eta_min"),
    ({"type": "OneCycleLR", "eta_max": "high"}, "eta_max"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "total_steps": -3}, "total_steps"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "anneal_strategy": "exp"}, "anneal_strategy"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "three_phase": "no"}, "three_phase"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "div_factor": 0}, "div_factor"),
    ({"type": "OneCycleMomentum", "eta_max": 0.1}, "type"),
    ({"type": "OneCycleParamScheduler", "param_name": "momentum", "eta_max": 0.1}, "param_name"),
    ({"type": "ReduceOnPlateauLR", "factor": 1.0}, "factor"),
    ({"type": "ReduceOnPlateauLR", "threshold": -1}, "threshold"),
    ({"type": "ReduceOnPlateauLR", "rule": "min"}, "rule"),
    ({"type": "ReduceOnPlateauLR", "threshold_rule": "x"}, "threshold_rule"),
    ({"type": "ReduceOnPlateauLR", "by_epoch": False}, "by_epoch"),
    ({"type": "ReduceOnPlateauLR", "min_value": "low"}, "min_value"),
    ({"type": "StepLR", "step_size": 1, "last_step": -2}, "last_step"),
    ({"type": "StepLR", "step_size": 1, "convert_to_iter_based": True, "by_epoch": False}, "convert_to_iter_based"),
    ({"type": "StepLR"}, "step_size"),
    ({"type": "StepLR", "step_size": 1, "gama": 0.5}, "gama"),
    ({"type": "PolyLR", "power": "x"}, "power"),
    ({"step_size": 1}, "type"),
    ({"type": 3, "step_size": 1}, "type"),
    ({"type": "LinearLR", "end": "4"}, "end"),
    ({"type": "CosineAnnealingLR", "begin": "0"}, "begin"),
]


@table(("config", "name"), WRONG)
def test_each_wrong_argument_is_one_error_at_its_place(config, name):
    with pytest.raises(ConfigError) as refusal:
        simulate(config_of([STEP, config]), steps_per_epoch=2)

    assert [problem.path for problem in refusal.value.problems] == [f"$.param_scheduler[1].{name}"]


@pytest.mark.parametrize("peaks", [0.1, [0.1], [0.1, 0.2, 0.3]])
def test_a_list_has_a_value_for_each_group(peaks):
    problems = ProblemCollector()
    optimizer = ValuesOnly([{"lr": 0.1, "momentum": 0.9}] * (3 if isinstance(peaks, list) and len(peaks) == 3 else 1))
    build_entry({"type": "OneCycleLR", "eta_max": peaks}, "$", optimizer, RunLength(10, 3), problems)
    build_entry({"type": "ReduceOnPlateauLR", "min_value": peaks}, "$", optimizer, RunLength(), problems)

    assert problems.lines() == ()


def test_the_advice_for_an_optimizer_without_schedulers_is_accepted_by_mmengine_and_here():
    config = config_of({"g": dict(STEP)}, max_iters=4)
    config["optim_wrapper"] = {name: {"optimizer": OPTIMIZERS["SGD"]} for name in "gd"}
    with pytest.raises(ConfigError) as refused:
        simulate(config, steps_per_epoch=2)

    (problem,) = refused.value.problems
    assert problem.advice == "Use d=[] for no scheduler"
    config["param_scheduler"]["d"] = []
    assert simulate(config, steps_per_epoch=2)["lr", "d"].tolist() == [0.1] * 4


def test_a_class_that_needs_a_metric_of_the_run_is_named_in_the_error():
    @PARAM_SCHEDULERS.register_module(force=True)
    class FollowsTheLoss(_ParamScheduler):
        def __init__(self, optimizer, **options):
            super().__init__(optimizer, param_name="lr", **options)

        def _get_value(self):
            if self.last_step:
                MessageHub.get_current_instance().get_scalar("a loss of the run")
            return [group["lr"] for group in self.optimizer.param_groups]

    with pytest.raises(ConfigError, match=r"FollowsTheLoss\.step\(\) raised KeyError") as refused:
        simulate(config_of({"type": "FollowsTheLoss"}), steps_per_epoch=2)

    assert isinstance(refused.value.__cause__, KeyError)


@table(
    ("wrapper", "path"),
    [
        ({"type": "OptimWrapper"}, "$.optim_wrapper.optimizer"),
        ({"type": "OptimWrapper", "optimizer": {"type": "Unknown"}}, "$.optim_wrapper.optimizer.lr"),
        ({"g": {"optimizer": {"type": "Unknown"}}}, "$.optim_wrapper.g.optimizer.lr"),
    ],
)
def test_a_wrapper_without_a_rate_is_named(wrapper, path):
    config = {**config_of(dict(STEP)), "optim_wrapper": wrapper}
    with pytest.raises(ConfigError) as refused:
        simulate(config, steps_per_epoch=2)

    assert [problem.path for problem in refused.value.problems] == [path]
    assert simulate(config, steps_per_epoch=2, bases={"lr": 0.1}).total == EPOCHS * 2
