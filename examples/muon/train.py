"""Muon for the matrices, AdamW for the rest, and one plan for both. A killed run continues exactly.

python examples/muon/train.py --output runs/muon     train, or continue the run in this folder
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

import paramsched as ps

sys.path.append(str(Path(__file__).parents[1] / "digits"))  # the data of the other example
import digits

CHECKPOINT_EVERY = 10  # updates


def network() -> nn.Sequential:
    """Return a small network whose hidden layers are matrices."""
    hidden = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1)]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, 10))


def optimizers_of(model: nn.Sequential) -> dict[str, torch.optim.Optimizer]:
    """Return Muon for the hidden matrices, as its authors recommend, and AdamW for the head and the biases."""
    head = model[-1].weight
    matrices = [one for one in model.parameters() if one.ndim == 2 and one is not head]
    biases = [one for one in model.parameters() if one.ndim == 1]
    groups = [{"params": [head], "name": "head"}, {"params": biases, "name": "biases", "weight_decay": 0.0}]
    return {
        "muon": torch.optim.Muon(matrices, lr=0.02, weight_decay=0.01),
        "adamw": torch.optim.AdamW(groups, lr=3e-3, weight_decay=0.01),
    }


def main() -> None:
    """Train to the end of the plan, from the last checkpoint if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/muon"))
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batches, images, labels = digits.load()
    model = network()
    optimizers = optimizers_of(model)
    plan = ps.load(Path(__file__).with_name("plan.yaml"))
    scheduler = ps.Scheduler(optimizers, plan, steps_per_epoch=len(batches))
    trace = ps.trace(plan, optimizers, facts=scheduler.facts)
    lines: list[str] = []
    if (folder / "checkpoint.pt").exists():
        lines = load(folder, model, optimizers)
        print(f"resumed at update {scheduler.t}")
    for t in range(scheduler.t, trace.total):
        inputs, wanted = batches.at(t)
        nn.functional.cross_entropy(model(inputs), wanted).backward()
        lines.append(json.dumps({"step": t, **scheduler.scalars("coming")}))
        for optimizer in optimizers.values():
            optimizer.step()
            optimizer.zero_grad()
        if (t + 1) % CHECKPOINT_EVERY == 0 or t + 1 == trace.total:
            save(folder, model, optimizers, lines)
    (folder / "values.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    model.eval()
    accuracy = (model(images).argmax(1) == labels).float().mean().item()
    print(f"accuracy {accuracy:.1%} after {scheduler.t} updates")
    print(f"last values: {scheduler.scalars()}")


def save(folder: Path, model: nn.Module, optimizers: dict[str, torch.optim.Optimizer], lines: list[str]) -> None:
    """Replace the checkpoint by a complete new one. The optimizers' own states contain the position of the plan."""
    state = {
        "model": model.state_dict(),
        "optimizers": {name: one.state_dict() for name, one in optimizers.items()},
        "random": torch.get_rng_state(),
        "lines": lines,
    }
    torch.save(state, folder / "checkpoint.tmp")
    (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")


def load(folder: Path, model: nn.Module, optimizers: dict[str, torch.optim.Optimizer]) -> list[str]:
    """Load the checkpoint, and return the log up to it."""
    state: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    model.load_state_dict(state["model"])
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    torch.set_rng_state(state["random"])
    return list(state["lines"])


if __name__ == "__main__":
    main()
