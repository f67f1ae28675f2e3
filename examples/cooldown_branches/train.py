"""Train a long run and three branches. Each branch cools down from a checkpoint; the run itself continues.

python examples/cooldown_branches/train.py [FOLDER]

A single run at a constant rate thus yields models for four training lengths. The plan of each branch is the plan of
the run with a cooldown. The plans are written next to the checkpoints, and one picture shows all of them.
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
    """Train the run and its branches; write plans, checkpoints and the picture."""
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
    picture.write_text(ps.show.svg(ps.show.together(traces, branches=True)), encoding="utf-8")
    print(picture)


def train(
    plan: ps.Plan, folder: Path, *, checkpoints: Iterable[int] = (), resume: Path | None = None
) -> dict[int, float]:
    """Train up to the total of `plan`, from the checkpoint `resume` if set. Return some losses by update."""
    model, optimizer = new_model()
    if resume is not None:
        saved = torch.load(resume, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    planned = ps.trace(plan, optimizer)
    scheduler = ps.Scheduler(optimizer, plan)  # continues from the checkpoint's update
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
        optimizer.step()  # the plan advances with the step: no scheduler.step()
        optimizer.zero_grad()
    return losses


def new_model() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """Return a small network with the same initial weights each time, and its optimizer."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    return model, torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=1e-2)


def batch(t: int, size: int = 16, noise: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the data of update `t`: a synthetic function with noise, which a low learning rate averages out."""
    generator = torch.Generator().manual_seed(t + 1)
    inputs = torch.rand(size, 2, generator=generator) * 2 - 1
    return inputs, torch.sin(3 * inputs.sum(1, keepdim=True)) + noise * torch.randn(size, 1, generator=generator)


def loss_of(model: torch.nn.Module, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the model."""
    return torch.nn.functional.mse_loss(model(inputs), outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/cooldown_branches"))
