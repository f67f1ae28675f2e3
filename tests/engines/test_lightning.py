"""Lightning: the callback's facts, metrics, log and checkpoint, planned batches, and a requeue under SLURM."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.errors import MissingFact
from support.engine_runs.harness import (
    BATCH,
    BY_TOKENS,
    PLAN,
    Case,
    Numbers,
    Tiny,
    in_one,
    optimizer_of,
    planned,
    recorded,
    tokens_of_batch,
)
from support.ports import free_port
from support.programs import Program
from support.tables import table

pl = pytest.importorskip("lightning.pytorch")
runs = pytest.importorskip("support.engine_runs.lightning")
PlanCallback = pytest.importorskip("paramsched.engines.lightning").PlanCallback

pytestmark = pytest.mark.filterwarnings("ignore")


def fit(
    variant: str, folder: Path, *, accumulation: int = 4, plan: ps.Plan = PLAN, stop: int = 3, **keywords: Any
) -> Any:
    """The values used by a fit of three epochs that stops after `stop`; its checkpoint is written each epoch."""
    case = Case("lightning", accumulation, variant=variant)
    module = runs.Module(case, 15)
    callbacks = [pl.callbacks.ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1), Stop(stop)]
    if variant == "":
        callbacks.append(PlanCallback(plan))
    trainer = runs.trainer(case, callbacks=callbacks, enable_checkpointing=True)
    trainer.fit(module, DataLoader(Numbers(), BATCH), **keywords)
    return module.used


class Stop(pl.Callback):
    """Stop a run early, as a crash would, without changing its total."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.after


@pytest.mark.parametrize("variant", ["", "step", "epoch", "unsaid"])
def test_a_run_resumes_from_a_checkpoint(variant: str, tmp_path: Path) -> None:
    first = fit(variant, tmp_path / "a", stop=1)

    again = fit(variant, tmp_path / "b", ckpt_path=tmp_path / "a" / "epoch=0.ckpt")

    assert first + again == planned(15)


