"""`paramsched resume` predicts the values that a resumed run uses, from the checkpoint of each engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
from support.engine_runs.harness import BATCH, PLAN, Case, Numbers, Tiny, optimizer_of, recorded
from support.spread import spread
from tools.records.dry_runs import resume, values

pytestmark = pytest.mark.filterwarnings("ignore")
NEW = ps.Plan(ps.Binding("lr", ps.linear(), groups="bias"), lr="warmup(3) >> cosine(to=0.2)", weight_decay="linear()")


@pytest.fixture(params=["the same plan", "a new plan"])
def plan(request) -> ps.Plan:
    """Return the plan of the resumed run; the first part of the run has PLAN."""
    return PLAN if request.param == "the same plan" else NEW


def predict(checkpoint: Path, plan: ps.Plan, *options: object, total: int = 15) -> dict[str, Any]:
    file = checkpoint.parent / "plan of the resume.yaml"
    ps.dump(plan, file)
    return resume(checkpoint, "--plan", file, "--total", total, "--updates", 4, *options)


def check(report: dict[str, Any], used: list[list[float]], plan: ps.Plan, format: str, update: int = 5) -> None:
    """Compare the prediction with the values that the updates of the resumed run used."""
    assert "rows" in report, report
    rows = {(row["update"], row["field"], row["group"]): row["value"] for row in report["rows"]}
    for t in range(update, update + 4):
        keys = [(t, field, group) for group in ("weight", "bias") for field in ("lr", "weight_decay", "betas[0]")]
        real = dict(zip(keys, used[t - update], strict=True))
        assert {key: rows[key] for key in keys if key in rows} == {key: real[key] for key in keys if key in rows}
    fields = {"lr", "weight_decay", "betas[0]"} if plan is PLAN else {"lr", "weight_decay"}
    assert {(row["update"], row["field"], row["group"]) for row in report["rows"]} == {
        (t, field, group) for t in range(update, update + 4) for field in fields for group in ("weight", "bias")
    }
    assert (report["format"], report["update"]) == (format, update)


@pytest.mark.parametrize("variant", ["", "step"])
def test_lightning(variant, plan, tmp_path):
    pl, runs = pytest.importorskip("lightning.pytorch"), pytest.importorskip("support.engine_runs.lightning")
    callback_of = pytest.importorskip("paramsched.engines.lightning").PlanCallback

    class Stop(pl.Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.should_stop = True

    class Module(runs.Module):
        def configure_optimizers(self) -> Any:
            optimizer = optimizer_of(self.net)
            scheduler = ps.Scheduler(optimizer, self.case.variant, total=15) if variant else None
            return [optimizer], [scheduler] if variant else []

    def fit(plan: ps.Plan, *callbacks: Any, path: Any = None) -> list[list[float]]:
        case = Case("lightning", 4, variant=plan if variant else "")
        module = Module(case, 15)
        callbacks = (*callbacks, *([] if variant else [callback_of(plan)]))
        saving = pl.callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
        trainer = runs.trainer(case, callbacks=[saving, *callbacks], enable_checkpointing=True)
        trainer.fit(module, DataLoader(Numbers(), BATCH), ckpt_path=path)
        return module.used

    fit(PLAN, Stop())
    report = predict(tmp_path / "epoch=0.ckpt", plan)

    check(report, fit(plan, path=tmp_path / "epoch=0.ckpt"), plan, "lightning")
    assert report["optimizer"] == "optimizer_states[0]"
    assert report["exit"] == int(plan is NEW)


@pytest.mark.parametrize("variant", spread(["", "pair"], ""))
def test_the_trainer_of_hugging_face(variant, plan, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    runs = pytest.importorskip("support.engine_runs.transformers")

    class Stop(transformers.TrainerCallback):
        def on_epoch_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            control.should_training_stop = True

    case = Case("transformers", 4, variant=variant)
    args = runs.arguments(str(tmp_path), case, save_strategy="epoch")
    runs.trainer_of(case, args, 15, callbacks=[Stop()])[0].train()
    checkpoint = tmp_path / "checkpoint-5"
    report = predict(checkpoint, plan)
    monkeypatch.setattr(runs, "PLAN", plan)
    monkeypatch.setattr(runs, "plan_of", lambda case: plan)
    resumed, used = runs.trainer_of(case, args, 15)
    resumed.train(resume_from_checkpoint=str(checkpoint))

    check(report, used, plan, "transformers")
    assert (report["optimizer"], report["scheduler"]) == ("optimizer", "scheduler")


@pytest.mark.parametrize("registered", [True, False])
def test_accelerate(registered, plan, tmp_path):
    accelerate = pytest.importorskip("accelerate")

    def loop(plan: ps.Plan, updates: int, folder: Path | None = None) -> list[list[float]]:
        accelerator = accelerate.Accelerator(cpu=True)
        net = Tiny()
        net, optimizer, loader = accelerator.prepare(net, optimizer_of(net), DataLoader(Numbers(), BATCH))
        scheduler = ps.Scheduler(optimizer, plan, total=15)
        if registered:
            accelerator.register_for_checkpointing(scheduler)
        if folder is not None:
            accelerator.load_state(str(folder))
        used = recorded(optimizer.optimizer)
        for _, (x, y) in zip(range(updates), loader, strict=False):
            accelerator.backward(torch.nn.functional.mse_loss(net(x), y))
            optimizer.step()
            optimizer.zero_grad()
        if folder is None:
            accelerator.save_state(str(tmp_path / "state"))
        return used

    loop(PLAN, 5)
    report = predict(tmp_path / "state", plan)

    check(report, loop(plan, 4, tmp_path / "state"), plan, "accelerate")
    assert (report["optimizer"], report["scheduler"]) == ("optimizer", "custom_checkpoint_0" if registered else None)


@pytest.mark.parametrize("saved", ["optimizer", "optimizer, scheduler", "scheduler first"])
def test_a_loop_of_torch(saved, plan, tmp_path):
    def train(plan: ps.Plan, updates: int, file: Path | None = None) -> list[list[float]]:
        net = Tiny()
        optimizer = optimizer_of(net)
        scheduler = ps.Scheduler(optimizer, plan, total=15)
        state = torch.load(file) if file else {}
        for name, one in (("optimizer", optimizer), ("scheduler", scheduler)):
            if name in state:
                one.load_state_dict(state[name])
        used = recorded(optimizer)
        for _ in range(updates):
            net(torch.ones(1, 2)).sum().backward()
            optimizer.step()
        parts = {"scheduler": scheduler, "optimizer": optimizer} if "first" in saved else {"optimizer": optimizer}
        parts |= {"scheduler": scheduler} if "scheduler" in saved else {}
        torch.save({"model": net.state_dict(), **{name: one.state_dict() for name, one in parts.items()}}, out)
        return used

    out = tmp_path / "last.pt"
    train(PLAN, 5)
    report = predict(out, plan)

    check(report, train(plan, 4, out), plan, "torch")
    assert report["exit"] == int(plan is NEW)
    assert bool(report["changes"]) == (plan is NEW)


@pytest.mark.parametrize("engine", ["lightning", "transformers", "accelerate"])
def test_a_run_that_torchs_scheduler_started(engine, tmp_path):
    """The position is the optimizer's own count of steps, and torch's scheduler is listed."""
    pytest.importorskip(engine)
    runs = pytest.importorskip(f"support.engine_runs.{engine}")
    case = Case(engine)
    if engine == "lightning":

        class Module(runs.Module):
            def configure_optimizers(self) -> Any:
                optimizer = optimizer_of(self.net)
                return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

        trainer = runs.trainer(case, max_epochs=1)
        trainer.fit(Module(case, 15), DataLoader(Numbers(), BATCH))
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        checkpoint, ignored = tmp_path / "last.ckpt", {"name": "lr_schedulers[0]", "kind": "StepLR", "update": 1}
    elif engine == "transformers":
        args = runs.arguments(str(tmp_path), case, save_strategy="epoch", num_train_epochs=1)
        from transformers import Trainer

        model = runs.Model()
        data = runs.Rows()
        Trainer(model=model, args=args, train_dataset=data, optimizers=(optimizer_of(model), None)).train()
        checkpoint, ignored = tmp_path / "checkpoint-18", {"name": "scheduler", "kind": "LambdaLR", "update": 18}
    else:
        import accelerate

        accelerator = accelerate.Accelerator(cpu=True)
        net = Tiny()
        optimizer = optimizer_of(net)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
        net, optimizer, schedule = accelerator.prepare(net, optimizer, schedule)
        for _ in range(18):
            net(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            schedule.step()
        accelerator.save_state(str(tmp_path / "state"))
        checkpoint, ignored = tmp_path / "state", {"name": "scheduler", "kind": "CosineAnnealingLR", "update": 18}

    report = predict(checkpoint, PLAN, total=54)

    assert (report["update"], report["scheduler"], report["ignored"]) == (18, None, [ignored])
    assert any("ps.Scheduler(optimizer, plan, t=18)" in one["message"] for one in report["problems"])
    bases = [{"name": "weight", "lr": 0.1, "weight_decay": 0.01, "betas": (0.9, 0.999)}]
    bases.append(bases[0] | {"name": "bias", "lr": 0.02})
    shown = ps.trace(PLAN, bases, total=54)
    for row in report["rows"]:
        assert row["value"] == shown[row["field"], row["group"]][row["update"]]


BOTH = ps.Plan(ps.Binding("lr", "cosine()", groups="critic"), lr="linear()", weight_decay="linear(0.5, 1)", total=54)


def test_two_optimizers_in_lightning_of_which_one_steps_in_every_second_batch(tmp_path):
    pl, runs = pytest.importorskip("lightning.pytorch"), pytest.importorskip("support.engine_runs.lightning")
    callback_of = pytest.importorskip("paramsched.engines.lightning").PlanCallback

    class Pair(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.other = Tiny(), Tiny()
            self.automatic_optimization = False

        def configure_optimizers(self) -> Any:
            return [optimizer_of(self.net), optimizer_of(self.other)]

        def on_fit_start(self) -> None:
            self.used = [recorded(optimizer) for optimizer in self.trainer.optimizers]

        def training_step(self, batch: Any, index: int) -> None:
            for net, optimizer, turn in zip((self.net, self.other), self.optimizers(), (1, 2), strict=True):
                if index % turn == 0:
                    self.manual_backward(torch.nn.functional.mse_loss(net(batch[0]), batch[1]))
                    optimizer.step()
                    optimizer.zero_grad()

    def fit(epochs: int, path: Path | None = None) -> Any:
        module = Pair()
        callback = callback_of(BOTH, optimizers=("critic", "generator"))
        trainer = runs.trainer(Case("lightning"), callbacks=[callback], max_epochs=epochs)
        trainer.fit(module, DataLoader(Numbers(), BATCH), ckpt_path=path)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        return module.used

    fit(1)
    report = predict(tmp_path / "last.ckpt", BOTH, total=54)
    critic, generator = fit(2, tmp_path / "last.ckpt")

    assert report["optimizer"] == {"critic": "optimizer_states[0]", "generator": "optimizer_states[1]"}
    assert (report["exit"], report["update"]) == (0, 18)
    for name, group, column in [("critic", "weight", 0), ("critic", "bias", 3)]:
        assert values(report, group=f"{name}/{group}") == [row[column] for row in critic[:4]]
    rows = {row["update"]: row["value"] for row in report["rows"] if row["group"] == "generator/weight"}
    shown = ps.trace(BOTH, {name: {"lr": 0.1, "weight_decay": 0.01} for name in ("critic", "generator")})
    assert rows == {t: shown["weight_decay", "generator"][t] for t in range(17, 22)}  # its next step may be in 17
    assert [rows[t] for t in (18, 20)] == [row[1] for row in generator[:2]]


def test_two_optimizers_in_accelerate(tmp_path):
    accelerate = pytest.importorskip("accelerate")

    def loop(updates: int, folder: Path | None = None) -> list[list[list[float]]]:
        accelerator = accelerate.Accelerator(cpu=True)
        nets = Tiny(), Tiny()
        *nets, critic, generator, loader = accelerator.prepare(
            *nets, *map(optimizer_of, nets), DataLoader(Numbers(), BATCH)
        )
        optimizers = {"critic": critic, "generator": generator}
        accelerator.register_for_checkpointing(ps.Scheduler(optimizers, BOTH))
        if folder is not None:
            accelerator.load_state(str(folder))
        used = [recorded(one.optimizer) for one in optimizers.values()]
        for _, (x, y) in zip(range(updates), loader, strict=False):
            for net, optimizer in zip(nets, optimizers.values(), strict=True):
                accelerator.backward(torch.nn.functional.mse_loss(net(x), y))
                optimizer.step()
                optimizer.zero_grad()
        if folder is None:
            accelerator.save_state(str(tmp_path / "state"))
        return used

    loop(7)
    report = predict(tmp_path / "state", BOTH, total=54)
    used = loop(4, tmp_path / "state")

    assert report["optimizer"] == {"critic": "optimizer", "generator": "optimizer_1"}
    assert (report["exit"], report["update"]) == (0, 7)
    for name, rows in zip(("critic", "generator"), used, strict=True):
        assert values(report, group=f"{name}/weight") == [row[0] for row in rows]
        assert values(report, "weight_decay", f"{name}/bias") == [row[4] for row in rows]


@pytest.mark.package("engines")
def test_the_runner(tmp_path):
    """Its folder is one of Accelerate, with the state of the plan in `runner.pt`."""
    pytest.importorskip("paramsched.mmengine")
    pytest.importorskip("accelerate")
    pytest.importorskip("sklearn")
    from paramsched.mmengine.runner import CheckpointHook, Runner
    from support.runner_jobs import loader, network

    def train(epochs: int, **settings: Any) -> list[float]:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        used: list[float] = []
        optimizer.register_step_pre_hook(lambda value, *_: used.append(value.param_groups[0]["lr"]))
        Runner(
            model=model, work_dir=tmp_path, train_dataloader=loader(5), optim_wrapper={"optimizer": optimizer},
            train_cfg={"by_epoch": True, "max_epochs": epochs}, loss=torch.nn.functional.cross_entropy,
            param_scheduler=ps.Plan(lr="cosine(over=20)"), **settings,
            default_hooks={"progress": None, "logger": None, "checkpoint": CheckpointHook(interval=1)},
        ).train()  # fmt: skip
        return used

    train(1)
    report = resume(tmp_path / "epoch_1")

    assert values(report) == train(2, resume=True)[:3]
    assert (report["exit"], report["update"], report["format"]) == (0, 5, "accelerate")
    assert report["scheduler"].startswith("runner.")
