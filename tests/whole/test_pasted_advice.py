"""Each advice with code in the messages of the library is pasted where a recorded input causes it, or listed."""

import ast
import json
import re
import shlex
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner

import paramsched as ps
from paramsched import mmengine
from paramsched.base.problem import Problem
from paramsched.cli import main
from paramsched.compat import gradual_warmup, pytorch_accelerated
from paramsched.compat import torch as drop_ins
from paramsched.core.files import open_plan
from paramsched.core.schedules import Schedule
from paramsched.errors import ConfigError, MissingFact, ParamschedError
from support import answers
from support.pasting import LINE, in_data, is_code, offered, pasted

TESTS = Path(__file__).parents[1]
HOLE = "\ue000"
BEGINNING = re.compile(r"\b(For example:|[Ww]rite|[Uu]se|[Pp]ass|[Ss]et|[Cc]all|[Aa]dd) ")
REASONS = [  # a file of the source or an advice, and why the advice is not pasted
    (r'lr=0\.5, total="3 epochs"', "the call has another mistake"),
    (r"engines/|compat/pytorch_accelerated/placeholders|core/run/steps", "needs a training of another library"),
    (
        r"optimizer\.\ue000, plan|: type='SGD'$|AmpOptimWrapper', opt|\[scheduler\]|\"params\": params",
        "has an object of the user",
    ),
    (r"train_cfg=dict\(max_iters|Pass steps_per_epoch=", "simulates two million iterations"),
    (r"core/rules/", "a warning, whose line tests/core/rules pastes"),
    (r"ps\.load\(|\S\.(yaml|csv)|PATH|^Write paramsched \S+ \S+$|run_config=True", "needs a file of the user"),
    (r"fits the first value|\{\"t\": 0, |_delete_=True|resume=True|tokens_per_sample", "needs a file of the user"),
    (
        r"--(column|optimizer|at|base|group|import|used|run-config)\b|: lr=0\.1$",
        "has a name or number of a file of the user",
    ),
    (
        r"my_shape|restore=|ps\.loads\(text\)|consumed\(tokens=n\)|register_module\(force|ps\.curves\.register|"
        r"t\[:, None\]|1, 2, …|muon|MyHook|optimizer_|ps\.Target\(\"|float\(value\)|\ue000\(\) \* 0\.5|: float = 1\.0",
        "has a name of the user",
    ),
    (r"plan\.resolve\(\)\.bindings|plan\), which|figure\(trace\)|\(trace, |trace\[", "has an object of the user"),
    (
        r"write group=\"head\"|ps\.Values\(|\"8000 steps\"|lr=\"(cosine|warmup)| before optimizer",
        "is for another line of the user",
    ),
    (r"write it there: |self\(inputs\)|plan, t=\ue000|Use the base", "is for another line of the user"),
    (r"(?<!-)total=(20|100)$|facts=ps|amounts=\[|as a run fact", "is for an argument that the message does not name"),
    (
        r"load_state_dict|state_dict\(\)|checkpoint|on_base|on_change|detached|seek\(n\)|seek\(0\)\.|observe\(\ue000",
        "is a choice of the user",
    ),
    (
        r"\"(1/3|0\.5) steps\"|\"2 epochs\"|picture_format|\"100%\"|clock=\"tokens\"|Use \"cos\"",
        "is of a function inside the library",
    ),
    (r"--total 10_000", "is in a note of a command that does its work"),
    (r"\$\[1\]|field '1'.*For example: \"lr\"$", "is a name, which has no quotes in a file"),
    (
        r"got nan\. For example: 1|a list, not groups by name|Write \"20 epochs\"",
        "is written as in YAML, and the file is TOML",
    ),
    (r"like\(\"lr\"\): it still|sequence_length|batch_size=4096|of the run is unknown|\"1%\"", "is one of two changes"),
    (r"\"absolute\(3\)\"|reacts to a metric", "needs a length or an optimizer too"),
    (r"To draw its values|Draw into FILE|Write quotes around it", "is of a command, or of another line"),
]
SRC = TESTS.parent / "src" / "paramsched"
CALLS = Path(__file__).with_name("advised_calls.txt").read_text("utf-8").splitlines()
"""Wrong calls of the Scheduler, of drop-in classes and of `find_lr`, which the recorded lines do not have."""
COMMANDS = Path(__file__).with_name("advised_commands.txt").read_text("utf-8").splitlines()