@pytest.mark.parametrize("skips", [False, True], ids=["whole", "the last update before it was skipped"])
def test_a_run_in_tokens_resumes_from_a_checkpoint(skips: bool, tmp_path: Path, check_resumed: Any) -> None:
    def fit_by_tokens(folder: Path, stop: int, **keywords: Any) -> Any:
        case = Case("lightning", 4, overflow=skips)
        module = runs.Module(case, 15)
        plan = PlanCallback(BY_TOKENS, amount_of=tokens_of_batch)
        callbacks = [pl.callbacks.ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1), Stop(stop), plan]
        trainer = runs.trainer(case, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(module, DataLoader(Numbers(overflow=skips, overflow_index=71), BATCH), **keywords)
        return module.used

    first = fit_by_tokens(tmp_path / "a", 1)
    whole = fit_by_tokens(tmp_path / "c", 3)

    again = fit_by_tokens(tmp_path / "b", 3, ckpt_path=tmp_path / "a" / "epoch=0.ckpt")

    assert first + again == whole
    # `whole` includes the batches of the skipped update; the recorder of the second part does not.
    first.amounts = whole.amounts[: len(first)]
    again.amounts = whole.amounts[len(first) :]
    name = "Lightning, the update before it skipped" if skips else "Lightning"
    check_resumed(name, first + again, in_one(first, again), 12 if skips else 15)


class Small(runs.Simple):
    """Reports a validation loss that gets worse each time."""

    worse = 0.0

    def on_fit_start(self) -> None:
        self.used = recorded(self.trainer.optimizers[0])

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", self.worse)

    def on_validation_epoch_end(self) -> None:
        self.worse += 1.0


def small(callback: Any, **keywords: Any) -> Small:
    module = Small()
    runs.fit(module, callback, num_sanity_val_steps=1, **keywords)
    return module


def test_the_metrics_of_a_validation_reach_the_plan() -> None:
    module = small(PlanCallback(ps.Plan(lr=ps.constant() * ps.plateau("val_loss", patience=0, factor=0.5))))

    assert [row[0] for row in module.used[::18]] == [0.1, 0.1, 0.05]


class Monitored(Small):
    """Returns a Scheduler that Lightning steps with a metric."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.1)
        scheduler = ps.Scheduler(optimizer, ps.constant() * ps.plateau("val_loss", patience=0, factor=0.5))
        entries = {"scheduler": scheduler, "monitor": "val_loss", "reduce_on_plateau": True}
        return {"optimizer": optimizer, "lr_scheduler": entries}


def test_a_scheduler_of_the_module_gets_the_metric_that_it_monitors() -> None:
    module = Monitored()
    runs.fit(module, pl.Callback(), num_sanity_val_steps=1)

    assert [row[0] for row in module.used[::18]] == [0.1, 0.1, 0.05]


@pytest.mark.parametrize("every", [1, 5])
def test_the_values_of_each_logged_update_reach_the_logger(every: int, tmp_path: Path) -> None:
    logger = pl.loggers.CSVLogger(tmp_path)
    small(PlanCallback(PLAN), logger=logger, log_every_n_steps=every)

    with Path(logger.log_dir, "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["lr/weight"]]
    assert [int(row["step"]) for row in rows] == list(range(0, 54, every))
    assert [float(row["lr/weight"]) for row in rows] == [row[0] for row in planned(54)][::every]


def test_the_learning_rate_monitor_works_if_no_scheduler_is_returned(tmp_path: Path) -> None:
    logger = pl.loggers.CSVLogger(tmp_path)
    monitor = pl.callbacks.LearningRateMonitor("step")
    module = runs.Module(Case("lightning", variant="step"), 54)
    runs.fit(module, monitor, logger=logger, log_every_n_steps=1)

    lines = Path(logger.log_dir, "metrics.csv").read_text(encoding="utf-8").splitlines()
    column = next(i for i, name in enumerate(lines[0].split(",")) if name.startswith("lr-AdamW") and "weight" in name)
    logged = [float(line.split(",")[column]) for line in lines[1:]]
    assert logged == [row[0] for row in planned(54)]


def test_manual_optimization_without_facts_is_rejected_with_the_argument() -> None:
    module = runs.Module(Case("lightning", variant="manual"), 54)
    trainer = runs.trainer(Case("lightning", variant="manual"), callbacks=[PlanCallback(PLAN)])

    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        trainer.fit(module, DataLoader(Numbers(), BATCH))

    assert "with manual optimization only the module knows when it steps" in str(refusal.value)
    assert "PlanCallback(..., total=10_000)" in str(refusal.value)


def test_max_steps_is_the_total_if_it_is_reached_first() -> None:
    callback = PlanCallback(PLAN)
    module = small(callback, max_steps=10)

    assert module.used == planned(10)


class Pair(Small):
    """Two optimizers, of which the second steps after every second batch."""

    def __init__(self) -> None:
        super().__init__()
        self.other = Tiny()
        self.automatic_optimization = False
        self.stop_after = 10**9

    def configure_optimizers(self) -> Any:
        return [optimizer_of(self.net), optimizer_of(self.other)]

    def on_fit_start(self) -> None:
        self.used, self.used_too = map(recorded, self.trainer.optimizers)

    def training_step(self, batch: Any, index: int) -> None:
        for net, optimizer, turn in zip((self.net, self.other), self.optimizers(), (1, 2), strict=True):
            if index % turn == 0:
                self.manual_backward(torch.nn.functional.mse_loss(net(batch[0]), batch[1]))
                optimizer.step()
                optimizer.zero_grad()


BOTH = ps.Plan(ps.Binding("lr", "cosine()", groups="critic"), lr="linear()", total=54)


@pytest.mark.parametrize("drive", ["critic", "generator"])
def test_one_plan_for_two_optimizers(drive: str, tmp_path: Path) -> None:
    module = Pair()
    callback = PlanCallback(BOTH, optimizers=("critic", "generator"), drive=drive)
    logger = pl.loggers.CSVLogger(tmp_path)
    runs.fit(module, callback, logger=logger, log_every_n_steps=1)

    shown = ps.trace(BOTH, {"critic": {"lr": 0.1}, "generator": {"lr": 0.1}})
    first, second = ([row[0] for row in used] for used in (module.used, module.used_too))
    # The critic steps first in an iteration: with drive="critic" the generator's step uses the next values already.
    update_of = (lambda i: i, lambda i: 2 * i + 1) if drive == "critic" else (lambda i: (i + 1) // 2, lambda i: i)
    assert first == [shown["lr", "critic"][update_of[0](i)] for i in range(len(first))]
    assert second == [shown["lr", "generator"][update_of[1](i)] for i in range(len(second))]
    (scheduler,) = callback.schedulers
    assert scheduler.t == len(first if drive == "critic" else second)
    logger.save()
    assert "lr/critic/bias,lr/critic/weight,lr/generator/bias" in Path(logger.experiment.metrics_file_path).read_text(
        encoding="utf-8"
    )


def test_two_optimizers_resume_from_a_checkpoint(tmp_path: Path) -> None:
    def fit(epochs: int, path: str | None = None) -> tuple[Any, Any]:
        module = Pair()
        callback = PlanCallback(BOTH, optimizers=("critic", "generator"))
        runs.fit(module, callback, max_epochs=epochs, path=path).save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return module, callback.schedulers[0]

    whole, _ = fit(3)
    fit(1)
    rest, scheduler = fit(3, str(tmp_path / "1.ckpt"))

    assert whole.used[-len(rest.used) :] == rest.used
    assert whole.used_too[-len(rest.used_too) :] == rest.used_too
    assert scheduler.t == len(whole.used)


@pytest.mark.parametrize("plans", [list, dict])
def test_a_plan_for_each_optimizer_is_refused_with_the_one_plan_to_write(plans: Any) -> None:
    plans_by_name = {"critic": ps.Plan(lr="cosine()", total=54), "generator": ps.Plan(lr="linear()", total=54)}

    with pytest.raises(ps.errors.InvalidArgument, match="one plan drives all optimizers") as refusal:
        PlanCallback(plans_by_name if plans is dict else list(plans_by_name.values()))  # type: ignore[arg-type]

    line = refusal.value.problem.advice.removeprefix("Write ")
    written = eval(line, {"ps": ps, "PlanCallback": PlanCallback})
    names = tuple(plans_by_name) if plans is dict else ("optimizer_0", "optimizer_1")
    lines = [ps.Binding("lr", "cosine()", groups=names[0]), ps.Binding("lr", "linear()", groups=names[1])]
    assert (written._plan, written._names) == (ps.Plan(*lines, total=54), names)


@table(
    ("options", "message"),
    [
        ({"observe": "batch"}, 'expected "validation" or "epoch"'),
        ({"drive": "critic"}, "the optimizers have no names"),
        ({"optimizers": "critic"}, "expected several names, got str"),
        ({"optimizers": ("critic", "critic")}, "two optimizers have the same name"),
        ({"optimizers": ("a/b", "c")}, "a name must not"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ps.errors.InvalidArgument, match=message):
        PlanCallback(BOTH, **options)


def test_a_callback_can_be_pickled() -> None:
    import pickle

    callback = pickle.loads(pickle.dumps(PlanCallback(PLAN)))

    assert isinstance(callback, pl.Callback)


class Unfreeze(pl.callbacks.BaseFinetuning):
    """Adds a layer to the optimizer at the second epoch, with a tenth of the present lr."""

    def freeze_before_training(self, pl_module: Any) -> None:
        self.freeze(pl_module.late)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        if epoch == 1:
            self.unfreeze_and_add_param_group(pl_module.late, optimizer)


class Adds(pl.Callback):
    """Adds a layer at the second epoch, with half of the base of the others."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            trainer.optimizers[0].add_param_group({"params": pl_module.late.parameters(), "lr": 0.05})


class Late(runs.Simple):
    def __init__(self) -> None:
        super().__init__()
        self.late = torch.nn.Linear(2, 2)
        self.rates = []

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.rates.append([group["lr"] for group in optimizer.param_groups])


@pytest.mark.parametrize("line", [ps.linear(1.0, 0.1), ps.warmup(3) >> ps.cosine(to=0.5)], ids=str)
@pytest.mark.parametrize(("adds", "share"), [(Unfreeze, 10), (Adds, 2)])
def test_a_group_that_a_callback_adds_keeps_its_share_of_the_first_group(
    adds: Any, share: int, line: Any, caplog: Any
) -> None:
    module = Late()
    runs.fit(module, PlanCallback(ps.Plan(lr=line)), adds())

    before = len(module.rates[0])
    rows = [row for row in module.rates if len(row) > before]
    assert 0 < len(rows) < len(module.rates)
    assert [row[before] for row in rows] == pytest.approx([row[0] / share for row in rows], rel=1e-12)
    assert sum("was added at update" in record.getMessage() for record in caplog.records) == 1


class Written(Unfreeze):
    """Adds a layer with arguments of its own, and perhaps an `initial_lr`."""

    def __init__(self, epoch: int = 1, initial_lr: float | None = None, **options: Any) -> None:
        super().__init__()
        self.epoch = epoch
        self.initial_lr = initial_lr
        self.options = options

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        if epoch == self.epoch:
            self.unfreeze_and_add_param_group(pl_module.late, optimizer, **self.options)
            if self.initial_lr is not None:
                optimizer.param_groups[-1]["initial_lr"] = self.initial_lr


@pytest.mark.parametrize(
    ("added", "base"),
    [
        ({"lr": 0.05}, 0.05),
        ({"initial_lr": 0.02}, 0.02),
        ({"lr": 0.05, "initial_lr": 0.02}, 0.02),
        ({"initial_denom_lr": 4.0}, 0.1 * 0.7 / 4),  # as written, because the base of the group is not known
        ({}, 0.01),
        ({"epoch": 0}, 0.01),
    ],
    ids=str,
)
def test_the_lr_with_which_finetuning_adds_a_group_is_its_base_unless_it_is_the_usual_tenth(
    added: dict[str, Any], base: float
) -> None:
    module = Late()
    runs.fit(module, PlanCallback("linear(1, 0.1)"), Written(**added))

    rates = [row[2] for row in module.rates if len(row) > 2]
    expected = ps.trace("linear(1, 0.1)", {"lr": base}, total=54)["lr"].tolist()[-len(rates) :]
    assert rates == pytest.approx(expected, rel=1e-12)


def test_a_group_that_finetuning_adds_at_an_lr_of_0_follows_the_warmup() -> None:
    module = Late()
    runs.fit(module, PlanCallback("warmup(5) >> cosine()"), Written(epoch=0))

    assert [row[2] for row in module.rates] == pytest.approx([row[0] / 10 for row in module.rates], rel=1e-12)
    assert max(row[2] for row in module.rates) > 0


@pytest.mark.parametrize("line", ["linear(1.0, 0.1)", "warmup(5) >> cosine()"])
@pytest.mark.parametrize("on_base", ["checkpoint", "code"])
@pytest.mark.parametrize("is_first", [False, True])
def test_a_resumed_run_continues_the_groups_that_finetuning_has_added(
    is_first: bool, on_base: Any, line: str, tmp_path: Path, caplog: Any, recwarn: Any
) -> None:
    def fit(until: int, **where: Any) -> list[list[float]]:
        module = Late()
        plan = ps.Plan(lr=line, total=40)
        saving = pl.callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
        both = [PlanCallback(plan, on_base=on_base), Unfreeze()]
        trainer = runs.trainer(
            Case("lightning"), callbacks=[saving, *(both[::-1] if is_first else both), Stop(until)], max_epochs=4,
            enable_checkpointing=True,
        )  # fmt: skip
        trainer.fit(module, DataLoader(Numbers(), BATCH), **where)
        return module.rates

    whole = fit(4)
    caplog.clear()
    again = fit(4, ckpt_path=tmp_path / "epoch=1.ckpt")

    reports = [str(warning.message) for warning in recwarn] + [record.getMessage() for record in caplog.records]
    false = ("base of lr", "instead of", "no update count")
    assert [report for report in reports if any(words in report for words in false)] == []
    assert [len(row) for row in again] == [len(whole[-1])] * len(again)
    assert again == whole[-len(again) :]
    assert len(again) == len(whole) // 2


OWN = "constant(0.5, over=18) >> warmup(6, 0.5) >> cosine()"


@pytest.mark.parametrize(("adds", "base"), [(Unfreeze, 0.1 * 0.7 / 10), (Adds, 0.05)])
@pytest.mark.parametrize("selector", [2, "[2]", "late=1"])
def test_an_optional_line_applies_to_the_group_that_a_callback_adds(adds: Any, base: float, selector: Any) -> None:
    class Marks(pl.Callback):
        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            for group in trainer.optimizers[0].param_groups[2:]:
                group.setdefault("late", 1)

    module = Late()
    runs.fit(module, adds(), Marks(), PlanCallback({"lr": "linear(1, 0.1)", "later": {selector: {"lr": OWN}}}))

    rates = [row[2] for row in module.rates if len(row) > 2]
    expected = ps.trace(ps.Plan(lr=OWN, total=54), {"lr": base})["lr"].tolist()[18:]
    assert rates == pytest.approx(expected, rel=1e-12)
    assert [row[0] for row in module.rates] == ps.trace("linear(1, 0.1)", {"lr": 0.1}, total=54)["lr"].tolist()


@pytest.mark.parametrize("is_first", [False, True])
def test_a_resumed_run_continues_an_optional_line(is_first: bool, tmp_path: Path) -> None:
    def fit(**where: Any) -> list[list[float]]:
        module = Late()
        saving = pl.callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
        both = [PlanCallback({"lr": "linear(1, 0.1)", "later": {"[2]": {"lr": OWN}}}), Unfreeze()]
        runs.fit(module, saving, *(both[::-1] if is_first else both), path=where.get("path"), enable_checkpointing=True)
        return module.rates

    whole = fit()

    assert fit(path=tmp_path / "epoch=1.ckpt") == whole[36:]


@pytest.mark.parametrize("strict", [False, True])
def test_the_end_of_a_fit_reports_an_optional_line_without_a_group(strict: bool) -> None:
    plan = {"lr": "linear(1, 0.1)", "later": {"head": {"lr": "linear()"}}}

    with pytest.raises(ps.PlanWarning) if strict else pytest.warns(ps.PlanWarning) as actual:
        runs.fit(Late(), PlanCallback(plan, strict=strict))

    reports = [str(actual.value)] if strict else [str(warning.message) for warning in actual]  # type: ignore[attr-defined]
    assert ["lr @ head" in report for report in reports if "PlanCallback" in report] == [True]


class Torchs(Small):
    def configure_optimizers(self) -> Any:
        optimizer = optimizer_of(self.net)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


class Returned(Small):
    def configure_optimizers(self) -> Any:
        optimizer = optimizer_of(self.net)
        return [optimizer], [ps.Scheduler(optimizer, PLAN, total=54)]


@pytest.mark.parametrize("form", ["callback", "returned"])
def test_a_run_started_with_torchs_scheduler_continues_with_a_plan(form: str, tmp_path: Path) -> None:
    def trainer(*callbacks: Any) -> Any:
        return runs.trainer(Case("lightning"), callbacks=list(callbacks), enable_checkpointing=True)

    loader = DataLoader(Numbers(), BATCH)
    saving = pl.callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    trainer(saving, Stop(1)).fit(Torchs(), loader)
    module = Small() if form == "callback" else Returned()
    callbacks = [PlanCallback(PLAN)] if form == "callback" else []

    trainer(pl.callbacks.ModelCheckpoint(tmp_path / "again"), *callbacks).fit(
        module, loader, ckpt_path=tmp_path / "epoch=0.ckpt"
    )

    # Torch's was stepped once in the epoch; the optimizer's own state has counted 18 updates.
    assert module.used == planned(54)[18:]


@pytest.mark.long
@pytest.mark.heavy
def test_tensor_parallel_ranks_count_each_sample_once(tmp_path: Path) -> None:
    port = str(free_port())
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])}
    started = [
        Program(
            ["-m", "engines.lightning_tensor_parallel", str(rank), port, str(tmp_path / f"{rank}.json")], environment
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=300)[1] for process in started]

    assert [process.returncode for process in started] == [0, 0], said
    for rank in (0, 1):  # updates, samples, and the samples in a batch as the Trainer knows them
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == [[8, 100, 8]] * 2


