"""The code and the place of each problem of a config that a Runner reports before anything is written.

Each question is a change of a config that uses every entry: a dict from path to value, or the paths to remove. The
answers are in `answers.yaml`. `PYTHONPATH=tests python packages/runner/tests/test_answers.py` writes them anew.
"""

import copy
import inspect
from pathlib import Path
from typing import Any

import torch

import paramsched as ps
from paramsched.base.problem import Problem
from paramsched.files import ProblemCollector
from paramsched.mmengine.runner import DATASETS, METRICS, MODELS, Metric, Runner
from paramsched_runner.runner._parts import build_parts
from paramsched_runner.runner.runner import read_config
from support import answers

DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(Runner).parameters.items()
    if parameter.default is not parameter.empty
}


@MODELS.register_module(force=True)
class MyModel(torch.nn.Linear):
    def __init__(self, width):
        super().__init__(width, 1)


@DATASETS.register_module(force=True)
class MyData(list):
    pass


@METRICS.register_module(force=True)
class MyMetric(Metric):
    pass


FILE = Path(__file__).with_name("answers.yaml")
GOOD: dict[str, Any] = {
    "model": {"type": "MyModel", "width": 3},
    "custom_imports": {"imports": ["json"]},
    "work_dir": "never made",
    "train_dataloader": {"dataset": {"type": "MyData"}, "batch_size": 4, "sampler": {"type": "DefaultSampler"}},
    "train_cfg": {"by_epoch": True, "max_epochs": 3, "val_interval": 1},
    "val_dataloader": {"dataset": {"type": "MyData"}, "batch_size": 4},
    "val_cfg": {},
    "val_evaluator": [{"type": "MyMetric"}],
    "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}, "accumulative_counts": 2},
    "param_scheduler": [{"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "begin": 0, "end": 4}],
    "default_hooks": {"checkpoint": {"type": "CheckpointHook", "interval": 1}},
    "custom_hooks": [{"type": "LoggerHook", "interval": 3, "priority": "LOW"}],
    "auto_scale_lr": {"base_batch_size": 16},
    "randomness": {"seed": 1},
    "resume": False,
}


def changed(question: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    for path, value in question.get("set", {}).items():
        *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
        place = config
        for key in way:
            place = place[key]
        place[last] = copy.deepcopy(value)
    for name in question.get("without", ()):
        del config[name]
    return config


def problems_in(config: dict[str, Any], chosen: dict[str, Any] | None = None) -> list[Problem]:
    """Return the problems of a config that a Runner reports, with the arguments of a call that are not in it."""
    problems = ProblemCollector()
    try:
        arguments = read_config(config, inspect.signature(Runner), problems) | (chosen or {})
        try:
            build_parts(DEFAULTS | arguments)
        except ps.errors.ConfigError as error:
            for problem in error.problems:
                problems.report(problem.path, problem)
        problems.raise_any("Runner")
    except ps.errors.ConfigError as error:
        return [*error.problems]
    return []


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the problems that are reported."""
    answer = {key: question[key] for key in ("set", "without", "chosen") if key in question}
    try:
        problems = problems_in(changed(question), question.get("chosen"))
    except ps.errors.ParamschedError as error:
        return answer | {"error": type(error).__name__}
    return answer | ({"problems": [f"{problem.code} {problem.path}" for problem in problems]} if problems else {})


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
