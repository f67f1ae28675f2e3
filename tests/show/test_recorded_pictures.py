"""What pictures show: their text in a terminal, the elements of their SVG and page, and the lines on Matplotlib's axes.

Of each curve, only its ends and the number of its points are shown.

The pictures are in `pictures.yaml`. `PYTHONPATH=tests python tests/show/test_recorded_pictures.py` draws them anew;
look at the diff.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_hex

import paramsched as ps
from paramsched import show
from paramsched.base import VERSION
from paramsched.show.plan_curves import curves_of_plan
from support import answers, calls

FILE = Path(__file__).with_name("pictures.yaml")


def curves_of(plan: Any, question: dict[str, Any]) -> Any:
    if isinstance(plan, dict):  # from a curve's name to its values
        values = {tuple(name.split("/")): values_of(values) for name, values in plan.items()}
        return show.curves_from_values(values, **question.get("facts", {}))
    if question.get("base", "") is None:
        return curves_of_plan(ps.loads(plan), None, ps.RunFacts(**question.get("facts", {})))[0]
    base = question.get("base", {"lr": 0.1})
    return ps.trace(ps.loads(plan), base, facts=ps.RunFacts(**question.get("facts", {})))


def values_of(values: Any) -> Any:
    """Return the values of a curve; a text is an expression of NumPy."""
    return eval(values, {"np": np}) if isinstance(values, str) else values


def run_of(name: str, run: dict[str, Any], trace: Any) -> show.LoggedRun:
    """Return a run that used the values of a trace, except some, and the metrics that it logged."""
    used = {}
    for field, changed in run.get("used", {}).items():
        values = np.array(trace[field], dtype=float)[: run.get("ends", trace.total)]
        values[list(changed)] = list(changed.values())
        used[field, trace.keys()[0][1]] = (np.arange(values.size), values)
    measured = {metric: (list(points), list(points.values())) for metric, points in run.get("measured", {}).items()}
    return show.LoggedRun(name, used, measured, run.get("together", {}), run.get("tolerance", 0.0))


def shortened(path: str) -> str:
    points = re.findall(r"[MLHV][^MLHV]*", path)
    return (
        path
        if len(points) < 6 or path[0] != "M"
        else f"{' '.join(points[:2])} … {' '.join(points[-2:])} ({len(points)})"
    )


AXES = ("ps-values", "ps-time")
"""The classes of the groups of an SVG that contain the ticks of an axis: a line of the grid and a label for each."""


def outline(svg: str) -> str:
    """Return a line for each element of an SVG, and one for all ticks of an axis."""
    lines: list[str] = []

    def add(element: ET.Element, separator: str) -> None:
        tag = element.tag.rpartition("}")[2]
        if tag != "style":
            settings = [f"{key}={shortened(value)}" for key, value in element.items() if not key.startswith("{")]
            lines.append(separator + " ".join([tag, *settings, (element.text or "").strip()]).strip())
        for child in element:
            add(child, ", " if element.get("class") in AXES else "\n")

    add(ET.fromstring(svg), "")
    return without_constants("".join(lines))


def without_constants(axes: str) -> str:
    """Return the lines without what is equal in all ticks."""
    for constant in ("class=ps-grid style=stroke-width:1 ", "class=ps-dim ps-y ", "class=ps-dim ps-x "):
        axes = axes.replace(f", path {constant}", ", ").replace(f", text {constant}", ", ")
    return axes


class Outline(HTMLParser):
    """A line for each element and each text of a page, and one for all ticks of an axis."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.is_axis = False
        self.feed(re.sub("<style>.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL))

    def add(self, text: str) -> None:
        if self.is_axis:
            self.lines[-1] += f", {text}"
        else:
            self.lines.append(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.add(" ".join([tag, *(f"{key}={shortened(value or '')}" for key, value in attrs)]))
        self.is_axis = self.is_axis or dict(attrs).get("class") in AXES

    def handle_endtag(self, tag: str) -> None:
        self.is_axis = self.is_axis and tag != "g"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.add(data.strip())


def data_of(page: str) -> str:
    """Return the numbers of a page: a line for each entry, and for each curve and other entry of a panel."""
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    entries = [(key, value) for key, value in data.items() if key != "panels"]
    entries += [
        (f"panel {number} {key}", value) for number, panel in enumerate(data["panels"]) for key, value in panel.items()
    ]
    return "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries)


def lines_on_axes(all_axes: Any) -> str:
    """Return a line for each text, curve, mark and span on Matplotlib's axes."""

    def numbers(values: Any) -> str:
        return " ".join(f"{value:.6g}" for value in np.ravel(values).tolist())

    lines = []
    for ax in all_axes:
        lines += [f"axes {ax.get_ylabel()} {ax.get_yscale()} {numbers(ax.get_xlim())} {numbers(ax.get_ylim())}"]
        lines += [f"times of {sum(ax.get_shared_x_axes().joined(ax, shared) for shared in all_axes)} axes"] * (
            ax is all_axes[0]
        )
        lines += [f"grid {axis.axis_name}" for axis in (ax.xaxis, ax.yaxis) if axis.get_gridlines()[0].get_visible()]
        lines += [f"below {ax.get_xlabel()}"] * bool(ax.get_xlabel())
        lines += [f"above {axis.get_xlabel()}" for axis in ax.child_axes]
        lines += [f"title {row}" for row in ax.get_title(loc="left").splitlines()]
        for curve in ax.get_lines():
            x = curve.get_xdata()
            y = curve.get_ydata()
            color = curve.get_color()
            color = color if isinstance(color, str) else to_hex(color)  # NumPy prints its floats in other forms
            style = f"{color} {curve.get_linewidth():g} {curve.get_linestyle()} {curve.get_alpha()} {curve.zorder}"
            ends = f"{numbers(x[:2])} … {numbers(x[-2:])}: {numbers(y[:2])} … {numbers(y[-2:])} ({len(x)})"
            lines += [f"line {curve.get_label()} {style} {curve.get_drawstyle()} {curve.get_marker()} {ends}"]
        for patch in ax.patches:
            lines += [
                f"span {numbers(patch.get_window_extent().get_points())} {patch.get_linewidth():g} {patch.zorder}"
            ]
        if (legend := ax.get_legend()) is not None:
            lines += [f"legend {legend._loc} {', '.join(text.get_text() for text in legend.get_texts())}"]
    return "\n".join(lines)


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with its picture."""
    if question["as"] in ("notebook", "changes"):
        plans = [ps.loads(plan) for plan in question["plans"].values()]
        value = (
            plans[0]
            if question["as"] == "notebook"
            else ps.diff(*plans, facts=ps.RunFacts(**question.get("facts", {})))
        )
        shown = {mime_type: outline(f"<cell>{text}</cell>") for mime_type, text in show.mime_bundle(value).items()}
        return {key: value for key, value in question.items() if key != "shown"} | {"shown": shown}
    if question["as"] == "loss":
        settings = {key: question[key] for key in ("marks", "width", "ascii")}
        rates = np.geomspace(*question["rates"], len(question["losses"]))
        return question | {"text": show.loss_by_rate(rates, np.array(question["losses"]), **settings)}
    plans = {name: curves_of(plan, question) for name, plan in question["plans"].items()}
    first = next(iter(plans.values()))
    options = {"log": [run_of(name, run, first) for name, run in question.get("runs", {}).items()] or None}
    trace = first if len(plans) == 1 or "other" in plans else show.together(plans, branches=True)
    options |= {"other": plans.get("other"), "view": show.View(**question.get("view", {}))}
    size = question.get("size", {})
    answer = {key: value for key, value in question.items() if key not in ("text", "svg", "axes", "page", "body")}
    if question["as"] == "axes":
        pyplot = pytest.importorskip("matplotlib.pyplot")
        pyplot.switch_backend("Agg")
        answer["axes"] = lines_on_axes(show.axes(trace, **options))
        pyplot.close("all")
        return answer
    if question["as"] == "page":
        page = show.html(trace, title=question.get("title", "Plan"), **options)
        body = without_constants("\n".join(Outline(page[page.index("<body>") :]).lines)).replace(VERSION, "…")
        return answer | {"page": data_of(page), "body": body}
    if question["as"] == "text":
        return answer | {"text": show.text(trace, **size, **options)}
    return answer | {"svg": outline(show.svg(trace, **size, **options))}


@answers.in_parts(FILE, size=4)
def test_pictures(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])


test_calls = calls.test_of(__file__)
