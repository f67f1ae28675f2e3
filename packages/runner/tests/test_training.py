# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A Runner changes the weights exactly like a plain torch loop; its warnings and errors."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import nn

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.mmengine.runner import METRICS, MODELS, Hook, Metric, Runner
from paramsched.mmengine.schedulers import OptimWrapper, StepLR
from support.runner_jobs import QUIET, WithMode, WithTrainStep, accuracy, loader, network

cross_entropy = nn.functional.cross_entropy


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Use a separate folder, because another test process may have locked `work_dir`."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def fresh_accelerate():
    """Reset Accelerate, which keeps its precision for the entire process."""

    def forget():
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()

    forget()
    yield
    forget()


def run(model=None, *, batches=10, epochs=2, **settings) -> Runner:
    model = network() if model is None else model
    defaults = dict(
        train_dataloader=loader(batches),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        default_hooks=QUIET,
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9)),
        loss=None if isinstance(model, (WithTrainStep, WithMode, TwoParts)) else cross_entropy,
    )
    runner = Runner(model=model, **{**defaults, **settings})
    runner.train()
    return runner


def plain(model, *, batches=10, epochs=2, counts=1, clip=None, lr=0.1) -> nn.Module:
    """Train with a plain loop; the last cycle of accumulation may be shorter."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    total = batches * epochs
    for index, (inputs, target) in enumerate(batch for _ in range(epochs) for batch in loader(batches)):
        of_cycle = counts if index < total - total % counts else total % counts
        (cross_entropy(model(inputs), target) / of_cycle).backward()
        if (index + 1) % counts == 0 or index + 1 == total:
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()
    return model


def assert_same_weights(model: nn.Module, expected_model: nn.Module) -> None:
    for name, expected in expected_model.state_dict().items():
        assert torch.equal(model.state_dict()[name], expected), name


class TwoParts(nn.Module):
    """Two optimizers, one for each part."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(64, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, inputs):
        return self.head(self.body(inputs).relu())

    def train_step(self, data, optim_wrapper):
        inputs, target = data
        with optim_wrapper["body"].optim_context(self):
            loss = cross_entropy(self(inputs), target)
        optim_wrapper["body"].backward(loss, retain_graph=True)
        optim_wrapper["head"].backward(loss * 0)
        for wrapper in optim_wrapper.values():
            wrapper.step()
            wrapper.zero_grad()
        return {"loss": loss.detach()}


# ---------------------------------------------------------------------- weights


@pytest.mark.parametrize("counts", [1, 3, 4])
def test_accumulation_equals_a_plain_loop(counts):
    trained = run(optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9), accumulative_counts=counts))

    assert_same_weights(trained.model, plain(network(), counts=counts))


def test_mixed_precision_equals_a_plain_loop():
    wrapper = dict(type="AmpOptimWrapper", dtype="bfloat16", optimizer=dict(type="SGD", lr=0.1, momentum=0.9))
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    trained = run(optim_wrapper=wrapper)
    for inputs, target in [*loader(10), *loader(10)]:
        with torch.autocast("cpu", torch.bfloat16):
            output = model(inputs).float()
            loss = cross_entropy(output, target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    assert_same_weights(trained.model, model)
    assert not torch.equal(model[0].weight, plain(network())[0].weight)


def test_a_second_precision_in_the_same_process_is_rejected():
    run(optim_wrapper=dict(type="AmpOptimWrapper", dtype="bfloat16", optimizer=dict(type="SGD", lr=0.1)), epochs=1)

    with pytest.raises(InvalidArgument, match="'bf16', but this one needs 'no'"):
        run(epochs=1)


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_skipped_by_the_loss_scaler_does_not_advance_the_plan(tmp_path, fused):
    accelerator = Accelerator(cpu=True)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    model = network()

    def with_overflow(output, target):
        loss = cross_entropy(output, target)
        return loss * (math.inf if next(calls) == 3 else 1)

    calls = iter(range(99))
    runner = run(
        model,
        epochs=1,
        loss=with_overflow,
        accelerator=accelerator,
        work_dir=tmp_path,
        default_hooks=dict(checkpoint=None, progress=None),
        optim_wrapper=torch.optim.SGD(model.parameters(), lr=0.1, fused=fused),
        param_scheduler=ps.Plan(lr=ps.linear(1, 0.0, over=10)),
    )

    used = [json.loads(line) for line in (tmp_path / "values.jsonl").read_text().splitlines()]
    assert runner.schedulers[""][0].last_epoch == runner.steppers[""].updates == 9
    assert [line["groups"][0]["lr"] for line in used] == pytest.approx([0.1 * (1 - t / 10) for t in range(9)])
    assert [line["iter"] for line in used] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_two_optimizers_follow_separate_schedules_and_equal_a_plain_loop(tmp_path):
    model = TwoParts()
    same = TwoParts()
    runner = run(
        model,
        work_dir=tmp_path,
        default_hooks=dict(checkpoint=None, progress=None),
        optim_wrapper=dict(
            body=dict(optimizer=dict(type="SGD", lr=0.1)),
            head=OptimWrapper(torch.optim.Adam(model.head.parameters(), 0.01)),
        ),
        param_scheduler=dict(body=dict(type="StepLR", step_size=1), head=dict(type="PolyLR", by_epoch=False, end=21)),
    )
    body = torch.optim.SGD(same.body.parameters(), lr=0.1)
    head = torch.optim.Adam(same.head.parameters(), 0.01)
    for t, (inputs, target) in enumerate([*loader(10), *loader(10)]):
        body.param_groups[0]["lr"] = 0.1 * 0.1 ** (t // 10)
        head.param_groups[0]["lr"] = 0.01 * (1 - t / 20)
        cross_entropy(same(inputs), target).backward()
        body.step(), head.step()
        body.zero_grad(), head.zero_grad()

    for name, expected in same.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], expected, rtol=1e-5, atol=1e-7, msg=name)
    lines = [json.loads(line) for line in (tmp_path / "values.jsonl").read_text().splitlines()]
    assert {line["optimizer"] for line in lines} == {"body", "head"}
    assert set(runner.values()) == {("body.lr", 0), ("head.lr", 0)}


