"""A long run and three branches of it: each cools down from a checkpoint, while the run itself goes on.

python examples/cooldown_branches/train.py [FOLDER]

So one run at a constant rate gives the models of four lengths of training. The plans of the branches are made of the
plan of the run, which is their past; they are written beside the checkpoints, and all of them into one picture.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import torch

import paramsched as ps

TRUNK = ps.load(Path(__file__).with_name("trunk.yaml"))
CHECKPOINTS = (400, 600, 800)
COOLDOWN = 100


def main(folder: Path) -> None:
    """Train the run, then its branches; write plans, checkpoints and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    ps.dump(TRUNK, folder / "trunk.yaml")
    losses = train(TRUNK, folder, checkpoints=CHECKPOINTS)
    plans = {"trunk": TRUNK}
    for at in CHECKPOINTS:
        name = f"at-{at}"
        plans[name] = TRUNK.cooldown(at, COOLDOWN)
        ps.dump(plans[name], folder / f"{name}.yaml")
        cooled = train(plans[name], folder, resume=folder / f"{at}.pt")
        end = at + COOLDOWN
        print(
            f"update {at}: loss {losses[at]:.4f};",
            f"cooled down at {end}: {cooled[end]:.4f},",
            f"while the run has {losses[end]:.4f}",
        )
    traces = {name: ps.trace(plan, new_model()[1]) for name, plan in plans.items()}
    picture = folder / "tree.svg"
    picture.write_text(ps.show.svg(ps.show.together(traces)), encoding="utf-8")
    print(picture)


def train(
    plan: ps.Plan, folder: Path, *, checkpoints: Iterable[int] = (), resume: Path | None = None
) -> dict[int, float]:
    """Train up to the horizon of a plan, from a checkpoint if one is given; the losses of the model by update."""
    model, optimizer = new_model()
    if resume is not None:
        saved = torch.load(resume, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    planned = ps.trace(plan, optimizer)
    scheduler = ps.Scheduler(optimizer, plan)  # goes on from the update of the checkpoint
    losses = {}
    for t in range(scheduler.t, planned.total + 1):
        if t % COOLDOWN == 0:
            losses[t] = loss_of(model, *batch(-1, size=2000, noise=0.0)).item()
        if t in checkpoints:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / f"{t}.pt")
        if t == planned.total:
            break
        assert all(optimizer.param_groups[0][name] == planned[name][t] for name in ("lr", "weight_decay"))
        loss_of(model, *batch(t)).backward()
        optimizer.step()  # the plan has moved; there is nothing to call
        optimizer.zero_grad()
    return losses


def new_model() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A small network, the same each time, and its optimizer."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    return model, torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=1e-2)


def batch(t: int, size: int = 16, noise: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """The data of an update: a made function with noise, which a high rate follows and a low one averages out."""
    generator = torch.Generator().manual_seed(t + 1)
    inputs = torch.rand(size, 2, generator=generator) * 2 - 1
    return inputs, torch.sin(3 * inputs.sum(1, keepdim=True)) + noise * torch.randn(size, 1, generator=generator)


def loss_of(model: torch.nn.Module, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """How far the model is from the data."""
    return torch.nn.functional.mse_loss(model(inputs), outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/cooldown_branches"))
