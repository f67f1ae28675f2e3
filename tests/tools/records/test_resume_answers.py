"""The report of a resume and the history of a run, line by line with the styles of a terminal.

Each question describes a checkpoint: the plan of the run, its groups and facts, and what else was saved. The answers
are in `resumes.yaml`. `PYTHONPATH=tests python tests/tools/records/test_resume_answers.py` writes them; read the diff.
"""

import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.base.terminal import Line, plain_text
from paramsched.tools.audit import read_plan_history
from paramsched.tools.records.checkpoint_files import load_checkpoint
from paramsched.tools.records.resume import predict_resume
from paramsched.tools.records.saved_run import read_saved_run
from support import answers
from support.records import with_record
from support.several import probes
from support.updates import probe

pytestmark = pytest.mark.filterwarnings("ignore")
FILE = Path(__file__).with_name("resumes.yaml")


def styled(lines: Iterable[Line]) -> list[str]:
    """Return lines with the style of each part in front of it."""
    return ["".join(f"<{style}>{text}" if style else text for text, style in line) for line in lines]


def save_run(question: dict[str, Any], file: Path) -> None:
    """Save the run of a question: each of its plans applies for some updates."""
    groups, names = question.get("groups", [{}]), question.get("optimizers")
    saved: dict[str, Any] = {}
    for text in question.get("plans", []):
        optimizers = probes(names, *groups) if names else {"optimizer": probe(*groups)}
        made = optimizers if names else optimizers["optimizer"]
        on_base = question.get("on_base", "checkpoint")
        scheduler = ps.Scheduler(made, ps.loads(text), on_base=on_base, **question.get("facts", {}))
        if saved:
            scheduler.load_state_dict(saved["scheduler"])
        for _ in range(question.get("updates", 3)):
            for optimizer in optimizers.values():
                optimizer.step()
        saved = {name: one.state_dict() for name, one in optimizers.items()}
        saved["scheduler"] = with_record(scheduler.state_dict(), **question.get("changed", {}))
        groups = question.get("new groups", groups)
    saved |= question.get("more", {})
    torch.save({name: one for name, one in saved.items() if name not in question.get("without", [])}, file)


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the report of the resume and the history of the run."""
    question = {key: value for key, value in question.items() if key not in ("report", "history")}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder, "last.pt")
        save_run(question, file)
        try:
            run = read_saved_run(load_checkpoint(file), **question.get("read", {}))
            plan, own = run.own_plan() if "resumed" not in question else (ps.loads(question["resumed"]), None)
            facts = own or ps.RunFacts(**question.get("resumed facts", question.get("facts", {})))
            times = facts if question.get("with times") else None
            report = predict_resume(run, plan, facts, compared_with=times, **question.get("options", {}))
            assert str(report) == "\n".join(one.rstrip() for one in plain_text(report.lines()).split("\n"))
            actual = styled(report.lines())
        except ps.errors.ParamschedError as error:
            actual = [f"{type(error).__name__}: {error}"]
        answer = question | {"report": [one.replace(f"{folder}/", "") for one in actual]}
        try:
            plans = read_plan_history(file)
        except ps.errors.ParamschedError as error:
            return answer | {"history": [f"{type(error).__name__}: {error}".replace(f"{folder}/", "")]}
    return answer | {"history": [line for one in plans for line in styled(one.lines())]}


@answers.in_parts(FILE, 4)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