@pytest.mark.filterwarnings("ignore:.* takes 200% of the total")  # the run is cut in half
def test_one_plan_drives_two_optimizers_by_the_names_of_their_wrappers(tmp_path):
    cosine = ps.Binding("lr", "cosine(over=20)", groups="head")
    plan = ps.Plan(cosine, lr="linear(over=20)", momentum="linear(1, 0.5, over=20)")

    def train(epochs, **more):
        return run(
            TwoParts(),
            work_dir=tmp_path,
            default_hooks=dict(progress=None),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(
                body=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9)),
                head=dict(optimizer=dict(type="Adam", lr=0.01)),
            ),
            param_scheduler=plan,
            **more,
        )  # fmt: skip

    train(1)
    runner = train(2, resume=True)

    shown = ps.trace(ps.Plan(*plan.bindings, total=20), {"body": {"lr": 0.1, "momentum": 0.9}, "head": {"lr": 0.01}})
    lines = [json.loads(line) for line in (tmp_path / "values.jsonl").read_text().splitlines()]
    for name in ("body", "head"):
        used = [line["groups"][0] for line in lines if line["optimizer"] == name]
        assert [group["lr"] for group in used] == shown["lr", name].tolist()
        assert ["momentum" in group for group in used] == [name == "body"] * 20
    assert runner.schedulers["body"] == runner.schedulers["head"]
    assert runner.schedulers["body"][0].t == 20


def test_a_plan_for_each_optimizer_is_refused():
    with pytest.raises(ps.errors.ConfigError) as refusal:
        run(
            TwoParts(),
            optim_wrapper=dict(
                body=dict(optimizer=dict(type="SGD", lr=0.1)), head=dict(optimizer=dict(type="Adam", lr=0.01))
            ),
            param_scheduler=dict(body=ps.Plan(lr="linear()"), head=ps.Plan(lr="cosine()")),
        )

    (problem,) = refusal.value.problems
    assert (problem.path, problem.found) == ("$.param_scheduler", "one plan drives all optimizers, on one clock")


# ---------------------------------------------------------------------- models and metrics


@METRICS.register_module()
class Errors(Metric):
    def process(self, data_batch, data_samples):
        self.results += (data_samples.argmax(1) != data_batch[1]).tolist()

    def compute_metrics(self, results):
        return {"errors": sum(results), "seen": len(results)}


def test_metrics_may_be_functions_objects_or_names():
    model = WithTrainStep()
    runner = Runner(model=model, val_dataloader=loader(5), val_evaluator=[accuracy, dict(type="Errors", prefix="test")])

    metrics = runner.val()

    assert metrics["test/seen"] == 20
    assert metrics["accuracy"] == pytest.approx(1 - metrics["test/errors"] / 20)


def test_a_built_scheduler_allows_validation_before_training():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    runner = Runner(
        model=model,
        train_dataloader=loader(4),
        train_cfg=dict(max_epochs=2),
        optim_wrapper=optimizer,
        param_scheduler=StepLR(optimizer, step_size=1),
        val_dataloader=loader(2),
        loss=cross_entropy,
        default_hooks=QUIET,
    )

    before = runner.val()
    runner.train()

    assert set(before) == {"loss"}
    assert runner.values()["lr", 0] == pytest.approx(0.001)


