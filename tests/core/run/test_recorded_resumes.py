"""Resumes from checkpoints that an earlier version of the code wrote: the same values, states, entries and history.

`recorded_resumes.json` has the checkpoints, and a digest of what a run did after each resume, which has every bit.
The plans use sums and products only, whose bits are the same on every CPU. To record again:
`python tests/core/run/test_recorded_resumes.py`.
"""

import copy
import hashlib
import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

import paramsched as ps
from support.spread import every

FILE = Path(__file__).with_name("recorded_resumes.json")
UPDATES = (0, 1, 37, 120)
SOURCES = ("optimizer", "scheduler", "both")
LINE = "warmup(20) >> linear(1.0, 0.125, over=80) >> constant(0.125)"

# The plan, its run facts, the optimizers, and the plan of the code after the resume, if it is another one.
RUNS = {
    "updates": ({"lr": LINE, "weight_decay": "linear(0, 1)", "total": 150}, {}, ["sgd"], None),
    "groups": (
        {"lr": LINE, "groups": {"head": {"lr": "step(25, 0.5)", "momentum": "linear(1.0, 0.5)"}}, "total": 150},
        {}, ["two groups"], None,
    ),
    "changed": ({"lr": LINE, "total": 150}, {}, ["sgd"], {"lr": "linear(1.0, 0.25)", "total": 140}),
    "tokens": (
        {"lr": 'warmup("2000 tokens") >> linear(1.0, 0.0)', "betas[0]": "linear(1.0, 0.5)", "clock": "tokens",
         "total": "12000 tokens"},
        {"tokens_per_step": 96}, ["adam"], None,
    ),
    "metric": (
        {"lr": f'({LINE}) * plateau("loss", patience=2, factor=0.5)', "total": 150,
         "targets": {"mix": {"initial": 0.5, "schedule": 'linear(0, 1) * hold("loss", at=0.5, factor=2)'}}},
        {}, ["sgd"], None,
    ),
    "epochs by hand": (
        {"lr": 'warmup("1 epoch") >> step("2 epochs", 0.5)', "total": "12 epochs"},
        {"steps_per_epoch": 12, "drive": "manual"}, ["two groups"], None,
    ),
    "two": (
        {"lr": LINE, "groups": {"b": {"lr": "linear(1.0, 0.5)"}}, "total": 150,
         "targets": {"mix": {"initial": 2.0, "schedule": "linear(0, 1)"}}},
        {}, ["sgd", "two groups"], None,
    ),
    "two on tokens": (
        {"lr": 'warmup("2000 tokens") >> linear(1.0, 0.0)', "clock": "tokens", "total": "12000 tokens"},
        {"tokens_per_step": 96, "drive": "b"}, ["adam", "sgd"], None,
    ),
}  # fmt: skip


def optimizer_of(case):
    parameter = [torch.nn.Parameter(torch.ones(1))]
    if case == "adam":
        return torch.optim.AdamW(parameter, lr=0.25, betas=(0.75, 0.5))
    if case == "two groups":
        head = {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5, "name": "head"}
        return torch.optim.SGD([{"params": parameter, "name": "body"}, head], lr=0.25, momentum=0.75)
    return torch.optim.SGD(parameter, lr=0.25, weight_decay=0.125)


def started(name, *, later=False):
    plan, facts, cases, changed = RUNS[name]
    optimizers = {chr(97 + index): optimizer_of(case) for index, case in enumerate(cases)}
    read = ps.loads(json.dumps(changed if later and changed is not None else plan), "json")
    optimizer = optimizers if len(cases) > 1 else optimizers["a"]
    return optimizers, ps.Scheduler(optimizer, read, **facts)


def step(name, optimizers, scheduler, update):
    """Make one update; every fifth one reports its consumption, and a metric is observed after every third one."""
    if "tokens" in name and update % 5 == 0:
        scheduler.consumed(tokens=64 + update % 3)
    for optimizer in optimizers.values():
        optimizer.step()
    if RUNS[name][1].get("drive") == "manual":
        scheduler.step()
    if name == "metric" and update % 3 == 0:
        scheduler.observe(loss=(update % 11) / 8)


