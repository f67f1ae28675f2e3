"""A run that reports the tokens of each batch and saves after it. After a kill it resumes from its file."""

import sys
from pathlib import Path
from typing import Any

import torch

import paramsched as ps

BATCHES = 600
PLAN = ps.Plan(
    lr=ps.warmup("20_000 tokens") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5, over="1000 steps"),
    clock={"lr": "tokens"},
    horizon="80_000 tokens",
)


def train(folder: Path, batches: int = BATCHES) -> dict[str, Any]:
    """Train on batches of varying length, some of which overflow. Return the content of the last checkpoint.

    The checkpoint contains only the states of model and optimizer; the groups contain the position of the plan.
    """
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    file, kept = folder / "checkpoint.pt", {"batch": 0, "used": []}
    if file.exists():
        kept = torch.load(file, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
    for batch in range(kept["batch"], batches):
        rows = 1 + 7 * batch % 13
        inputs = torch.randn(rows, 4, generator=torch.Generator().manual_seed(batch))
        model(inputs).pow(2).mean().backward()
        scheduler.consumed(tokens=16 * rows)
        if batch % 17 != 5:  # the others are skipped as by a scaler; the next update counts their tokens
            kept["used"].append([scheduler.amount, optimizer.param_groups[0]["lr"]])
            optimizer.step()
        optimizer.zero_grad()
        kept |= {"batch": batch + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(kept, folder / "new.pt")
        (folder / "new.pt").replace(file)
    return kept


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