# ---------------------------------------------------------------------- schedules


def test_a_plan_counts_updates_and_an_epoch_ends_a_cycle(tmp_path):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), total="2 epochs")
    runner = run(
        work_dir=tmp_path,
        param_scheduler=plan,
        default_hooks=dict(checkpoint=None, progress=None),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=4),
    )

    used = [json.loads(line)["groups"][0]["lr"] for line in (tmp_path / "values.jsonl").read_text().splitlines()]
    trace = ps.trace(plan, {"lr": 0.1}, batches_per_epoch=10, accumulation=4)
    assert used == trace["lr", 0].tolist()
    assert runner.schedulers[""][0].last_epoch == 6


@pytest.mark.parametrize(
    "plan",
    [
        {"lr": "warmup(2) >> cosine(to=0.1)"},
        {"lr": "linear(over='80 samples')", "clock": "samples"},
        {"lr": "constant(0.5)", "targets": {"dropout": {"initial": 0.1, "schedule": "linear()"}}},
        {"weight_decay": "0.01 * absolute(linear())"},
    ],
)
def test_a_mapping_is_the_plan_that_it_is_for_a_scheduler(plan):
    assert run(param_scheduler=plan).schedulers[""][0].plan == ps.loads(json.dumps(plan))


def test_a_plateau_without_validation_causes_a_warning():
    before = pytest.warns(UserWarning, match="never acts, because the run has no validation")
    after = pytest.warns(UserWarning, match="never received 'loss'")
    with after, before:
        run(param_scheduler=[dict(type="ReduceOnPlateauLR", monitor="loss")], epochs=1)
    with pytest.warns(UserWarning, match='plateau\\("loss"\\) never acts'):
        run(param_scheduler='lr: constant() * plateau("loss")', epochs=1)


@pytest.mark.parametrize("patience", [1, 2])
def test_a_patience_of_as_many_validations_as_the_run_has_is_reported(patience, recwarn):
    plan = f'lr: constant() * plateau("loss", patience={patience})'
    run(param_scheduler=plan, epochs=2, val_dataloader=loader(2))

    assert any("PS502" in str(warning.message) for warning in recwarn) is (patience == 2)


def test_a_plateau_with_a_metric_that_is_not_measured_is_an_error():
    with pytest.raises(InvalidArgument, match=r"did not compute 'acc'.*loss"):
        run(param_scheduler='lr: constant() * plateau("acc", mode="max", patience=0)', val_dataloader=loader(2))


def test_all_groups_and_scheduled_fields_are_logged(tmp_path):
    model = network()
    body = list(model.parameters())
    groups = [{"params": body[:2], "weight_decay": 0.1}, {"params": body[2:], "lr": 0.3}]
    run(
        model,
        work_dir=tmp_path,
        default_hooks=dict(checkpoint=None, progress=None),
        optim_wrapper=dict(optimizer=torch.optim.AdamW(groups, lr=0.1)),
        param_scheduler=[
            dict(type="LinearMomentum", start_factor=0.5, by_epoch=False, end=5),
            dict(type="StepParamScheduler", param_name="weight_decay", step_size=1, gamma=0.5),
        ],
        auto_scale_lr=dict(base_batch_size=8, enable=True),
    )

    last = json.loads((tmp_path / "values.jsonl").read_text().splitlines()[-1])
    assert last["groups"] == [
        pytest.approx({"lr": 0.05, "momentum": 0.9, "weight_decay": 0.05}),
        pytest.approx({"lr": 0.15, "momentum": 0.9, "weight_decay": 0.005}),
    ]


def test_a_second_run_in_a_folder_starts_a_new_log(tmp_path):
    for _ in range(2):
        run(work_dir=tmp_path, default_hooks=dict(progress=None))

    assert len((tmp_path / "values.jsonl").read_text().splitlines()) == 20


# ---------------------------------------------------------------------- configs


@MODELS.register_module()
def digits_network():
    return network()


def test_a_config_builds_everything_by_name(tmp_path):
    cfg = dict(
        batch_size=4,  # a variable of the config's own
        model=dict(type="digits_network"),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            dataset=loader(3).dataset, batch_size=4, sampler=dict(type="DefaultSampler", shuffle=True), num_workers=0
        ),
        train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=2),
        optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=0.01)),
        param_scheduler=dict(type="ExponentialLR", gamma=0.5),
        default_hooks=dict(timer=dict(type="IterTimerHook"), logger=dict(type="LoggerHook", interval=2), progress=None),
        randomness=dict(seed=0),
        launcher="none",
    )

    runner = Runner.from_cfg(cfg, loss=cross_entropy)
    runner.train()

    assert runner.cfg == cfg
    assert runner.values()["lr", 0] == pytest.approx(0.005)  # a window of two epochs has one step after the first
    assert (tmp_path / "epoch_2" / "runner.pt").exists()