Found = tuple[Problem, BaseException | None]


@dataclass(frozen=True)
class Situation:
    """An input, the problems of an input with their errors, and the inputs in which an advised text is pasted."""

    given: Any
    problems_of: Callable[[Any], list[Found]]
    pasted: Callable[[Any, str, Problem], Iterable[Any]]


def attached(line: str) -> dict[str, Any]:
    """Return a new optimizer for a line that uses one, with a Scheduler and a step of a training."""
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)

    def step() -> float:
        parameter.grad = parameter.detach().clone()
        optimizer.step()
        return parameter.item()

    uses_scheduler = "scheduler." in line and "scheduler :=" not in line
    scheduler = ps.Scheduler(optimizer, "cosine()", total=10) if uses_scheduler else None
    others = {"parameter": parameter, "train_dataloader": [0] * 10, "loss": 0.5, "times": [0], "values": [0.1]}
    return {"optimizer": optimizer, "scheduler": scheduler, "step": step, **others}


def line_in(own: dict[str, Any]) -> Callable[[str], Situation]:
    """Return a function that makes a situation of a line with these names, and with those that advice uses."""
    names = {**{name: getattr(ps, name) for name in ps.__all__}, **LINE, "ps": ps, "np": np, "torch": torch}
    names |= {"params": [], "epochs": 3, "loader": [0] * 10, "plan": ps.Plan(lr="cosine(over=9)")}
    names |= {"schedule": ps.cosine(over=9), **own}

    def objects_of(line: str) -> dict[str, Any]:
        """Return the plan and the schedule of a line."""
        actual = {}
        with suppress(SyntaxError, ValueError):
            for node in ast.walk(ast.parse(line.strip(), mode="eval")):
                with suppress(Exception):  # the wrong part
                    value = eval(ast.unparse(node), dict(names)) if isinstance(node, ast.Call) else None
                    actual |= {"plan": value} if isinstance(value, ps.Plan) else {}
                    actual |= {"schedule": value} if isinstance(value, Schedule) else {}
        return actual

    def situation(given: str) -> Situation:
        def problems_of(line: str) -> list[Found]:
            values = dict(names)
            if re.search(r"\b(plan|schedule)\b", line):
                values |= objects_of(given)
            if re.search(r"\b(optimizer|scheduler|parameter|loss)\b", line):
                values |= attached(line)
            try:
                with warnings.catch_warnings(record=True) as warned:
                    warnings.simplefilter("always")
                    eval(line, values)
                return [
                    (one.problem, one) for one in (entry.message for entry in warned) if isinstance(one, ps.PlanWarning)
                ]
            except ConfigError as error:
                return [(problem, error) for problem in error.problems]
            except Exception as error:  # noqa: BLE001  # a pasted text may cause any
                problem = error.problem if isinstance(error, ParamschedError) else Problem(found=str(error))
                text = problem.advice or problem.found
                return [(problem.changed(advice=text if BEGINNING.search(text) else ""), error)]

        return Situation(given, problems_of, lambda *rest: pasted(*rest, names))

    return situation


