"""What is found in a log: the schedule that it follows, or the cause of its difference from a plan.

Each question describes a log: the plan of the run, and what was different. The answers are in `answers.yaml`.
`PYTHONPATH=tests python tests/tools/audit/test_answers.py` writes them; read the diff.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.audit import compare_with_plan, read_log
from support import answers

FILE = Path(__file__).with_name("answers.yaml")


def log_of(question: dict[str, Any]) -> list[tuple[int, Any]]:
    """Return the rows of a log: the updates, and the values as the log writes them.

    Args:
        question: `plan` and `facts` of the run, its `base`, `clock`, an expression in the update t, and `edit`, one in
            t and the value v; `rows` is a slice of the updates, and `form` a format of the values.
    """
    calendar = ps.Calendar(**question.get("facts", {"total": 300}))
    schedule = ps.Plan(lr=question["plan"]).resolve(calendar).bindings[0].schedule
    t = np.arange(*question.get("rows", [300]))
    known = {"np": np, "t": t}
    v = schedule(eval(question.get("clock", "t"), known), base=question.get("base", 0.02))  # ours
    v = eval(question.get("edit", "v"), known | {"v": v})  # ours
    form = question.get("form", "r")
    texts = [repr(one) if form == "r" else f"{one:{form}}" for one in v.tolist()]
    return list(zip((t + question.get("first", 0)).tolist(), texts, strict=True))


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the lines that the audit prints."""
    question = {key: value for key, value in question.items() if key != "found"}
    rows = log_of(question)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "log.jsonl")
        if "history" in question:
            file = Path(folder, "trainer_state.json")
            history = [{"step": t, "learning_rate": float(value)} for t, value in rows]
            file.write_text(json.dumps({"log_history": history, **question["history"]}))
        else:
            time = question.get("time", "step")
            file.write_text("\n".join(f'{{"{time}": {t}, "lr": {value}}}' for t, value in rows))
        plan = ps.Plan(lr=question["against"], horizon=question.get("horizon"))
        bases = {("lr", None): question["known"]} if "known" in question else None
        calendar = ps.Calendar(**question.get("known facts", question.get("facts", {"total": 300})))
        processes = question.get("processes")
        try:
            found = str(compare_with_plan(read_log(file, ["lr"]), plan, calendar, bases=bases, processes=processes))
        except InvalidArgument as refusal:
            found = str(refusal).replace(str(file), file.name)
    return {**question, "found": found.splitlines()}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
