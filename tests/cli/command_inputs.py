"""The files in the folder in which the recorded commands run."""

import io
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
import yaml

import paramsched as ps
from support.records import with_record

ANSWERS = Path(__file__).parents[1] / "cli" / "commands.yaml"
INPUTS = ANSWERS.with_name("command_inputs.yaml")


@cache
def inputs() -> dict[str, bytes]:
    """Return the content of each input, of checkpoints of one of the plans, and of logs."""
    texts = yaml.safe_load(INPUTS.read_text(encoding="utf-8"))
    actual = {name: text.encode() for name, text in texts.items()}
    optimizer = torch.optim.SGD(_parameters(), lr=0.1, weight_decay=0.01)
    scheduler = ps.Scheduler(optimizer, ps.loads(texts["simple.yaml"]))
    scheduler.seek(300)
    states = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    actual["checkpoint.pt"] = _saved(states)
    changed = ps.loads(texts["simple.yaml"].replace("to=0.1", "to=0.2"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the plan has changed
        changed_scheduler = ps.Scheduler(optimizer, changed)
        changed_scheduler.load_state_dict(states["scheduler"])
    changed_scheduler.seek(400)
    actual["changed.pt"] = _saved({"optimizer": optimizer.state_dict(), "scheduler": changed_scheduler.state_dict()})
    rebased = torch.optim.SGD(_parameters(), lr=0.2, weight_decay=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the plan and a base have changed
        other_base = ps.Scheduler(rebased, changed, on_base="code")
        other_base.load_state_dict(states["scheduler"])
    other_base.seek(350)
    actual["rebased.pt"] = _saved({"scheduler": other_base.state_dict()})
    actual["optimizer.pt"] = _saved({"optimizer": torch.optim.SGD(_parameters(), lr=0.1).state_dict()})
    actual["damaged.pt"] = _saved(states | {"scheduler": with_record(states["scheduler"], bases=5)})
    rates = [min(t / 20, 1.2 - t / 100) / 10 for t in range(60)] * 2
    actual["restarted.csv"] = "\n".join(["step,lr", *(f"{t},{rate:.6g}" for t, rate in enumerate(rates))]).encode()
    return actual


def _parameters() -> list[torch.Tensor]:
    return [torch.zeros(1, requires_grad=True)]


def _saved(states: Mapping[str, object]) -> bytes:
    file = io.BytesIO()
    torch.save(states, file)
    return file.getvalue()
