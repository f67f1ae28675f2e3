"""Small runs, step by step: the values in the groups, and the codes, numbers and advised lines of all that is reported.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/whole/run/test_answers.py` writes them. An action
is a line of Python with the names of `Story.names`; "is" is what was found after it.
"""

import copy
import json
import logging
import os
import pickle
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch

import paramsched as ps
from paramsched.core.run import EngineHandle
from paramsched.errors import ParamschedError
from support import answers
from support.expressions import code_of, example_of, line_to_write
from support.records import KEY, record_in, with_record

FILE = Path(__file__).with_name("answers.yaml")
FIRST: dict[str, Any] = {"momentum": 0.5, "weight_decay": 0.25, "betas": (0.75, 0.5)}
"""The values of the optimizers; they are left out until another value is written."""
MOMENT = re.compile(r"20[23]\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\S*\d")


def optimizer_of(description: str) -> torch.optim.Optimizer:
    """Return an optimizer: `sgd`, `sgd 3` with three groups, `adam`, and `tensor sgd` with an lr that is a tensor."""
    name, _, number = description.removeprefix("tensor ").partition(" ")
    rate = torch.tensor(0.5, dtype=torch.float64) if description.startswith("tensor ") else 0.5
    groups: list[dict[str, Any]] = [
        {"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate / 2**place} for place in range(int(number or 1))
    ]
    for group, label in zip(groups, ("body", "head", "neck")[: len(groups) if len(groups) > 1 else 0], strict=False):
        group["name"] = label
    if name == "adam":
        defaults = {key: FIRST[key] for key in ("weight_decay", "betas")}
        return torch.optim.AdamW(groups, lr=0.5, foreach=False, **defaults)
    defaults = {key: FIRST[key] for key in ("momentum", "weight_decay")}
    return torch.optim.SGD(groups, lr=0.5, foreach=False, **defaults)


class Story:
    """A run, and what is found after each action."""

    def __init__(self, question: dict[str, Any], folder: Path) -> None:
        self.question = question
        self.file = folder / "plan.yaml"
        self.scheduler: Any = None
        self.written: list[float] = []
        self.names: dict[str, Any] = {"ps": ps, "torch": torch, "copy": copy, "pickle": pickle, "inf": float("inf")}
        self.names |= {"start": self.start, "job": self.job, "step": self.step, "result": None}
        self.names |= {"save": self.save, "load": self.load, "target": self.target}
        self.names |= {"change": self.change, "drop": self.drop, "train": self.train, "problems": self.problems}
        self.names |= {"file": str(self.file), "write": self.write}

    def job(self, optimizers: Any = None) -> None:
        """Begin a job with new optimizers, without a plan."""
        kinds = optimizers or self.question.get("optimizers", "sgd")
        if isinstance(kinds, str):
            self.optimizers = {"optimizer": optimizer_of(kinds)}
            self.names["optimizer"] = self.optimizers["optimizer"]
            self.names["groups"] = self.names["optimizer"].param_groups
        else:
            self.optimizers = {name: optimizer_of(description) for name, description in kinds.items()}
            self.names |= self.optimizers
        self.names["optimizers"] = self.optimizers

    def start(self, plan: Any = None, **options: Any) -> None:
        """Construct a Scheduler on the optimizers of the job."""
        all_options = self.question.get("options", {}) | options
        plan = self.question["plan"] if plan is None else plan
        several = "optimizer" not in self.optimizers
        self.scheduler = ps.Scheduler(self.optimizers if several else self.optimizers["optimizer"], plan, **all_options)
        self.names |= {"scheduler": self.scheduler, "handle": EngineHandle(self.scheduler)}

    def target(self, name: str = "mix", initial: float = 2.0) -> ps.Target:
        return ps.Target(name, initial, self.written.append)

    def write(self, text: str) -> None:
        """Write the file of a plan."""
        self.file.write_text(text, "utf-8")

    def step(self, times: int = 1, *names: str) -> None:
        for _ in range(times):
            for name in names or self.optimizers:
                self.optimizers[name].step()

    def train(self, times: int) -> None:
        """Write the parameters as other code would."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups * times:
                group["params"][0].detach().add_(1)

    def problems(self, **options: Any) -> list[str]:
        """Return what an engine reports at the end of a run."""
        reported = EngineHandle(self.scheduler).problems_of_end(unmoved_advice="Call step() 5 times", **options)
        return [self.facts_of(str(problem)) for problem in reported]

    def save(self) -> None:
        optimizer_states = [optimizer.state_dict() for optimizer in self.optimizers.values()]
        self.names["saved"] = copy.deepcopy((optimizer_states, self.scheduler.state_dict()))

    def load(self, owner: str = "both") -> None:
        optimizer_states, scheduler_state = copy.deepcopy(self.names["saved"])
        if owner in ("optimizer", "both"):
            for optimizer, state in zip(self.optimizers.values(), optimizer_states, strict=True):
                optimizer.load_state_dict(state)
        if owner in ("scheduler", "both"):
            self.scheduler.load_state_dict(scheduler_state)

    def change(self, state: str = "scheduler", **changes: Any) -> None:
        """Change the saved record in the state of the Scheduler or of the first optimizer."""
        optimizer_states, scheduler_state = self.names["saved"]
        if state == "scheduler":
            scheduler_state |= with_record(scheduler_state, **changes)
        else:
            optimizer_states[0] |= with_record(optimizer_states[0], **changes)

    def drop(self, key: str) -> None:
        """Remove an entry of the saved record in the state of the first optimizer."""
        optimizer_states, _ = self.names["saved"]
        group = optimizer_states[0]["param_groups"][0]
        record = record_in(group)
        record.pop(key, None)
        group[KEY] = json.dumps(record)

    def position(self) -> str:
        """Return the position and the values of all groups."""
        actual = []
        try:
            actual.append(f"t={self.scheduler.t} {_shown(self.scheduler.amount)}{' over' * self.scheduler.should_stop}")
        except (ParamschedError, AttributeError, RuntimeError) as error:
            actual.append(type(error).__name__)
        for optimizer in self.optimizers.values():
            for group in getattr(optimizer, "param_groups", ()):
                # Some versions of torch copy the tuple of betas.
                first = {key: FIRST[key] for key in ("momentum", "weight_decay", "betas") if key in group}
                moved = [
                    key
                    for key, value in first.items()
                    if group[key] is not value and (key != "betas" or group[key] != value)
                ]
                actual.append(" ".join(f"{key} {_shown(group[key])}" for key in ("lr", *moved) if key in group))
        if self.written:
            actual.append(f"written {_shown(self.written)}")
            self.written.clear()
        return " | ".join(actual)

    def act(self, action: str) -> str:
        """Do one action; return what is found after it."""
        records = _Records()
        logger = logging.getLogger("paramsched")
        logger.addHandler(records)
        actual = ""
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                try:
                    self.names["result"] = None
                    exec(action, self.names)
                except ParamschedError as error:
                    parts = [type(error).__name__, code_of(error), self.plain(example_of(error))]
                    actual = f" {' '.join(filter(None, parts))}"
                except Exception as error:  # noqa: BLE001  # torch words its errors in its own way
                    actual = f" {type(error).__name__}"
                result = self.names["result"]
        finally:
            logger.removeHandler(records)
        lines = [f" result {_shown(result)}"] if result is not None else []
        of_users = [warning.message for warning in warned if issubclass(warning.category, UserWarning)]
        lines += [f" warned {self.reported(warning)}" for warning in of_users]
        return (
            self.position() + actual + "".join([*lines, *(f" logged {self.facts_of(text)}" for text in records.texts)])
        )

    def plain(self, message: str) -> str:
        """Return a message without the moment and the folder of this run."""
        return MOMENT.sub("", message.replace(f"{self.file.parent}{os.sep}", ""))

    def reported(self, warning: Any) -> str:
        """Return the numbers and the code of a warning, and the line to write."""
        line = line_to_write(warning.problem.advice) if isinstance(warning, ps.PlanWarning) else ""
        return " ".join(filter(None, [self.facts_of(str(warning)), self.plain(line)]))

    def facts_of(self, message: str) -> str:
        return answers.facts_of(self.plain(message))


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _shown(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return _shown(value.tolist()) + "t"
    if isinstance(value, (tuple, list)):
        return "/".join(map(_shown, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={_shown(element)}" for key, element in value.items())
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a run with what is found after each action."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(question, Path(folder))
        story.job()
        done = [{"do": action["do"], "is": story.act(action["do"])} for action in question["run"]]
    return {**question, "run": done}


@answers.in_parts(FILE, 1)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
