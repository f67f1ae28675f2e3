"""Scheduler classes of a user's repository, registered once: in plans, on the command line and in our Runner."""

import sys
import warnings
from itertools import product

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.cli import main
from paramsched.core import files as plans
from paramsched.mmengine import reader as dialect
from paramsched.mmengine import schedulers as ours
from paramsched.mmengine.runner import Runner
from paramsched.mmengine.runner.hooks import Hook
from paramsched.tools.check.plan_check import check
from support import mmengine_peer as peer
from support.runner_jobs import WithTrainStep, loader
from support.spread import spread

theirs = pytest.importorskip("mmengine.optim")
FACTS = ps.Calendar(total=f"{peer.EPOCHS} epochs", steps_per_epoch=peer.LENGTH)


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


class Peer:
    _ParamScheduler = theirs.scheduler.param_scheduler._ParamScheduler


@pytest.fixture(params=[ours, Peer], ids=["our base", "MMEngine's base"])
def cls(request):
    return quadratic_warmup(request.param)


@pytest.fixture
def registered():
    """Yield a function that registers a class until the test ends."""
    before = dict(ours.PARAM_SCHEDULERS._classes)
    yield lambda cls: ours.PARAM_SCHEDULERS.register_module(module=cls, force=True)
    ours.PARAM_SCHEDULERS._classes.clear()
    ours.PARAM_SCHEDULERS._classes.update(before)