BASE_OF_DIGITS = """
width = 3
model = dict(type="digits_network")
train_cfg = dict(by_epoch=True, max_epochs=width)
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=2)
"""
CONFIG_FILES = {
    "config.py": """
_base_ = "./base.py"
train_cfg = dict(max_epochs=_base_.width - 1)
optim_wrapper = dict(_delete_=True, optimizer=dict(type="SGD", lr=0.2))
param_scheduler = dict(type="ExponentialLR", gamma=0.5)
""",
    "config.yaml": """
_base_: ./base.py
train_cfg: {max_epochs: 2}
optim_wrapper: {_delete_: true, optimizer: {type: SGD, lr: 0.2}}
param_scheduler: {type: ExponentialLR, gamma: 0.5}
""",
    "config.json": """{
"model": {"type": "digits_network"},
"train_cfg": {"by_epoch": true, "max_epochs": 2},
"optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.2}},
"param_scheduler": {"type": "ExponentialLR", "gamma": 0.5}
}""",
}


@pytest.mark.parametrize("path_type", [str, Path])
@pytest.mark.parametrize("name", CONFIG_FILES)
def test_a_config_file_with_a_base_trains(name, path_type, tmp_path):
    (tmp_path / "base.py").write_text(BASE_OF_DIGITS)
    (tmp_path / name).write_text(CONFIG_FILES[name])
    arguments = dict(work_dir=str(tmp_path / "work"), train_dataloader=loader(3), loss=cross_entropy)

    runner = Runner.from_cfg(path_type(tmp_path / name), **arguments)
    runner.train()

    assert runner.cfg["train_cfg"] == {"by_epoch": True, "max_epochs": 2}
    assert runner.iter == 2 * len(loader(3))
    assert runner.values()["lr", 0] == pytest.approx(0.1)


def test_a_runner_does_not_modify_its_arguments():
    model = network()
    wrapper = dict(optimizer=dict(type="SGD", lr=0.1), clip_grad=dict(type="norm", max_norm=1.0))
    before = copy.deepcopy(wrapper)

    run(model, optim_wrapper=wrapper, epochs=1)

    assert wrapper == before


@pytest.mark.parametrize("is_replaced", [True, False])
def test_an_optimizer_that_a_hook_replaces_is_named(is_replaced, recwarn):
    class Replace(Hook):
        def before_train_epoch(self, runner):
            if runner.epoch == 1 and is_replaced:
                runner.steppers[""].inner.optimizer = torch.optim.Adam(runner.model.parameters(), lr=0.5)

    run(param_scheduler=ps.Plan(lr="linear()", total=20), custom_hooks=[Replace()])

    reported = [str(warning.message) for warning in recwarn if "trains another optimizer, Adam" in str(warning.message)]
    assert len(reported) == is_replaced


def test_clipping_equals_a_plain_loop():
    clipped = run(optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9), clip_grad=dict(max_norm=0.5)))

    assert_same_weights(clipped.model, plain(network(), clip=0.5))
    assert not torch.equal(clipped.model[0].weight, plain(network())[0].weight)


def test_one_loss_for_two_optimizers_needs_no_train_step():
    model = TwoParts()
    same = TwoParts()
    train_step = TwoParts.train_step
    del TwoParts.train_step
    try:
        run(
            model,
            loss=cross_entropy,
            optim_wrapper={name: dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9)) for name in ("body", "head")},
        )
    finally:
        TwoParts.train_step = train_step

    assert_same_weights(model, plain(same))


def test_without_a_metric_the_mean_loss_is_the_metric():
    model = network()
    runner = Runner(model=model, val_dataloader=loader(5), loss=cross_entropy)

    inputs, target = (torch.cat(parts) for parts in zip(*loader(5), strict=True))
    assert runner.val()["loss"] == pytest.approx(cross_entropy(model(inputs), target).item())


def test_accumulation_counts_batches_with_a_warning():
    with pytest.warns(UserWarning, match="are stepped on every batch"):
        runner = run(
            param_scheduler=dict(type="LinearLR", start_factor=0.5, by_epoch=False, end=4),
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=5),
            epochs=1,
        )

    assert runner.schedulers[""][0]._global_step == 10