def entries_of(group):
    """Return the entries of a group; of a record its bases, because the plan is written at a save."""
    entries = {key: value for key, value in group.items() if key != "params"}
    return entries | {"paramsched": json.loads(group["paramsched"])["bases"]}


def seen(optimizers, scheduler):
    groups = {name: [entries_of(group) for group in optimizer.param_groups] for name, optimizer in optimizers.items()}
    states = {str(rule): asdict(state) for rule, state in scheduler.states.items()}
    return repr((scheduler.t, scheduler.amount, groups, states, scheduler.scalars()))


def history_of(scheduler):
    """Return the plans of a run, and the bases that a change replaced."""
    return repr(
        [entry[:3] + [detail["bases"] for detail in entry[3:] if "bases" in detail] for entry in scheduler.history]
    )


def checkpoint(optimizers, scheduler):
    groups = {name: optimizer.state_dict()["param_groups"] for name, optimizer in optimizers.items()}
    return {"optimizers": groups, "scheduler": scheduler.state_dict()}


def without_facts(saved):
    """Return a checkpoint whose history has no run facts: earlier versions recorded those of each plan."""
    records = [groups[0] for groups in saved["optimizers"].values()] + [saved["scheduler"]]
    for entries in records:
        record = json.loads(entries["paramsched"])
        for entry in record.get("history", []):
            for detail in entry[3:]:
                detail.pop("facts", None)
        record["history"] = [entry if len(entry) == 3 or entry[3] else entry[:3] for entry in record.get("history", [])]
        entries["paramsched"] = json.dumps(record)
    return saved


def checkpoints(name):
    """Return the checkpoints of an uninterrupted run, as JSON has them."""
    optimizers, scheduler = started(name)
    actual = {}
    for update in range(max(UPDATES) + 1):
        if update in UPDATES:
            actual[str(update)] = json.loads(json.dumps(checkpoint(optimizers, scheduler)))
        step(name, optimizers, scheduler, update)
    return actual


def digest_of_resume(name, saved, source):
    """Return a digest of what a run does in 60 updates after a resume, of its history, and of a jump after that."""
    optimizers, scheduler = started(name, later=True)
    if source != "scheduler":
        for label, optimizer in optimizers.items():
            groups = copy.deepcopy(saved["optimizers"][label])
            for group in groups:
                group.update({key: tuple(group[key]) for key in ("betas",) if key in group})
            optimizer.load_state_dict({"state": {}, "param_groups": groups})
    if source != "optimizer":
        scheduler.load_state_dict(copy.deepcopy(saved["scheduler"]))
    rows = [seen(optimizers, scheduler)]
    for _ in range(60):
        step(name, optimizers, scheduler, scheduler.t)
        rows.append(seen(optimizers, scheduler))
    rows += [history_of(scheduler), json.dumps(without_facts(checkpoint(optimizers, scheduler)))]
    scheduler.seek(23)
    rows.append(seen(optimizers, scheduler))
    step(name, optimizers, scheduler, 23)
    saved_again = without_facts(checkpoint(optimizers, scheduler))
    rows += [seen(optimizers, scheduler), history_of(scheduler), json.dumps(saved_again)]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def digests(name, saved):
    return {
        f"{update} {source}": digest_of_resume(name, saved[str(update)], source)
        for update in UPDATES
        for source in SOURCES
    }


@pytest.mark.parametrize("name", every(2, RUNS))
@pytest.mark.filterwarnings("ignore")
def test_a_resume_from_a_recorded_checkpoint_is_the_recorded_one(name):
    recorded = json.loads(FILE.read_text(encoding="utf-8"))[name]

    assert checkpoints(name) == recorded["checkpoints"]
    assert digests(name, recorded["checkpoints"]) == recorded["digests"]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    answers = {name: {"checkpoints": (saved := checkpoints(name)), "digests": digests(name, saved)} for name in RUNS}
    FILE.write_text(
        json.dumps(answers, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n", encoding="utf-8"
    )
