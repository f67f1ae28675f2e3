"""What is read from a log: its columns, what counts its time, the notes, and the plan with its values; or the error.

The answers are in `logs.yaml`. `PYTHONPATH=tests python tests/tools/audit/test_log_answers.py` writes them anew.
"""

import tempfile
from pathlib import Path
from typing import Any

import paramsched as ps
from paramsched.tools.audit import AmountColumn, plan_from_log, read_log, read_metrics
from support import answers

FILE = Path(__file__).with_name("logs.yaml")
FIELDS = ("lr", "weight_decay", "momentum", "betas[0]")


def column_text(one: Any) -> str:
    place = f", place {one.place:.3g}" if one.place else ""
    tolerance = f", tolerance {one.tolerance:g}"
    pairs = " ".join(f"{t}:{value!r}" for t, value in zip(one.t.tolist(), one.values.tolist(), strict=True))
    return f"{one.field} of {one.group}, {one.digits} digits{place}{tolerance}: {pairs}"


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with what is read from its log."""
    answer = {key: question[key] for key in ("file", "log", "read", "plan") if key in question}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, question["file"])
        file.write_text(question["log"])

        def plan() -> str:
            return str(plan_from_log(file, **question.get("plan", {})))

        def metrics() -> list[str]:
            return [f"{one.name} {one.t.tolist()} {one.values.tolist()}" for one in read_metrics(file)]

        try:
            given = dict(question.get("read", {}))
            amount = AmountColumn(*given.pop("amount", ()))
            found = read_log(file, given.pop("fields", FIELDS), amount=amount, **given)
            counted = f"{found.unit}{', from 1' * found.from_one}, length {found.length}, groups {found.names}"
            answer["found"] = [*map(column_text, found.columns), counted, *found.notes]
            if found.amounts is not None:
                answer["found"] += [f"amounts {found.amounts.t.tolist()} {found.amounts.amounts.tolist()}"]
        except ps.ParamschedError as error:
            answer["found"] = [f"{type(error).__name__}: {error}".replace(f"{folder}/", "")]
        for name, read in (
            ("as plan", lambda: str(plan_from_log(file, **question.get("plan", {})))),
            ("metrics", metrics),
        ):
            try:
                answer[name] = read()
            except ps.ParamschedError as error:
                answer[name] = f"{type(error).__name__}: {error}".replace(f"{folder}/", "")
    return {key: value for key, value in answer.items() if value != []}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
