"""Scheduler classes of a user's repository, registered once: simulated, on the command line and in our Runner."""

import sys
import warnings
from itertools import product

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine import simulate
from paramsched.mmengine.runner import Runner
from paramsched_runner.runner.hooks import Hook
from support import mmengine_original as original
from support.runner_jobs import WithTrainStep, loader
from support.spread import spread

mmengine_optim = pytest.importorskip("mmengine.optim")


def quadratic_warmup(library):
    """Return a class like those of detection libraries, based on MMEngine's class or on the drop-in."""

    class Quadratic(library._ParamScheduler):
        def __init__(self, optimizer, param_name, begin=0, end=10**9, last_step=-1, by_epoch=True, verbose=False):
            self.total_iters = end - begin
            super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

        @classmethod
        def build_iter_from_epoch(cls, *args, begin=0, end=10**9, by_epoch=True, epoch_length=None, **kwargs):
            return cls(*args, begin=begin * epoch_length, end=end * epoch_length, by_epoch=False, **kwargs)

        def _get_value(self):
            share = (2 * self.last_step + 1) / self.total_iters**2
            if self.last_step == 0:
                return [base * share for base in self.base_values]
            present = [group[self.param_name] for group in self.optimizer.param_groups]
            return [value + base * share for value, base in zip(present, self.base_values, strict=True)]

    class QuadraticWarmupLR(Quadratic):
        def __init__(self, optimizer, *args, **kwargs):
            super().__init__(optimizer, "lr", *args, **kwargs)

    return QuadraticWarmupLR


class Original:
    _ParamScheduler = mmengine_optim.scheduler.param_scheduler._ParamScheduler


@pytest.fixture(params=[drop_ins, Original], ids=["our base", "MMEngine's base"])
def cls(request):
    return quadratic_warmup(request.param)


@pytest.fixture
def registered():
    """Yield a function that registers a class until the test ends."""
    before = dict(drop_ins.PARAM_SCHEDULERS._classes)
    yield lambda cls: drop_ins.PARAM_SCHEDULERS.register_module(module=cls, force=True)
    drop_ins.PARAM_SCHEDULERS._classes.clear()
    drop_ins.PARAM_SCHEDULERS._classes.update(before)