def test_a_missing_token_count_suggests_the_callback() -> None:
    with pytest.raises(MissingFact, match=r"For example: PlanCallback\(…, tokens_per_sample=1024\)$"):
        small(PlanCallback(BY_TOKENS))


pytest.importorskip("lightning.pytorch")

SCRIPT = """
import os, signal
from pathlib import Path
import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import SLURMEnvironment
from torch.optim.optimizer import register_optimizer_step_post_hook
import paramsched as ps
from paramsched.engines.lightning import PlanCallback

at, steps, used = int(os.environ["AT"]), [], open(f"used{len([*Path().glob('used*')])}.txt", "w")

def notify(optimizer, *_):
    steps.append(1)
    print(optimizer.param_groups[0]["lr"], file=used, flush=True)  # of the next update
    if len(steps) == at:
        os.kill(os.getpid(), signal.SIGUSR1)

register_optimizer_step_post_hook(notify)
torch.manual_seed(0)
data = torch.randn(512, 8)

class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Linear(32, 1))

    def training_step(self, x, index):
        return (self.net(x) - x.sum(dim=1, keepdim=True)).square().mean()

    def on_train_batch_end(self, *_):
        if at and len(steps) >= at + 20:
            self.trainer.should_stop = True  # the time of the job is over

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)

plan = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)', total=160)
loader = torch.utils.data.DataLoader(data, batch_size=16)
trainer = pl.Trainer(
    max_epochs=5, accelerator="cpu", devices=1, callbacks=[PlanCallback(plan)], logger=False,
    plugins=[SLURMEnvironment(auto_requeue=True, requeue_signal=signal.SIGUSR1)], enable_checkpointing=False,
    enable_progress_bar=False, use_distributed_sampler=False,
)
trainer.fit(Module(), loader)
"""