def stepped(configs, kind="SGD", groups=2):
    """Return the values of MMEngine's own loop for configs whose types are classes."""
    optimizer = peer.optimizer_of(kind, groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = []
        for config in configs:
            given = dict(config)
            made = given.pop("type")
            if given.pop("convert_to_iter_based", False):
                built.append(made.build_iter_from_epoch(optimizer=optimizer, epoch_length=peer.LENGTH, **given))
            else:
                built.append(made(optimizer=optimizer, **given))
        return peer.run(built, optimizer)


def planned(plan, groups=2):
    trace = ps.trace(plan, peer.optimizer_of("SGD", groups), FACTS)
    return np.stack([trace["lr", group] for group in range(groups)], axis=1)


def assert_same_rates(plan, configs, groups=2):
    expected = stepped(configs)[:, :groups]

    np.testing.assert_allclose(planned(plan), expected, rtol=0, atol=1e-12 * expected.max())


WINDOWS = [
    {"begin": 0, "end": 3, "by_epoch": True},
    {"begin": 2, "end": 30, "by_epoch": False},
    {"begin": 0, "end": 2, "by_epoch": True, "convert_to_iter_based": True},
]


@pytest.mark.parametrize("window", WINDOWS, ids=["by epoch", "by iteration", "converted"])
def test_a_registered_class_is_read_by_name_with_the_values_it_computes(cls, registered, window):
    registered(cls)

    plan = dialect.to_plan({"type": "QuadraticWarmupLR", **window}, calendar=FACTS)

    assert_same_rates(plan, [{"type": cls, **window}])


def test_a_class_object_needs_no_registered_name(cls):
    plan = dialect.to_plan({"type": cls, "end": 4}, calendar=FACTS)

    assert_same_rates(plan, [{"type": cls, "end": 4}])


def test_a_users_class_combines_with_mmengines_own_as_in_mmengine(cls, registered):
    registered(cls)
    cosine = {"T_max": 9, "eta_min": 0.001, "begin": 2, "end": 12}
    warmup = {"begin": 0, "end": 4}

    plan = dialect.to_plan(
        [{"type": "QuadraticWarmupLR", **warmup}, {"type": "CosineAnnealingLR", **cosine}], calendar=FACTS
    )

    assert_same_rates(plan, [{"type": cls, **warmup}, {"type": theirs.CosineAnnealingLR, **cosine}])


def test_a_class_in_an_mmengine_registry_is_found_by_its_package_scope(cls):
    from mmengine.registry import PARAM_SCHEDULERS, Registry

    package = Registry("parameter scheduler", parent=PARAM_SCHEDULERS, scope="mmdet")
    package.register_module(module=cls)
    try:
        plan = dialect.to_plan({"type": "mmdet.QuadraticWarmupLR", "end": 4}, calendar=FACTS)
    finally:
        del PARAM_SCHEDULERS.children["mmdet"]

    assert_same_rates(plan, [{"type": cls, "end": 4}])


def test_the_plan_of_a_class_is_data(cls):
    plan = dialect.to_plan({"type": cls, "end": 4}, calendar=FACTS)

    assert plans.loads(plans.dump(plan)) == plan
    assert check(plan, FACTS) == ()


@given(
    st.lists(st.tuples(*(st.floats(-2, 2, allow_subnormal=False) for _ in range(3))), min_size=1, max_size=peer.EPOCHS),
    st.integers(0, 3),
    st.sampled_from([ours, Peer]),
)
def test_the_plan_of_any_affine_class_has_its_values(rows, begin, library):
    class Affine(library._ParamScheduler):
        def _get_value(self):
            a, b, c = rows[min(self.last_step, len(rows) - 1)]
            present = [group[self.param_name] for group in self.optimizer.param_groups]
            return [a * value + b * base + c for value, base in zip(present, self.base_values, strict=True)]

    window = {"begin": begin, "end": begin + len(rows)}
    config = {"type": Affine, "param_name": "lr", **window}

    plan = dialect.to_plan(config, calendar=FACTS)

    expected = stepped([config])[:, :2]
    np.testing.assert_allclose(planned(plan), expected, rtol=0, atol=1e-12 * max(np.abs(expected).max(), 1.0))


def test_the_plan_of_an_affine_class_has_its_numbers():
    rows = [(0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.3), (0.5, 0.25, 2.0**-58)]

    class Affine(ours._ParamScheduler):
        def _get_value(self):
            a, b, c = rows[self.last_step]
            present = [group[self.param_name] for group in self.optimizer.param_groups]
            return [a * value + b * base + c for value, base in zip(present, self.base_values, strict=True)]

    plan = dialect.to_plan({"type": Affine, "param_name": "lr", "end": 4}, calendar=FACTS)

    columns = "[0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.0, 0.25], [0.0, 0.0, 0.3, 3.469446951953614e-18]"
    assert str(plan).splitlines()[1] == f'lr: recurrence(rules.table({columns}, by="epoch"))'


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([(0.5, 0, 0.1), (0.5, 0, 0.2)], "[0.5], add=[0.1, 0.2]"),
        (
            [(0.5, 0.25, 0.1), (0.5, 0.25, 0.2), (0.5, 0.25, 0.2), (0.5, 0.25, 0.3)],
            "[0.5], [0.25], [0.1, 0.2, 0.2, 0.3]",
        ),
    ],
)
def test_a_number_that_is_the_same_at_all_steps_is_written_once(rows, columns):
    class Affine(ours._ParamScheduler):
        def _get_value(self):
            a, b, c = rows[self.last_step]
            present = [group[self.param_name] for group in self.optimizer.param_groups]
            return [a * value + b * base + c for value, base in zip(present, self.base_values, strict=True)]

    plan = dialect.to_plan({"type": Affine, "param_name": "lr", "end": len(rows)}, calendar=FACTS)

    assert str(plan).splitlines()[1] == f'lr: recurrence(rules.table({columns}, by="epoch"))'


def test_the_rounding_of_a_class_adds_nothing_to_its_plan():
    class Between(ours._ParamScheduler):
        def _get_value(self):
            present = [group[self.param_name] for group in self.optimizer.param_groups]
            pairs = zip(present, self.base_values, strict=True)
            return [(0.1 * base + 0.2 * value) + 0.7 * value for value, base in pairs]

    plan = dialect.to_plan({"type": Between, "param_name": "lr", "end": 3}, calendar=FACTS)

    text = str(plan).splitlines()[1]
    scale = ", ".join(["0.8999999999999999"] * 3)
    assert text == f'lr: recurrence(rules.table([{scale}], [0.1], by="epoch"))'


def test_a_class_whose_window_begins_after_the_run_changes_nothing(cls):
    config = {"type": cls, "begin": peer.EPOCHS + 2, "end": peer.EPOCHS + 5}

    plan = dialect.to_plan(config, calendar=FACTS)

    assert_same_rates(plan, [config])


