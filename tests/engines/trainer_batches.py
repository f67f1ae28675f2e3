"""A Trainer that records the samples of each forward pass, in one process or in each of several."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

import paramsched as ps
from engines.planned_batches import BY_SAMPLES, LENGTH, STAIRS, Killed, X
from paramsched.engines.transformers import planned

PLANS = {
    "samples": BY_SAMPLES,
    "updates": ps.Plan(
        STAIRS, ps.Binding(ps.Target("accumulation", 1), "stairs(1, 3, 2, over=10)"), lr="linear()", total=14
    ),
    "open": ps.Plan(STAIRS, lr="linear()"),
}


class Model(torch.nn.Module):
    """A line whose forward passes record their samples."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(3.0))
        self.seen: list[list[int]] = []

    def forward(self, index: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
        if self.training:
            self.seen.append(index.tolist())
        return {"loss": (self.w * X[index] - 1).square().mean()}


class Kill(TrainerCallback):
    def __init__(self, at: int) -> None:
        self.at = at

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.at:
            raise Killed


class Epochs(TrainerCallback):
    def __init__(self) -> None:
        self.epochs: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.epochs.append(state.epoch)


def trainer_of(folder: Path, plan: ps.Plan, callbacks: Any = (), *, kind: Any = Trainer, **options: Any) -> Any:
    model = Model()
    arguments = {
        "save_steps": 3, "logging_steps": 1, "report_to": [], "use_cpu": True, "disable_tqdm": True, "max_grad_norm": 0,
        "dataloader_num_workers": 0, "data_seed": 7, "remove_unused_columns": False, **options,
    }  # fmt: skip
    args = TrainingArguments(str(folder), **arguments)
    data = [{"index": index} for index in range(LENGTH)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return planned(kind, plan)(
        model, args, train_dataset=data, eval_dataset=data, optimizers=(optimizer, None), callbacks=list(callbacks)
    )


if __name__ == "__main__":  # in each process of torchrun
    folder, name, kill = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    trainer = trainer_of(folder / "run", PLANS[name], [Kill(kill)] if kill else ())
    with suppress(Killed):
        trainer.train(resume_from_checkpoint=bool(list((folder / "run").glob("checkpoint-*"))))
    found = {"seen": trainer.model.seen, "step": trainer.state.global_step, "w": trainer.model.w.item()}
    (folder / f"{'killed' if kill else 'whole'}-{trainer.args.process_index}.json").write_text(json.dumps(found))