def stepped(configs):
    """Return the learning rate of each iteration of MMEngine's own loop, for configs whose types are classes."""
    optimizer = original.optimizer_of("SGD", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = []
        for config in configs:
            arguments = dict(config)
            scheduler_class = arguments.pop("type")
            if arguments.pop("convert_to_iter_based", False):
                built.append(
                    scheduler_class.build_iter_from_epoch(
                        optimizer=optimizer, epoch_length=original.LENGTH, **arguments
                    )
                )
            else:
                built.append(scheduler_class(optimizer=optimizer, **arguments))
        return original.run(built, optimizer)[:, 0]


def simulated(schedulers):
    """Return the simulated learning rate of each iteration."""
    wrapper = {"optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9}}
    config = {"param_scheduler": schedulers, "train_cfg": {"max_epochs": original.EPOCHS}, "optim_wrapper": wrapper}
    return simulate(config, steps_per_epoch=original.LENGTH)["lr", 0]


def assert_same_rates(rates, configs):
    expected = stepped(configs)

    np.testing.assert_allclose(rates, expected, rtol=0, atol=1e-12 * max(np.abs(expected).max(), 1.0))


WINDOWS = [
    {"begin": 0, "end": 3, "by_epoch": True},
    {"begin": 2, "end": 30, "by_epoch": False},
    {"begin": 0, "end": 2, "by_epoch": True, "convert_to_iter_based": True},
]


@pytest.mark.parametrize("window", WINDOWS, ids=["by epoch", "by iteration", "converted"])
def test_a_registered_class_is_read_by_name_with_the_values_it_computes(cls, registered, window):
    registered(cls)

    rates = simulated({"type": "QuadraticWarmupLR", **window})

    assert_same_rates(rates, [{"type": cls, **window}])


def test_a_users_class_combines_with_mmengines_own_as_in_mmengine(cls, registered):
    registered(cls)
    cosine = {"T_max": 9, "eta_min": 0.001, "begin": 2, "end": 12}
    warmup = {"begin": 0, "end": 4}

    rates = simulated([{"type": "QuadraticWarmupLR", **warmup}, {"type": "CosineAnnealingLR", **cosine}])

    assert_same_rates(rates, [{"type": cls, **warmup}, {"type": mmengine_optim.CosineAnnealingLR, **cosine}])


def test_a_class_in_an_mmengine_registry_is_found_by_its_package_scope(cls):
    from mmengine.registry import PARAM_SCHEDULERS, Registry

    package = Registry("parameter scheduler", parent=PARAM_SCHEDULERS, scope="mmdet")
    package.register_module(module=cls)
    try:
        rates = simulated({"type": "mmdet.QuadraticWarmupLR", "end": 4})
    finally:
        del PARAM_SCHEDULERS.children["mmdet"]

    assert_same_rates(rates, [{"type": cls, "end": 4}])


class Reading(drop_ins._ParamScheduler):
    """A class that reads attributes that exist only in a run."""

    def __init__(self, optimizer, **kwargs):
        super().__init__(optimizer, "lr", **kwargs)

    def _get_value(self):
        raise KeyError("iter")


def test_an_error_of_a_class_is_one_of_the_config():
    with pytest.raises(ps.errors.ConfigError, match="iter") as refusal:
        simulated({"type": Reading, "end": 4})

    assert [problem.path for problem in refusal.value.problems] == ["$.param_scheduler"]


def test_a_converted_class_reports_a_missing_epoch_length(cls):
    config = {"param_scheduler": {"type": cls, "end": 2, "convert_to_iter_based": True}, "train_cfg": {"max_iters": 3}}

    with pytest.raises(ps.errors.MissingFact) as missing:
        simulate(config)
    assert missing.value.fact == "steps_per_epoch"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mmflow.QuadraticWarmupLR", "the package mmflow, which is not installed"),
        ("QuadraticWarmup", "neither MMEngine nor your config defines it"),
        ("torch.StepLR", "neither MMEngine nor your config defines it"),
        ("StepLr", 'did you mean "StepLR"'),
    ],
)
def test_an_unknown_name_is_reported_with_the_registration_call(name, said):
    with pytest.raises(ps.errors.ConfigError, match=r"\.type: ") as refusal:
        simulated({"type": name})

    assert said in str(refusal.value)


# ---------------------------------------------------------------- the command line

MODULE = """
from {library} import _ParamScheduler
from paramsched.mmengine.schedulers import PARAM_SCHEDULERS

@PARAM_SCHEDULERS.register_module()
class HalvingLR(_ParamScheduler):
    def __init__(self, optimizer, **kwargs):
        super().__init__(optimizer, "lr", **kwargs)
    def _get_value(self):
        return [group["lr"] * (0.5 if self.last_step else 1.0) for group in self.optimizer.param_groups]
"""
CONFIG = """
param_scheduler = dict(type='HalvingLR', end=3)
train_cfg = dict(by_epoch=True, max_epochs=4)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.8))
"""


def call(*arguments):
    return CliRunner().invoke(main, list(arguments), prog_name="paramsched")


@pytest.mark.package("show")
@pytest.mark.package("tools")
@pytest.mark.parametrize("library", ["paramsched.mmengine.schedulers", "mmengine.optim.scheduler.param_scheduler"])
def test_the_command_line_imports_a_user_module(tmp_path, monkeypatch, registered, library):
    (tmp_path / "my_schedulers.py").write_text(MODULE.format(library=library))
    (tmp_path / "config.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_schedulers", raising=False)
    times = [argument for time in ("0", "9", "10", "25", "39") for argument in ("--at", time)]

    asked = ("config.py", "--run-config", "--import", "my_schedulers")
    shown = call("show", *asked, "--steps-per-epoch", "10", *times)
    checked = call("check", *asked)

    assert [line.split()[-1] for line in shown.stdout.splitlines()[1:]] == ["0.8", "0.8", "0.4", "0.2", "0.2"]
    assert (checked.exit_code, checked.stdout) == (0, "config.py: no problems found\n")