class Clipped(ours._ParamScheduler):
    """A class that no plan can express: its values are not multiples of the base."""

    def __init__(self, optimizer, **kwargs):
        super().__init__(optimizer, "lr", **kwargs)

    def _get_value(self):
        return [max(0.5 * group["lr"], 0.4) for group in self.optimizer.param_groups]


class Reading(Clipped):
    """A class that reads attributes that exist only in a run."""

    def _get_value(self):
        raise KeyError("iter")


class Watching(Clipped):
    """A class that reacts to metrics."""

    need_val_args = True


@pytest.mark.parametrize(
    ("cls", "found"),
    [(Clipped, "not a linear function"), (Reading, "KeyError: 'iter'"), (Watching, "reacts to metrics")],
)
def test_a_class_that_no_plan_can_express_is_rejected_with_an_alternative(cls, found):
    with pytest.raises(ps.errors.ConfigError, match=found) as refusal:
        dialect.to_plan({"type": cls, "end": 4}, calendar=FACTS)

    assert "Pass it to a Runner" in str(refusal.value)


def test_a_function_is_not_taken_for_a_class():
    with pytest.raises(ps.errors.ConfigError, match=r"\$\.type: type is a function"):
        dialect.to_plan({"type": quadratic_warmup, "end": 4}, calendar=FACTS)


def test_a_class_whose_end_is_unknown_reports_a_missing_length(cls):
    with pytest.raises(ps.errors.MissingFact, match=r"QuadraticWarmupLR\(end=…\): .* the length of the run is unknown"):
        dialect.to_plan({"type": cls})


def test_a_class_whose_end_is_after_the_run_is_read_to_the_end_of_the_run(cls):
    plan = dialect.to_plan({"type": cls, "begin": 3, "end": 10**9}, calendar=FACTS)

    assert_same_rates(plan, [{"type": cls, "begin": 3, "end": 10**9}])


def test_a_converted_class_reports_a_missing_epoch_length(cls):
    config = {"param_scheduler": {"type": cls, "end": 2, "convert_to_iter_based": True}, "train_cfg": {"max_epochs": 3}}

    with pytest.raises(ps.errors.MissingFact, match="steps_per_epoch"):
        dialect.to_plan(config)


@pytest.mark.parametrize("name", ["mmcls.LinearLR", "mmdet.LinearLR", "mmengine.LinearLR"])
def test_a_scope_in_front_of_an_mmengine_class_is_ignored(name):
    assert str(dialect.to_plan({"type": name, "end": 5}, calendar=FACTS).bindings[0].schedule).startswith("every(")


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
        dialect.to_plan({"param_scheduler": {"type": name}})

    assert said in str(refusal.value)


