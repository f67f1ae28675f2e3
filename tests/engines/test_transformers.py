"""Hugging Face Trainer: facts, metrics, log and checkpoint, planned batches, and the arguments a plan replaces."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact
from support.diagnosed import diagnosis_of
from support.engine_runs.harness import BY_TOKENS, PLAN, Case, Used, in_one, optimizer_of, planned, recorded
from support.spread import spread
from support.tables import table

transformers = pytest.importorskip("transformers")
runs = pytest.importorskip("support.engine_runs.transformers")
engine = pytest.importorskip("paramsched.engines.transformers")

pytestmark = pytest.mark.filterwarnings("ignore")


class Stop(transformers.TrainerCallback):
    """Stop a run after the first epoch without changing its total."""

    def on_epoch_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
        control.should_training_stop = state.epoch >= 1


def parts(folder: Path, variant: str = "", clock: str = "updates", lost: str = "") -> tuple[Any, Any, Any]:
    """Train an epoch; return the used values, a Trainer that resumes from a checkpoint without a file, and its own."""
    case = Case("transformers", 4, variant=variant, clock=clock)
    args = runs.arguments(str(folder), case, save_strategy="epoch")
    first, used = runs.trainer_of(case, args, 15, callbacks=[Stop()])
    first.train()
    for name in filter(None, [lost]):
        (folder / f"checkpoint-{len(used)}" / name).unlink()
    again, used_too = runs.trainer_of(case, args, 15)
    return used, again, used_too


@pytest.mark.parametrize("variant", spread(["", "pair"], ""))
def test_a_run_resumes_from_a_checkpoint(variant: str, tmp_path: Path) -> None:
    used, again, used_too = parts(tmp_path, variant)

    again.train(resume_from_checkpoint=True)

    assert used + used_too == planned(15)


def test_a_run_in_tokens_resumes_from_a_checkpoint(tmp_path: Path, check_resumed: Any) -> None:
    used, again, used_too = parts(tmp_path, clock="tokens")

    again.train(resume_from_checkpoint=True)

    check_resumed("Hugging Face Trainer", used + used_too, in_one(used, used_too), 15)


@pytest.mark.parametrize("lost", ["scheduler.pt", "optimizer.pt"])
def test_a_checkpoint_without_a_state_of_the_plan_continues_at_the_update_of_the_trainer(
    lost: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used, again, used_too = parts(tmp_path, lost=lost)

    again.train(resume_from_checkpoint=True)

    assert f"after update {len(used)} from a checkpoint without optimizer.pt or scheduler.pt" in caplog.text
    assert used_too == planned(15)[len(used) :]


class Words(torch.utils.data.Dataset[Any]):
    """Rows of two tokens, of which every third is padding in its second half."""

    def __len__(self) -> int:
        return 72

    def __getitem__(self, index: int) -> Any:
        real = torch.tensor([1, int(index % 3 != 0)])
        return {"x": torch.ones(2), "labels": torch.ones(1), "attention_mask": real}


class Reader(runs.Model):
    """A model whose main input is `x`; the mask is for the count only."""

    main_input_name = "x"

    def forward(self, x: torch.Tensor, labels: torch.Tensor, attention_mask: Any = None) -> dict[str, torch.Tensor]:
        return super().forward(x, labels)


def words(folder: Path, **options: Any) -> Any:
    """Return a planned Trainer of `Reader` by tokens."""
    model = Reader()
    optimizers = (optimizer_of(model), None)
    return runs.planned_trainer(BY_TOKENS, folder, model=model, train_dataset=Words(), optimizers=optimizers, **options)


@pytest.mark.parametrize(
    ("counted", "options"),
    spread(
        [("all", {}), ("non_padding", {}), ("all", {"gradient_accumulation_steps": 4})],
        ("non_padding", {}),
        ("all", {"gradient_accumulation_steps": 4}),
    ),
)
def test_the_plan_uses_the_token_count_of_the_trainer(counted: str, options: Any, tmp_path: Path) -> None:
    trainer = words(tmp_path, include_num_input_tokens_seen=counted, **options)
    seen: list[int] = []

    class Before(transformers.TrainerCallback):
        def on_optimizer_step(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            seen.append(state.num_input_tokens_seen)

    trainer.add_callback(Before())
    trainer.train()

    of_all = 3 * (144 if counted == "all" else 120)
    assert (seen[-1], trainer.lr_scheduler.amount) == (of_all, of_all)
    counts = Used()
    counts.amounts = [(now - before, 0) for before, now in zip([0, *seen], seen, strict=False)]
    assert trainer.used == in_one(counts, Used())


@pytest.mark.parametrize("lost", ["", "scheduler.pt"])
def test_a_trainer_that_counts_tokens_resumes_from_its_checkpoint(lost: str, tmp_path: Path) -> None:
    options = {"save_strategy": "epoch", "include_num_input_tokens_seen": "all", "gradient_accumulation_steps": 4}
    first = words(tmp_path, callbacks=[Stop()], **options)
    first.train()
    for name in filter(None, [lost]):
        (tmp_path / f"checkpoint-{first.state.global_step}" / name).unlink()
    again = words(tmp_path, **options)

    again.train(resume_from_checkpoint=True)

    assert (first.lr_scheduler.amount, again.lr_scheduler.amount) == (144, 432)


@pytest.mark.parametrize(
    "counted",
    spread([{}, {"include_num_input_tokens_seen": "all"}], {"include_num_input_tokens_seen": "all"}),
)
def test_a_second_training_restarts_the_plan(counted: dict[str, Any], tmp_path: Path) -> None:
    trainer = runs.planned_trainer(PLAN, tmp_path, **counted)

    trainer.train()
    callbacks = [type(callback) for callback in trainer.callback_handler.callbacks]
    trainer.train()

    assert trainer.used == planned(54) + planned(54)
    assert sorted(map(str, callbacks)) == sorted(str(type(callback)) for callback in trainer.callback_handler.callbacks)


def test_max_steps_is_the_total(tmp_path: Path) -> None:
    trainer = runs.planned_trainer(PLAN, tmp_path, max_steps=10)

    trainer.train()

    assert trainer.used == planned(10)


def test_the_log_has_every_scheduled_field_and_the_used_lr(tmp_path: Path) -> None:
    trainer = runs.planned_trainer(PLAN, tmp_path, logging_strategy="steps", logging_steps=1)

    trainer.train()

    logged = [float(row["learning_rate"]) for row in trainer.state.log_history if "learning_rate" in row]
    assert logged == pytest.approx([row[0] for row in planned(54)], abs=5e-7)  # the Trainer may round what it logs
    rows = [row for row in trainer.state.log_history if "learning_rate" in row]
    names = ["lr/weight", "weight_decay/weight", "betas_0/weight", "lr/bias", "weight_decay/weight", "betas_0/weight"]
    assert "train_runtime" in trainer.state.log_history[-1]
    assert [row["learning_rate"] for row in rows] == [row["lr/weight"] for row in rows]
    assert [[row[name] for name in names] for row in rows] == planned(54)
    assert {name for name in rows[0] if "/" in name} == {*names}


@pytest.mark.parametrize(("bases", "columns"), [((0.1, 0.2), ["lr/0", "lr/1"]), ((0.1, 0.1), [])])
def test_a_group_has_a_logged_rate_if_it_differs_from_that_of_the_first_group(
    bases: tuple[float, ...], columns: list[str], tmp_path: Path
) -> None:
    model = runs.Model()
    groups = [{"params": [parameter], "lr": base} for parameter, base in zip(model.parameters(), bases, strict=True)]
    plan = ps.Plan(lr=ps.linear(1.0, 0.0))
    optimizers = (torch.optim.AdamW(groups), None)
    trainer = runs.planned_trainer(
        plan, tmp_path, model=model, optimizers=optimizers, logging_strategy="steps", logging_steps=1
    )

    trainer.train()

    rows = [row for row in trainer.state.log_history if "learning_rate" in row]
    rates = [{name: value for name, value in row.items() if name == "learning_rate" or "lr" in name} for row in rows]
    used = [{"learning_rate": row[0], "lr/0": row[0], "lr/1": row[3]} for row in trainer.used]
    assert rates == [{name: row[name] for name in ("learning_rate", *columns)} for row in used]


@pytest.mark.parametrize("made_by", spread(["planned", "pair"], "planned"))
def test_a_run_started_with_torchs_scheduler_continues_with_a_plan(made_by: str, tmp_path: Path) -> None:
    case = Case("transformers")
    args = runs.arguments(str(tmp_path), case, save_strategy="epoch")
    model = runs.Model()
    trainer = transformers.Trainer(
        model=model, args=args, train_dataset=runs.Rows(), optimizers=(optimizer_of(model), None), callbacks=[Stop()]
    )
    trainer.train()
    done = trainer.state.global_step

    again = runs.Model()
    optimizer = optimizer_of(again)
    scheduler = None if made_by == "planned" else ps.Scheduler(optimizer, PLAN, total=54)
    base = engine.planned(transformers.Trainer, PLAN) if made_by == "planned" else transformers.Trainer
    resumed = base(model=again, args=args, train_dataset=runs.Rows(), optimizers=(optimizer, scheduler))
    used = recorded(optimizer)
    resumed.train(resume_from_checkpoint=True)

    assert used == planned(54)[done:]


def step_of_torch(optimizer: Any) -> Any:
    return torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)


def scheduler_of_another_plan(optimizer: Any) -> Any:
    return ps.Scheduler(optimizer, "cosine()", total=12)


@pytest.mark.parametrize("make", [step_of_torch, scheduler_of_another_plan])
def test_a_scheduler_given_beside_the_plan_is_refused_before_the_first_update(make: Any, tmp_path: Path) -> None:
    model = runs.Model()
    optimizer = optimizer_of(model)
    trainer = runs.planned_trainer("linear()", tmp_path, model=model, optimizers=(optimizer, make(optimizer)))

    with pytest.raises(InvalidArgument) as refusal:
        trainer.train()

    assert refusal.value.problem.site == "transformers.planned"
    assert "optimizers=(optimizer, None)" in refusal.value.problem.advice
    assert not trainer.used


def test_a_scheduler_that_a_subclass_of_the_planned_trainer_creates_is_refused(tmp_path: Path) -> None:
    class OwnScheduler(engine.planned(transformers.Trainer, "linear()")):  # type: ignore[misc]
        def create_scheduler(self, *args: Any, **keywords: Any) -> Any:
            self.lr_scheduler = step_of_torch(self.optimizer)
            return self.lr_scheduler

    model = runs.Model()
    optimizer = optimizer_of(model)
    used = recorded(optimizer)
    arguments = runs.arguments(str(tmp_path), Case("transformers"))
    trainer = OwnScheduler(model=model, args=arguments, train_dataset=runs.Rows(), optimizers=(optimizer, None))

    with pytest.raises(InvalidArgument) as refusal:
        trainer.train()

    assert refusal.value.problem.site == "transformers.planned"
    assert not used


def test_a_planned_trainer_gets_no_second_plan() -> None:
    once = engine.planned(transformers.Trainer, "linear()")

    with pytest.raises(InvalidArgument):
        engine.planned(type("Mine", (once,), {}), "cosine()")


@pytest.mark.parametrize(("sizes", "expected"), [((1, 1, 1), 8), ((2, 1, 1), 4), ((2, 2, 1), 2), ((1, 1, 8), 1)])
def test_processes_with_the_same_batches_are_counted_once(
    sizes: tuple[int, ...], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("transformers", 1, clock="tokens")
    trainer, _ = runs.trainer_of(case, runs.arguments(str(tmp_path), case), 15)
    for dimension, size in zip(("tp", "cp", "sp"), sizes, strict=True):
        monkeypatch.setattr(trainer, f"get_{dimension}_size", lambda size=size: size)
    monkeypatch.setattr(type(trainer.args), "world_size", property(lambda self: 8))

    trainer.create_optimizer()
    scheduler = trainer.create_scheduler(15)

    assert scheduler.facts.batch_size == expected * trainer.args.per_device_train_batch_size
    assert trainer._paramsched_amounts.processes == expected


def test_an_optimizer_that_steps_two_follows_one_plan_by_the_inner_ones(tmp_path: Path) -> None:
    case = Case("transformers", 4)
    trainer, _ = runs.trainer_of(case, runs.arguments(str(tmp_path), case), 15)
    model = trainer.model
    parameters = list(model.parameters())
    parts = [torch.optim.SGD([parameter], lr=base) for parameter, base in zip(parameters[:2], (0.1, 0.2), strict=True)]
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="b"), lr="linear()", total=15)
    scheduler = ps.Scheduler({"a": parts[0], "b": parts[1]}, plan)
    used: list[list[float]] = []
    for optimizer in parts:
        rates: list[float] = []
        used.append(rates)
        optimizer.register_step_pre_hook(lambda value, *_, rates=rates: rates.append(value.param_groups[0]["lr"]))
    constant = torch.optim.lr_scheduler.LambdaLR(torch.optim.SGD(model.parameters(), lr=0.1), lambda _: 1.0)
    again = transformers.Trainer(
        model=model, args=trainer.args, train_dataset=trainer.train_dataset, optimizers=(runs.Both(*parts), constant)
    )
    again.train()

    shown = ps.trace(plan, {"a": {"lr": 0.1}, "b": {"lr": 0.2}})
    assert used == [shown["lr", "a"][: scheduler.t].tolist(), shown["lr", "b"][: scheduler.t].tolist()]
    assert scheduler.t == again.state.global_step


def test_a_missing_token_count_suggests_the_call(tmp_path: Path) -> None:
    trainer = words(tmp_path)

    with pytest.raises(MissingFact, match=r"For example: transformers\.planned\(…, tokens_per_sample=1024\)$"):
        trainer.train()


COSINE = ps.Plan(lr="cosine()")


@table(
    ("options", "names"),
    [
        ({}, []),
        ({"learning_rate": 0.1, "max_steps": 4}, []),
        ({"lr_scheduler_type": "linear", "warmup_steps": 0}, []),
        ({"lr_scheduler_type": "cosine"}, ["lr_scheduler_type='cosine'"]),
        ({"lr_scheduler_type": "cosine", "warmup_steps": 5}, ["lr_scheduler_type='cosine'", "warmup_steps=5"]),
        (
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 1e-5}},
            ["lr_scheduler_type='cosine_with_min_lr'", "lr_scheduler_kwargs={'min_lr': 1e-05}"],
        ),
    ],
)
def test_arguments_that_a_plan_replaces_are_logged_once(options, names, tmp_path, caplog):
    caplog.clear()
    runs.planned_trainer(COSINE, tmp_path, **{"max_steps": 3, **options}).train()

    actual = [
        record
        for record in caplog.records
        if record.name == "paramsched" and "the plan replaces" in record.getMessage()
    ]
    assert [record.levelno for record in actual] == [logging.WARNING] * bool(names)
    assert all(name in actual[0].getMessage() for name in names)


def test_a_checkpoint_without_the_tokens_that_a_plan_has_consumed_is_refused(tmp_path: Path) -> None:
    used, again, used_too = parts(tmp_path, clock="tokens", lost="scheduler.pt")

    with pytest.raises(MissingFact, match=f"after update {len(used)} from a checkpoint without"):
        again.train(resume_from_checkpoint=True)

    assert not used_too


def test_the_metrics_of_an_evaluation_reach_the_plan(tmp_path: Path) -> None:
    class Worse(transformers.Trainer):
        worse = 0.0

        def evaluate(self, *args: Any, **keywords: Any) -> Any:
            self.worse += 1.0
            return {"eval_loss": self.worse}

    plan = ps.Plan(lr=ps.constant() * ps.plateau("eval_loss", patience=0, factor=0.5))
    trainer = runs.planned_trainer(plan, tmp_path, Worse, eval_strategy="epoch")

    trainer.train()

    assert [row[0] for row in trainer.used[::18]] == [0.1, 0.1, 0.05]


class Halve(transformers.TrainerCallback):
    """Halve the rest of the plan after some update, at an event of the Trainer."""

    def __init__(self, event: str, update: int, tells: list[Any]) -> None:
        self._update = update
        self._tells = tells
        setattr(self, event, self._change)

    def _change(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
        before = keywords["lr_scheduler"]
        if state.global_step == self._update and before.plan == PLAN_TO_HALVE:
            changed = ps.Scheduler(keywords["optimizer"], before.plan.scale(before.t, lr=0.5), total=before.total)
            for trainer in self._tells:
                trainer.lr_scheduler = changed


PLAN_TO_HALVE = ps.Plan(lr="linear()")


@pytest.mark.parametrize("tells", [False, True])
@pytest.mark.parametrize("event", ["on_step_end", "on_optimizer_step", "on_log", "on_evaluate", "on_step_begin"])
def test_a_plan_can_be_changed_in_a_callback(event: str, tells: bool, tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x: Any, labels: Any) -> Any:
            return {"loss": (self.layer(x) - labels).square().mean()}

    def trained(callbacks: list[Any], **resumed: Any) -> tuple[list[float], Any]:
        args = transformers.TrainingArguments(
            str(tmp_path), max_steps=20, learning_rate=1e-3, use_cpu=True, report_to=[], disable_tqdm=True,
            logging_steps=1, eval_strategy="steps", eval_steps=5, save_strategy="steps", save_steps=10,
        )  # fmt: skip
        data = [{"x": torch.ones(2), "labels": torch.ones(1)}] * 160
        planned_trainer = engine.planned(transformers.Trainer, PLAN_TO_HALVE)
        trainer = planned_trainer(Net(), args, train_dataset=data, eval_dataset=data[:8], callbacks=callbacks)
        trainers.append(trainer)
        used: list[float] = []
        trainer.create_optimizer()
        trainer.optimizer.register_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
        trainer.train(**resumed)
        return used, trainer

    trainers: list[Any] = []
    update = 4 if event == "on_optimizer_step" else 5  # before the Trainer counts the update
    callback = Halve(event, update, trainers if tells else [])

    used, trainer = trained([callback])

    changed = PLAN_TO_HALVE.scale(5, lr=0.5)
    expected = ps.trace(changed, {"lr": 1e-3}, total=20)["lr"].tolist()
    assert used == pytest.approx(expected[:20], rel=1e-12)
    assert trainer.lr_scheduler.t == 20

    again, _ = trained([], resume_from_checkpoint=str(tmp_path / "checkpoint-10"))
    assert trainer.lr_scheduler.plan == changed
    assert again == pytest.approx(ps.trace(PLAN_TO_HALVE, {"lr": 1e-3}, total=20)["lr"][10:20].tolist(), rel=1e-12)


@pytest.mark.parametrize("optim", ["adamw_torch", "adamw_torch_fused"])
def test_a_scheduler_beside_a_trainer_that_constructs_its_own_optimizer_is_reported(optim: str, tmp_path: Path) -> None:
    model = runs.Model()
    scheduler = ps.Scheduler(optimizer_of(model), "cosine()", total=100)
    args = runs.arguments(str(tmp_path), Case("transformers", 4), optim=optim, num_train_epochs=15)
    transformers.Trainer(model, args, train_dataset=runs.Rows()).train()

    assert diagnosis_of(scheduler._run).unmoved() is not None