@pytest.mark.package("show")
@pytest.mark.parametrize(("text", "said"), [("", "ModuleNotFoundError"), ("1 / 0", "ZeroDivisionError")])
def test_a_module_that_cannot_be_imported_is_a_usage_error(tmp_path, monkeypatch, text, said):
    name = f"broken_{said.lower()}"
    if text:
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)

    refused = call("show", "cosine()", "--total", "9", "--import", name)

    assert refused.exit_code == 2
    assert f"--import {name}: {said}" in refused.stderr


# ---------------------------------------------------------------- our Runner


HOWS = ["a dict", "none", "drop_ins", "MMEngine's", "a dict of MMEngine's class"]


def wrapped(how, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {
        "a dict": lambda: {"optimizer": {"type": "SGD", "lr": 0.1}},
        "none": lambda: optimizer,
        "drop_ins": lambda: drop_ins.OptimWrapper(optimizer),
        "MMEngine's": lambda: mmengine_optim.OptimWrapper(
            optimizer, accumulative_counts=1, clip_grad={"max_norm": 9.0}
        ),
        "a dict of MMEngine's class": lambda: {"type": mmengine_optim.OptimWrapper, "optimizer": optimizer},
    }[how]()


@pytest.mark.parametrize(
    ("how", "by_name"),
    spread(product(HOWS, [True, False]), *((how, True) for how in HOWS), ("none", False)),
)
def test_our_runner_trains_and_resumes_with_a_users_class(cls, registered, tmp_path, how, by_name):
    registered(cls)
    scheduler_type = "QuadraticWarmupLR" if by_name else cls
    schedulers = [
        {"type": scheduler_type, "by_epoch": True, "begin": 0, "end": 1, "convert_to_iter_based": True},
        {"type": "MultiStepLR", "milestones": [2]},
    ]

    def runner(**more):
        model = WithTrainStep()
        return Runner(
            model,
            tmp_path,
            loader(4),
            train_cfg={"by_epoch": True, "max_epochs": 3},
            optim_wrapper=wrapped(how, model),
            param_scheduler=schedulers,
            default_hooks={"logger": None, "progress": None},
            **more,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # any call in the wrong order would warn
        warnings.filterwarnings("ignore", "resume", UserWarning)
        with pytest.raises(Stopped):
            runner(custom_hooks=[StopAfterTwo()]).train()
        second = runner(resume=True)
        second.train()

    assert second.steppers[""].optimizer.param_groups[0]["lr"] == pytest.approx(0.01, rel=1e-12)


class Stopped(Exception):
    """Simulates the end of the process."""


class StopAfterTwo(Hook):
    """Stops a run after two epochs are saved."""

    priority = "VERY_LOW"

    def after_train_epoch(self, runner):
        if runner.epoch == 1:
            raise Stopped


def test_a_wrapper_that_scales_losses_is_rejected_with_the_line_to_write():
    class Scaling(mmengine_optim.OptimWrapper):
        pass

    model = WithTrainStep()
    wrapper = Scaling(torch.optim.SGD(model.parameters(), lr=0.1))

    with pytest.raises(ps.errors.ConfigError, match=r"optimizer=wrapper\.optimizer"):
        Runner(model, train_dataloader=loader(1), train_cfg={"max_epochs": 1}, optim_wrapper=wrapper)


# ---------------------------------------------------------------- registries


@pytest.mark.parametrize("name", ["MODELS", "DATASETS", "METRICS", "HOOKS", "PARAM_SCHEDULERS"])
def test_the_advice_for_each_registry_names_it_and_works(name):
    from paramsched.mmengine.registry import Registry

    registry = Registry("thing", name)
    with pytest.raises(KeyError) as refusal:
        registry.find("Mine")
    decorator = str(refusal.value).split("Put ")[1].split(" above")[0]

    exec(f"{decorator}\nclass Mine: pass", {name: registry})

    assert registry.find("Mine").__name__ == "Mine"


def test_the_runner_names_the_registry_of_a_model():
    from paramsched.mmengine import MODELS

    with pytest.raises(KeyError, match=r"@MODELS\.register_module\(\)"):
        MODELS.find("Mine")