def run_job(folder: Path, signal_at: int) -> None:
    """Run the job; it receives the signal of SLURM inside of an update, or runs to its end if `signal_at` is 0."""
    folder.mkdir(exist_ok=True)
    (folder / "job.py").write_text(SCRIPT)
    scontrol = folder / "bin" / "scontrol"
    scontrol.parent.mkdir(exist_ok=True)
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {folder}/requeued.txt\n')
    scontrol.chmod(0o755)
    slurm = {"JOB_ID": "17", "JOB_NAME": "train", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODELIST": "localhost"}
    env = {**os.environ, **{f"SLURM_{name}": value for name, value in slurm.items()}}
    env |= {"AT": str(signal_at), "PATH": f"{scontrol.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "job.py"], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.heavy
@pytest.mark.long
def test_a_job_that_lightning_requeues_continues_with_the_value_of_the_next_update(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    parts = tmp_path / "parts"
    run_job(whole, 0)
    run_job(parts, 70)
    assert (parts / "requeued.txt").read_text().split() == ["requeue", "17"]
    assert [*parts.glob("hpc_ckpt*")]

    run_job(parts, 0)

    values, first, again = (
        (folder / f"used{job}.txt").read_text().split() for folder, job in ((whole, 0), (parts, 0), (parts, 1))
    )
    assert len(values) == 160
    assert first == values[:90]
    # Lightning saves before it counts the update in which the signal arrives, so that it adds one at the end.
    assert again == [*values[70:], values[-1]]