def linear_lr_interval():
    """mmagic's class (Apache 2.0, OpenMMLab): it reads the progress of the run from the message hub."""
    from mmengine import MessageHub

    class LinearLrInterval(theirs.LinearLR):
        def __init__(self, *args, interval=1, **kwargs):
            self.interval = interval
            super().__init__(*args, **kwargs)

        def _get_value(self):
            if self.last_step == 0:
                return [group[self.param_name] * self.start_factor for group in self.optimizer.param_groups]
            progress = MessageHub.get_current_instance().get_info("epoch" if self.by_epoch else "iter")
            rounds = (self.end - self.begin) // self.interval
            factor = (max(0, progress - self.begin) // self.interval) / rounds
            value = self.start_factor + (self.end_factor - self.start_factor) * factor
            return [value for group in self.optimizer.param_groups]

    return LinearLrInterval


@pytest.mark.parametrize("by_epoch", [True, False], ids=["by epoch", "by iteration"])
def test_a_class_that_reads_the_progress_of_the_run_is_traced_as_in_a_run(by_epoch):
    from mmengine import MessageHub

    hub = MessageHub.get_current_instance()
    hub.update_info("iter", 999)  # of an earlier run
    hub.pop_info("epoch")
    cls = linear_lr_interval()
    counts = {"begin": 3, "end": peer.EPOCHS if by_epoch else peer.EPOCHS * peer.LENGTH, "interval": 2}
    config = {"type": cls, "start_factor": 0.5, "end_factor": 0.0, "by_epoch": by_epoch, **counts}

    plan = dialect.to_plan(config, calendar=FACTS)

    assert hub.get_info("iter") == 999
    assert "epoch" not in hub.runtime_info
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = cls(optimizer, **{name: value for name, value in config.items() if name != "type"})
    expected = []
    for epoch in range(peer.EPOCHS):
        hub.update_info("epoch", epoch)  # MMEngine's hooks and loops: before the epoch, before the iteration
        for index in range(peer.LENGTH):
            hub.update_info("iter", epoch * peer.LENGTH + index)
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if not by_epoch:
                scheduler.step()
        if by_epoch:
            scheduler.step()
    hub.pop_info("iter")
    hub.pop_info("epoch")
    np.testing.assert_allclose(ps.trace(plan, {"lr": 0.1}, FACTS)["lr", 0], expected, rtol=0, atol=1e-13)


def test_a_class_of_another_library_is_not_mistaken_for_its_namesake():
    with pytest.raises(ps.errors.ConfigError, match=r"torch\.optim\.lr_scheduler\.StepLR"):
        dialect.to_plan({"param_scheduler": {"type": torch.optim.lr_scheduler.StepLR, "step_size": 2}})


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


@pytest.mark.door("show")
@pytest.mark.parametrize("library", ["paramsched.mmengine.schedulers", "mmengine.optim.scheduler.param_scheduler"])
def test_the_command_line_imports_a_user_module(tmp_path, monkeypatch, registered, library):
    (tmp_path / "my_schedulers.py").write_text(MODULE.format(library=library))
    (tmp_path / "config.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_schedulers", raising=False)
    times = [argument for time in ("0", "9", "10", "25", "39") for argument in ("--at", time)]

    shown = call("show", "config.py", "--import", "my_schedulers", "--steps-per-epoch", "10", *times)
    checked = call("check", "config.py", "--import", "my_schedulers")

    assert [line.split()[-1] for line in shown.stdout.splitlines()[1:]] == ["0.8", "0.8", "0.4", "0.2", "0.2"]
    assert (checked.exit_code, checked.stderr) == (0, "")


@pytest.mark.door("show")
@pytest.mark.parametrize(("text", "said"), [("", "ModuleNotFoundError"), ("1 / 0", "ZeroDivisionError")])
def test_a_module_that_cannot_be_imported_is_a_usage_error(tmp_path, monkeypatch, text, said):
    name = f"broken_{said.lower()}"
    if text:
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)

    refused = call("show", "cosine()", "--horizon", "9", "--import", name)

    assert refused.exit_code == 2
    assert f"--import {name}: {said}" in refused.stderr


# ---------------------------------------------------------------- our Runner


HOWS = ["a dict", "none", "ours", "MMEngine's", "a dict of MMEngine's class"]


def wrapped(how, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {
        "a dict": lambda: {"optimizer": {"type": "SGD", "lr": 0.1}},
        "none": lambda: optimizer,
        "ours": lambda: ours.OptimWrapper(optimizer),
        "MMEngine's": lambda: theirs.OptimWrapper(optimizer, accumulative_counts=1, clip_grad={"max_norm": 9.0}),
        "a dict of MMEngine's class": lambda: {"type": theirs.OptimWrapper, "optimizer": optimizer},
    }[how]()


@pytest.mark.parametrize(
    ("how", "by_name"),
    spread(product(HOWS, [True, False]), *((how, True) for how in HOWS), ("none", False)),
)
def test_our_runner_trains_and_resumes_with_a_users_class(cls, registered, tmp_path, how, by_name):
    registered(cls)
    kind = "QuadraticWarmupLR" if by_name else cls
    schedulers = [
        {"type": kind, "by_epoch": True, "begin": 0, "end": 1, "convert_to_iter_based": True},
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
    class Scaling(theirs.OptimWrapper):
        pass

    model = WithTrainStep()
    wrapper = Scaling(torch.optim.SGD(model.parameters(), lr=0.1))

    with pytest.raises(ps.errors.InvalidArgument, match=r"optimizer=wrapper\.optimizer"):
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
    from paramsched.mmengine.registry import MODELS

    with pytest.raises(KeyError, match=r"@MODELS\.register_module\(\)"):
        MODELS.find("Mine")