def lines() -> Iterator[Situation]:
    for file in sorted(TESTS.rglob("calls.yaml")):
        names: dict[str, Any] = {}
        exec(answers.read(file)[0]["imports"], names)
        yield from (line_in(names)(row["line"]) for row in answers.read(file) if "error" in row)
    for folder in ("core.time", "core.fields", "core.feedback", "core.plan"):
        module = import_module(f"{folder}.test_answers")
        names = vars(getattr(module, "fields", module)) | getattr(module, "NAMES", {})
        for row in answers.read(module.FILE):
            if "error" in row or re.match(r"\w+ PS\d+", row.get("is", "")):
                yield line_in(names)(row.get("line") or row["do"])
    for row in answers.read(TESTS / "core" / "schedules" / "answers.yaml"):
        if "error" in row:
            yield line_in({})(f"ps.resolve({row['line']!r}, facts=ps.RunFacts(**{row.get('run', {})!r}))")
    for text in (TESTS / "whole" / "records" / "lines.jsonl").read_text("utf-8").strip().split("\n"):
        yield line_in({})(f"ps.parse({json.loads(text)[0]!r})")
    names = {name: getattr(drop_ins, name) for name in drop_ins.__all__}
    names |= {"gradual": gradual_warmup, "accelerated": pytorch_accelerated, "mm": mmengine, "open_plan": open_plan}
    names |= {"simulate": mmengine.simulate, "LinearMomentum": mmengine.LinearMomentum}
    calls = [*import_module("base.test_errors").MISTAKES, *CALLS]
    yield from map(line_in(names), calls)


def plans() -> Iterator[Situation]:
    reader = line_in({"open_plan": open_plan})
    for row in answers.read(TESTS / "core" / "files" / "answers.yaml"):
        ((syntax, given),) = ((key, value) for key, value in row.items() if key not in ("plan", "problems"))
        given = yaml.safe_dump(given, sort_keys=False) if syntax == "data" else given
        yield reader(f"open_plan({given!r}, {'yaml' if syntax == 'data' else syntax!r}).loaded()")
    for text in (TESTS / "whole" / "records" / "plans.jsonl").read_text("utf-8").strip().split("\n"):
        yield reader(f"open_plan({yaml.safe_dump(json.loads(text)[0], sort_keys=False)!r}, 'yaml').loaded()")


def configs() -> Iterator[Situation]:
    # An import of this folder would import the library.
    runner = run_path(str(TESTS / "mmengine" / "runner" / "test_answers.py"))

    def problems_of(config: Any) -> list[Found]:
        try:
            return [(problem, None) for problem in runner["problems_in"](config)]
        except ParamschedError as error:
            return [(error.problem, error)]

    for row in answers.read(runner["FILE"]):
        yield Situation(runner["changed"](row), problems_of, in_data)


def commands() -> Iterator[Situation]:
    optimizer, schedulers = {"type": "SGD", "lr": 0.1}, {"type": "StepLR", "step_size": 3}
    loop = {"by_epoch": False, "max_iters": 9}
    config = {"optim_wrapper": {"optimizer": optimizer}, "param_scheduler": schedulers, "train_cfg": loop}

    def problems_of(line: str) -> list[Found]:
        with TemporaryDirectory() as folder, chdir(folder):
            Path("plan.yaml").write_text("lr: cosine()\n", "utf-8")
            Path("epochs.yaml").write_text("lr: step('3 epochs')\n", "utf-8")
            Path("config.json").write_text(json.dumps(config), "utf-8")
            Path("log.csv").write_text("step,lr\n0,0.1\n1,0.1\n", "utf-8")
            saved = attached("scheduler.")
            torch.save({name: saved[name].state_dict() for name in ("optimizer", "scheduler")}, "checkpoint.pt")
            result = CliRunner().invoke(main, shlex.split(line)[1:], prog_name="paramsched")
        text = result.stderr.partition("Error: ")[2].strip() if result.exit_code else ""
        return [(Problem(found=text, advice=text), None)] if text else []

    def pasted_in(line: str, text: str, _: Problem) -> Iterator[str]:
        words = shlex.split(line)
        if text.startswith("paramsched "):
            yield text
        for option in (one for one in shlex.split(text) if one.startswith("--")):
            place = words.index(option) if option in words else len(words)
            yield shlex.join([*words[:place], *shlex.split(text), *words[place + 2 :]])

    yield from (Situation(line, problems_of, pasted_in) for line in COMMANDS)


