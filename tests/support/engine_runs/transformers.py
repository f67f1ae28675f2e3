"""Hugging Face Trainer: the adapter's class, or the pair of optimizer and scheduler."""

import tempfile
from typing import Any

import torch
from transformers import Trainer, TrainingArguments
from transformers.utils import logging

import paramsched as ps
from paramsched.engines.transformers import planned
from support.engine_runs.harness import (
    BATCH,
    PLAN,
    Case,
    Numbers,
    Run,
    Tiny,
    Used,
    batches_of_a_process,
    epochs_of,
    loader_of,
    optimizer_of,
    optimizers_of,
    plan_of,
    recorded,
    result,
    scaler,
    tokens_of_batch,
    updates,
)

logging.set_verbosity_error()


class Model(torch.nn.Module):
    """A model for the Trainer: its forward returns the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Tiny()

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        predicted = self.net(x)
        return {"loss": torch.nn.functional.mse_loss(predicted, labels), "logits": predicted}


class Rows(Numbers):
    """The samples of `Numbers` as dicts."""

    def __getitem__(self, index: int) -> Any:
        x, y = super().__getitem__(index)
        return {"x": x, "labels": y}


class Both(torch.optim.Optimizer):
    """An optimizer of a user that steps several: it has their groups and their state."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__(
            [parameter for optimizer in parts for group in optimizer.param_groups for parameter in group["params"]], {}
        )
        self.param_groups = [group for optimizer in parts for group in optimizer.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as the Trainer calls it
        for optimizer in self.parts:
            optimizer.step()


class Ordered(Trainer):
    """A Trainer that uses the batches of a ramp in order."""

    def get_train_dataloader(self) -> Any:
        if not isinstance(self.train_dataset, Ramped):
            return super().get_train_dataloader()
        return self.accelerator.prepare(loader_of(Case("transformers", clock="ramp"), self.train_dataset))


class Ramped(Rows):
    """The rows of a ramp."""


def arguments(folder: str, case: Case, **keywords: Any) -> TrainingArguments:
    return TrainingArguments(
        folder,
        use_cpu=True,
        per_device_train_batch_size=BATCH,
        max_grad_norm=0.0,
        report_to=[],
        disable_tqdm=True,
        **{
            "num_train_epochs": epochs_of(case),
            "save_strategy": "no",
            "logging_strategy": "no",
            "gradient_accumulation_steps": case.accumulation,
            **keywords,
        },
    )


def trainer_of(case: Case, args: TrainingArguments, total: int, **keywords: Any) -> tuple[Trainer, list[list[float]]]:
    """Return a Trainer with the plan, and the list of values that its optimizer uses."""
    model = Model()
    optimizer = optimizer_of(model)
    pair = (optimizer, ps.Scheduler(optimizer, PLAN, total=total)) if case.variant == "pair" else (optimizer, None)
    trainer_class = (
        Trainer
        if case.variant == "pair"
        else planned(Ordered, plan_of(case), amount_of=tokens_of_batch if case.clock == "tokens" else None)
    )
    trainer = trainer_class(
        model=model,
        args=args,
        train_dataset=(Ramped if case.clock == "ramp" else Rows)(case.overflow),
        optimizers=pair,
        **keywords,
    )
    return trainer, recorded(optimizer)


def planned_trainer(plan: Any, folder: Any, base: type[Any] = Trainer, how: Any = None, **keywords: Any) -> Any:
    """Return a Trainer of a class with a plan, whose `used` has the values of each update.

    `how` has the options of `planned`; the keywords are those of the Trainer and of its arguments.
    """
    names = ("model", "callbacks", "optimizers", "train_dataset")
    chosen = {name: keywords.pop(name) for name in names if name in keywords}
    model = chosen.pop("model", None) or Model()
    rows = Rows()
    args = arguments(str(folder), Case("transformers"), **keywords)
    parts = {"train_dataset": rows, "eval_dataset": rows, "optimizers": (optimizer_of(model), None), **chosen}
    trainer = planned(base, plan, **(how or {}))(model=model, args=args, **parts)
    if trainer.optimizer is not None:
        trainer.used = recorded(trainer.optimizer)
    return trainer


def two_optimizers(case: Case, args: TrainingArguments, total: int) -> tuple[Trainer, Used]:
    """Return a Trainer with an optimizer that steps two, which one plan drives."""
    model = Model()
    optimizers = optimizers_of(model)
    ps.Scheduler(optimizers, PLAN, total=total)
    both = Both(*optimizers.values())
    constant = torch.optim.lr_scheduler.LambdaLR(torch.optim.SGD(model.parameters(), lr=0.1), lambda _: 1.0)
    trainer = Trainer(model=model, args=args, train_dataset=Rows(case.overflow), optimizers=(both, constant))
    return trainer, recorded(*optimizers.values())


def train(case: Case) -> Run:
    total = updates(batches_of_a_process(), case)
    with tempfile.TemporaryDirectory() as folder:
        args = arguments(folder, case)
        trainer, used = (two_optimizers if case.variant == "two" else trainer_of)(case, args, total)
        if case.overflow:
            trainer.accelerator.scaler = scaler()  # because fp16=True creates one only on a GPU
        trainer.train()
    return result(used, case, total)
