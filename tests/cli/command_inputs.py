"""The files in the folder in which the recorded commands run."""

import io
import json
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
    actual = {name: text.encode() for name, text in (texts | _logs(texts["log.csv"])).items()}
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
    return actual


def _logs(log: str) -> dict[str, str]:
    """Return logs of runs; `faulty.csv` is `log` with half of the planned rate from update 500 on."""
    header, *rows = log.splitlines()
    faulty = [header]
    for row in rows:
        step, rate, loss = row.split(",")
        faulty.append(row if int(step) < 500 else f"{step},{float(rate) / 2},{loss}")
    values = []
    for t in range(40):
        group = {"lr": 0.1 * (t / 100), "weight_decay": 0.01 * (0.5 + 0.5 * (1 - t / 1000))}
        values.append(json.dumps({"t": t, "groups": [group]}))
    restarted = [min(t / 20, 1.2 - t / 100) / 10 for t in range(60)] * 2
    lines = {
        "faulty.csv": faulty,
        "values.jsonl": values,
        "tokens.jsonl": [
            json.dumps({"step": t, "tokens": 1000 * t, "lr": 0.1 * (min(t, 200) / 200)}) for t in range(0, 300, 20)
        ],
        "rates.log": [
            "loading",
            *(f"iter {t}: loss {3 - t / 20:.4f}, lr {0.1 - t / 200:.6f}" for t in range(20)),
            "done",
        ],
        "groups.csv": [
            "step,lr/body,lr/head,loss",
            *(f"{t},{0.1 * 0.5 ** (t // 5)},0.05,{2 - t / 20}" for t in range(20)),
        ],
    }
    logs = {name: "\n".join(texts) + "\n" for name, texts in lines.items()}
    logs["restarted.csv"] = "\n".join(["step,lr", *(f"{t},{rate:.6g}" for t, rate in enumerate(restarted))])
    return logs


def _parameters() -> list[torch.Tensor]:
    return [torch.zeros(1, requires_grad=True)]


def _saved(states: Mapping[str, object]) -> bytes:
    file = io.BytesIO()
    torch.save(states, file)
    return file.getvalue()