@cache
def literals() -> tuple[tuple[str, int, str], ...]:
    """Return the file, the line and the text of each advice with code in the source, with marks for inserted parts."""
    actual = []
    for file in sorted(SRC.rglob("*.py")):
        nodes = [*ast.walk(ast.parse(file.read_text("utf-8")))]
        others = {id(value) for node in nodes if isinstance(node, ast.JoinedStr) for value in node.values}
        others |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
        calls = [[*node.keywords] for node in nodes if isinstance(node, ast.Call)]
        # Where a fact is missing, the example is one of its value.
        calls = [words for words in calls if "fact" not in [word.arg for word in words]]
        examples = {id(word.value) for words in calls for word in words if word.arg == "example"}
        for node in nodes:
            text = "" if id(node) in others else _text(node)
            text = f"For example: {text}" if text and id(node) in examples else text
            codes = offered(text) if BEGINNING.search(text) else []
            if any(is_code(code.replace(HOLE, "x")) for code in codes):
                actual.append((str(file.relative_to(SRC)), node.lineno, text))
    return tuple(actual)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(HOLE if isinstance(value, ast.FormattedValue) else _text(value) for value in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def literals_of(problem: Problem, error: BaseException | None) -> set[tuple[str, int, str]]:
    """Return the literals that an advice can be from: those with most of its text, also in the files that raised it."""
    same = [literal for literal in literals() if _pattern(literal[2]).search(problem.advice)]
    names = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error and error.__traceback__)}
    found = set[tuple[str, int, str]]()
    for some in (same, [literal for literal in same if str(SRC / literal[0]) in names]):
        most = max((len(literal[2].replace(HOLE, "")) for literal in some), default=0)
        found |= {literal for literal in some if len(literal[2].replace(HOLE, "")) == most}
    return found


@cache
def _pattern(text: str) -> re.Pattern[str]:
    pattern = ".*?".join(map(re.escape, text.split(HOLE)))
    return re.compile(pattern if len(text.replace(HOLE, "")) > 15 else rf"(?:^|\. ){pattern}$", re.DOTALL)


def accepts(situation: Situation, before: list[Found], problem: Problem, text: str) -> bool:
    """Return whether an input is valid, lacks only a run fact, or has fewer problems once a text is pasted."""
    for new in situation.pasted(situation.given, text, problem):
        again = situation.problems_of(new)
        if not isinstance(before[0][1], Warning):
            again = [(other, error) for other, error in again if not isinstance(error, Warning)]
        is_mended = problem.found not in [other.found for other, _ in again]
        if is_mended and (len(again) < len(before) or all(isinstance(error, MissingFact) for _, error in again)):
            return True
    return False


def outcomes(kind: Callable[[], Iterator[Situation]]) -> tuple[set[tuple[str, int, str]], list[str]]:
    """Return the literals whose advice was accepted, and the messages whose advice was not."""
    accepted, refused, done = set[tuple[str, int, str]](), list[str](), set[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for situation in kind():
            before = situation.problems_of(situation.given)
            for problem, error in before:
                is_example = problem.advice.startswith("For example: ") and "…" not in problem.advice
                texts = [text for text in offered(problem.advice) if is_example or is_code(text)]
                if problem.message in done or not texts:
                    continue
                done.add(problem.message)
                if any(accepts(situation, before, problem, text) for text in texts):
                    accepted |= literals_of(problem, error)
                elif not reason_of(problem.message):
                    refused.append(f"{situation.given}: {problem}")
    return accepted, refused


def reason_of(advice: str, file: str = "") -> str:
    """Return why an advice is not pasted; "" if it is."""
    return next((reason for part, reason in REASONS if re.match(part, file) or re.search(part, advice)), "")


KINDS = (lines, plans, configs, commands)


def test_each_advice_is_accepted_where_it_is_pasted_or_listed(subtests: pytest.Subtests) -> None:
    pasted_ones = set[tuple[str, int, str]]()
    for kind in KINDS:
        with subtests.test(kind=kind.__name__):
            accepted, refused = outcomes(kind)
            pasted_ones |= accepted

            assert len(accepted) > 3
            assert refused == []

    left = [one for one in literals() if one not in pasted_ones and not reason_of(one[2], one[0])]
    assert left == []
