"""A Runner before, during and after a run of two batches."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.errors import ConfigError, ParamschedError, StateError
from paramsched.mmengine.runner import Hook, Runner
from paramsched_runner.runner import runner as module

QUIET = {"logger": None, "checkpoint": None, "progress": None}


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Linear(1, 1)
        self.d = nn.Linear(1, 1)

    def forward(self, x):
        return (self.g(x) + self.d(x)).sum()


def data(count=4):
    return DataLoader([torch.ones(1)] * count, batch_size=2)


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def test_before_training_the_arguments_are_returned(tmp_path):
    model = Line()
    loader = data()
    schedulers = {"type": "StepLR", "step_size": 1}
    optimizer = sgd(model)
    runner = Runner(
        model,
        tmp_path / "run",
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg={"max_epochs": 1},
        optim_wrapper=optimizer,
        param_scheduler=schedulers,
        cfg={"a": 1},
        default_hooks=QUIET,
    )

    assert (runner.train_dataloader, runner.val_dataloader) == (loader, loader)
    assert (runner.optim_wrapper, runner.param_schedulers) == (optimizer, schedulers)
    assert (runner.epoch, runner.iter, runner.max_epochs, runner.max_iters) == (0, 0, 1, 1)
    assert (runner.cfg, runner.values(), runner.model, runner.work_dir) == ({"a": 1}, {}, model, tmp_path / "run")
    with pytest.raises(ParamschedError, match=r"train\(\) has not been called"):
        _ = runner.training
    assert not (tmp_path / "run").exists()


class Seen(Hook):
    def __init__(self, priority="NORMAL"):
        self.priority = priority
        self.called = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.called.append((runner.epoch, runner.iter, runner.values()))

    def after_run(self, runner):
        self.called.append("after_run")


def test_a_run_sets_the_attributes_that_hooks_read(tmp_path):
    model = Line()
    early = Seen()
    late = Seen()
    runner = Runner(
        model,
        tmp_path,
        train_dataloader=data(),
        val_dataloader=data(2),
        train_cfg={"max_epochs": 2},
        optim_wrapper=sgd(model),
        param_scheduler=[{"type": "StepLR", "step_size": 1}, {"type": "LinearMomentum", "end": 2}],
        default_hooks=QUIET | {"param_scheduler": {"type": "ParamSchedulerHook"}},
        custom_hooks=[late],
        randomness={"seed": 3},
    )
    runner.register_hook(early, priority="VERY_HIGH")

    assert runner.train() is model

    assert runner.hooks[0] is early
    assert early.called == late.called
    assert [row[:2] for row in early.called[:-1]] == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert [row[2]["lr", 0] for row in early.called[:-1]] == pytest.approx([0.1, 0.1, 0.01, 0.01])
    assert early.called[-1] == "after_run"
    assert runner.fields() == [("lr", 0), ("momentum", 0)]
    assert [type(scheduler).__name__ for scheduler in runner.param_schedulers] == ["StepLR", "LinearMomentum"]
    assert (runner.epoch, runner.iter, runner.max_epochs, runner.max_iters) == (2, 4, 2, 4)
    assert runner.train_dataloader is runner.training.dataloader
    assert runner.val_dataloader is runner.val_loop.dataloader
    assert runner.optim_wrapper is runner.steppers[""]
    assert runner.seed == 3
    assert set(runner.val()) == {"loss"}


def test_several_optimizers_have_their_names_everywhere(tmp_path):
    model = Line()
    runner = Runner(
        model,
        tmp_path,
        train_dataloader=data(),
        train_cfg={"by_epoch": False, "max_iters": 3},
        optim_wrapper={"g": sgd(model.g), "d": sgd(model.d, 0.2)},
        param_scheduler=ps.Plan(lr=ps.linear(1.0, 0.5, over=2)),
        default_hooks=QUIET,
    )

    runner.train()

    assert runner.values() == pytest.approx({("g.lr", 0): 0.05, ("d.lr", 0): 0.1})
    assert list(runner.optim_wrapper) == ["g", "d"]
    assert runner.param_schedulers["g"] == runner.param_schedulers["d"]
    assert (runner.max_epochs, runner.max_iters, runner.training.passes) == (1, 3, 1)


def test_a_hook_may_refuse_a_resume(tmp_path):
    class Own(Hook):
        def __init__(self, error=None):
            self.error = error

        def state_dict(self):
            return {"x": 1}

        def require_resumable(self, runner, state):
            if self.error is not None:
                raise self.error

    def train(hook, **resumed):
        model = Line()
        Runner(
            model,
            tmp_path,
            train_dataloader=data(),
            train_cfg={"by_epoch": False, "max_iters": 1},
            optim_wrapper=sgd(model),
            custom_hooks=[hook],
            default_hooks={**QUIET, "checkpoint": {"type": "CheckpointHook", "by_epoch": False}},
            **resumed,
        ).train()

    train(Own())

    with pytest.raises(StateError, match="not mine"):
        train(Own(StateError("not mine")), resume=True)


def test_a_second_attempt_after_an_error_does_not_scale_the_lr_again(tmp_path, monkeypatch):
    model = Line()
    wrapper = sgd(model)
    before = [group["lr"] for group in wrapper.param_groups]
    runner = Runner(
        model, tmp_path, train_dataloader=data(), train_cfg={"max_epochs": 1}, optim_wrapper=wrapper,
        auto_scale_lr={"enable": True, "base_batch_size": 4}, param_scheduler="lr: constant()", default_hooks=QUIET,
    )  # fmt: skip
    build = module.build_schedulers
    scaled = []

    def failing(*arguments):
        scaled.append([group["lr"] for group in wrapper.param_groups])
        if len(scaled) == 1:
            raise StateError("the first attempt fails")
        return build(*arguments)

    monkeypatch.setattr(module, "build_schedulers", failing)
    with pytest.raises(StateError, match="the first attempt fails"):
        runner.train()
    runner.train()

    assert scaled[0] == scaled[1] != before


@pytest.mark.filterwarnings("ignore:linear.* takes .* of the total")
def test_the_plan_of_several_optimizers_resumes_once(tmp_path, caplog):
    def train(end, iterations, **resumed):
        model = Line()
        runner = Runner(
            model,
            tmp_path,
            train_dataloader=data(),
            train_cfg={"by_epoch": False, "max_iters": iterations},
            optim_wrapper={"g": sgd(model.g), "d": sgd(model.d, 0.2)},
            param_scheduler=ps.Plan(lr=ps.linear(1.0, end, over=4)),
            default_hooks={**QUIET, "checkpoint": {"type": "CheckpointHook", "by_epoch": False}},
            **resumed,
        )
        runner.train()
        return runner

    train(0.0, 2)

    assert train(0.5, 3, resume=True).values() == pytest.approx({("g.lr", 0): 0.0625, ("d.lr", 0): 0.125})
    assert caplog.text.count("the plan differs from the checkpoint's") == 1


def test_what_a_run_lacks_is_named(tmp_path):
    runner = Runner(Line(), tmp_path)

    for run, said in (
        (runner.train, "arguments for training are missing"),
        (runner.val, "val_dataloader is missing"),
        (runner.test, "test_dataloader is missing"),
    ):
        with pytest.raises(ParamschedError, match=said):
            run()
    with pytest.raises(ConfigError, match=r"expected a torch\.nn\.Module, got 3"):
        Runner.from_cfg({"model": 3})
    assert Runner.from_cfg({"model": Line(), "seed_of_mine": 3}, work_dir=tmp_path).cfg["seed_of_mine"] == 3
