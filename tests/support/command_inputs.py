"""The files in the folder in which the recorded commands run."""

import io
from functools import cache
from pathlib import Path

import torch
import yaml

import paramsched as ps

ANSWERS = Path(__file__).parents[1] / "cli" / "commands.yaml"
INPUTS = ANSWERS.with_name("command_inputs.yaml")


@cache
def inputs() -> dict[str, bytes]:
    """Return the content of each input, and of a checkpoint at update 300 of one of the plans."""
    texts = yaml.safe_load(INPUTS.read_text(encoding="utf-8"))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, weight_decay=0.01)
    scheduler = ps.Scheduler(optimizer, ps.loads(texts["simple.yaml"]))
    scheduler.seek(300)
    checkpoint = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, checkpoint)
    return {name: text.encode() for name, text in texts.items()} | {"checkpoint.pt": checkpoint.getvalue()}
