"""What pictures show: their whole text in a terminal, and the elements of their SVG with the ends of each curve.

The pictures are in `drawn.yaml`. `PYTHONPATH=tests python tests/show/test_drawn_pictures.py` draws them anew;
look at the diff.
"""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

import paramsched as ps
from paramsched import show
from support import answers

FILE = Path(__file__).with_name("drawn.yaml")


def curves_of(plan: str, question: dict[str, Any]) -> Any:
    base = question.get("base", {"lr": 0.1})
    return ps.trace(ps.loads(plan), base, ps.Calendar(**question.get("facts", {})))


def run_of(name: str, run: dict[str, Any], trace: Any) -> show.LoggedRun:
    """Return a run that used the values of a trace, except some, and the metrics that it logged."""
    used = {}
    for field, others in run.get("used", {}).items():
        values = np.array(trace[field], dtype=float)[: run.get("ends", trace.total)]
        values[list(others)] = list(others.values())
        used[field, trace.keys()[0][1]] = (np.arange(values.size), values)
    measured = {metric: (list(points), list(points.values())) for metric, points in run.get("measured", {}).items()}
    return show.LoggedRun(name, used=used, measured=measured)


def outline(svg: str) -> str:
    """Return a line for each element of an SVG: of a path, only its ends and the number of its points."""

    def shortened(path: str) -> str:
        points = re.findall(r"[MLHV][^MLHV]*", path)
        return (
            path
            if len(points) < 6 or path[0] != "M"
            else f"{' '.join(points[:2])} … {' '.join(points[-2:])} ({len(points)})"
        )

    lines = []
    for element in ET.fromstring(svg).iter():
        kind = element.tag.rpartition("}")[2]
        if kind != "style":
            settings = [f"{key}={shortened(value)}" for key, value in element.items() if not key.startswith("{")]
            lines.append(" ".join([kind, *settings, (element.text or "").strip()]).strip())
    return "\n".join(lines)


def drawn(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with its picture."""
    if question["as"] == "loss":
        settings = {key: question[key] for key in ("marks", "width", "ascii")}
        rates = np.geomspace(*question["rates"], len(question["losses"]))
        return question | {"text": show.loss_by_rate(rates, np.array(question["losses"]), **settings)}
    plans = {name: curves_of(plan, question) for name, plan in question["plans"].items()}
    first = next(iter(plans.values()))
    options = {"log": [run_of(name, run, first) for name, run in question.get("runs", {}).items()] or None}
    trace = first if len(plans) == 1 or "other" in plans else show.together(plans)
    options |= {"other": plans.get("other"), "view": show.View(**question.get("view", {}))}
    size = question.get("size", {})
    answer = {key: value for key, value in question.items() if key not in ("text", "svg")}
    if question["as"] == "text":
        return answer | {"text": show.text(trace, **size, **options)}
    return answer | {"svg": outline(show.svg(trace, **size, **options))}


def test_pictures(subtests):
    answers.check(FILE, drawn, subtests)


if __name__ == "__main__":
    answers.write(FILE, [drawn(question) for question in answers.read(FILE)])
