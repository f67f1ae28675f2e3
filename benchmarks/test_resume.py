"""What `paramsched resume` costs, compared with `paramsched resume --history`; most of both is the import of torch."""

import os
import subprocess
import sys
from statistics import median

import torch

import paramsched as ps

ROUNDS = 5


def test_a_dry_run(report, tmp_path):
    parameters = [torch.nn.Parameter(torch.zeros(256, 256)) for _ in range(100)]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.1), total=10_000))
    for one in parameters:
        one.grad = torch.ones_like(one)
    optimizer.step()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")
    (tmp_path / "new.yaml").write_text("total: 9000\nlr: warmup('5%') >> cosine(to=0.1)\n")
    spent: dict[str, list[float]] = {"history": [], "resume": []}
    for _ in range(ROUNDS):
        for what, options in (("history", ["--history"]), ("resume", ["--plan", str(tmp_path / "new.yaml")])):
            start = _children()
            call = [sys.executable, "-m", "paramsched", "resume", str(tmp_path / "last.pt"), *options]
            subprocess.run(call, check=False, capture_output=True)
            spent[what].append((_children() - start) * 1e3)

    name = "paramsched resume with a new plan, vs history"
    report(name, median(spent["resume"]), median(spent["history"]), target=1.5, unit="ms")


def _children() -> float:
    """Return the processor time of the finished child processes, in seconds."""
    spent = os.times()
    return spent.children_user + spent.children_system
