"""The files in the folder in which the recorded commands run."""

import io
import warnings
from functools import cache
from pathlib import Path

import torch
import yaml

import paramsched as ps

ANSWERS = Path(__file__).parents[1] / "cli" / "commands.yaml"
INPUTS = ANSWERS.with_name("command_inputs.yaml")


@cache
def inputs() -> dict[str, bytes]:
    """Return the content of each input, of two checkpoints of one of the plans, and of exported modules."""
    texts = yaml.safe_load(INPUTS.read_text(encoding="utf-8"))
    found = {name: text.encode() for name, text in texts.items()}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, weight_decay=0.01)
    scheduler = ps.Scheduler(optimizer, ps.loads(texts["simple.yaml"]))
    scheduler.seek(300)
    states = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    found["checkpoint.pt"] = _saved(states)
    changed = ps.loads(texts["simple.yaml"].replace("to=0.1", "to=0.2"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the plan has changed
        other = ps.Scheduler(optimizer, changed)
        other.load_state_dict(states["scheduler"])
    other.seek(400)
    found["changed.pt"] = _saved({"optimizer": optimizer.state_dict(), "scheduler": other.state_dict()})
    module = ps.to_python(ps.loads(texts["simple.yaml"]))
    found["exported.py"] = module.encode()
    found["altered.py"] = module.replace("0.9", "0.8", 1).encode()
    found["total.py"] = ps.to_python(ps.Plan(lr=ps.cosine()), ps.Calendar(total=50)).encode()
    return found


def _saved(states: dict[str, object]) -> bytes:
    file = io.BytesIO()
    torch.save(states, file)
    return file.getvalue()
