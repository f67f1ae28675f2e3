"""`show.svg`, `html`, `axes` and `figure`: self-contained pictures."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show
from paramsched.errors import MissingDependency

EVIL = "</script><script>alert('&\"')</script>"


def plan(total=460):
    values = np.linspace(0.1, 0.001, total)
    return show.curves_from_values(
        {("lr", "decay"): values, ("lr", "no_decay"): values, ("betas[0]", ""): np.full(total, 0.9)},
        steps_per_epoch=23,
        lines={("lr", "decay"): "linear(1, 0.01)", ("lr", "no_decay"): "linear(1, 0.01)"},
    )


def evil():
    return show.curves_from_values({(EVIL, EVIL): [1.0, np.inf, 0.1]}, lines={(EVIL, EVIL): EVIL})


class Page(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.data = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.data += data


def numbers_in(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


def test_the_svg_shows_a_spike_of_one_update_in_a_million():
    values = np.zeros(1_000_000)
    values[123_456] = 1.0

    plotted = show.svg(show.curves_from_values({("lr", ""): values}), width=600, height=100)

    curve = re.search(r'data-curve="0" d="([^"]+)"', plotted)[1]
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", curve)]
    assert min(heights) == 0.0  # the top
    assert max(heights) == 100.0


@pytest.mark.parametrize("draw", [show.svg, show.html])
def test_the_same_trace_gives_the_same_bytes(draw):
    assert draw(plan()) == draw(plan())


def test_markup_in_names_is_escaped():
    svg = ET.fromstring(show.svg(evil()))
    page = Page(show.html(evil(), title=EVIL))

    assert not [e for e in svg.iter() if e.tag.endswith("script")]
    assert [attributes for tag, attributes in page.elements if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert EVIL in page.data


@pytest.mark.parametrize("draw", [show.svg, show.html])
def test_a_picture_has_no_external_references(draw):
    plotted = draw(plan()).replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert not re.search(r"://|@import|url\(|\bsrc=|\bhref=|<link|<iframe|fetch\(|XMLHttpRequest", plotted)


def facts_in(page):
    return dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page.partition("<section")[0]))


def test_a_page_begins_with_the_version_the_command_the_bases_and_the_resumes():
    torch = pytest.importorskip("torch")
    groups = [{"params": [torch.zeros(1)], "name": "body"}, {"params": [torch.zeros(1)], "name": "head", "lr": 0.2}]
    optimizer = torch.optim.SGD(groups, lr=0.1, weight_decay=0.05)
    trace = ps.trace(ps.Plan(lr="linear()", weight_decay="linear()", total=9), optimizer)
    used = {("lr", "body"): ([0, 1, 2, 1, 2, 3], [0.1] * 6)}

    facts = facts_in(show.html(trace, log=used, facts={"command": "python train.py --lr <0.1>"}))

    assert facts == {
        "version": f"paramsched {ps.__version__}",
        "command": "python train.py --lr &lt;0.1&gt;",
        "bases": "lr 0.1 of group body, 0.2 of group head; weight_decay 0.05",
        "resumed": "at update 1, where the log goes back",
    }


@pytest.mark.parametrize(
    ("trace", "names"),
    [
        (plan(), ["version"]),
        (ps.trace("absolute(0.1)", {"lr": 0.3}, total=3), ["version"]),
        (ps.trace("linear()", {"lr": 0.3}, total=3), ["version", "bases"]),
    ],
)
def test_a_fact_that_is_not_known_has_no_line(trace, names):
    used = {("lr", trace.keys()[0][1]): ([0, 1, 2], [0.1] * 3)}

    assert list(facts_in(show.html(trace, log=used))) == names


def test_plans_with_other_bases_have_their_own():
    first = ps.trace("linear()", {"lr": 0.3}, total=3)
    second = ps.trace("linear()", {"lr": 0.4}, total=3)

    assert facts_in(show.html(show.together({"a": first, "b": second})))["bases"] == "a: lr 0.3. b: lr 0.4"
    assert facts_in(show.html(first, other=second))["bases"] == "plan: lr 0.3. other plan: lr 0.4"
    assert facts_in(show.html(first, other=first))["bases"] == "lr 0.3"


def test_each_group_is_in_one_line_of_the_legend():
    values = {("lr", name): [0.1 * number] * 3 for number, name in enumerate(("stem", "body", "head"))}
    page = show.html(show.curves_from_values(values | {("lr", "neck"): [0.1] * 3}))

    assert re.findall("<td>(groups? [^<]*)</td>", page) == ["group stem", "groups body, neck", "group head"]


@pytest.mark.heavy
def test_a_page_of_a_million_updates_keeps_breakpoints_and_spikes_exactly_and_stays_small():
    values = 0.1 + 0.001 * np.sin(np.arange(1_000_000) / 1e5)
    values[123_456] = 0.5
    page = show.html(show.curves_from_values({("lr", 0): values}))

    curve = numbers_in(page)["panels"][0]["curves"][0]

    around = curve["t"].index(123_456)
    assert curve["t"][around - 1 : around + 2] == [123_455, 123_456, 123_457]
    assert curve["v"] == values[curve["t"]].tolist()
    assert len(page) < 4_000_000


@pytest.mark.heavy
@pytest.mark.parametrize("draw", [show.text, show.svg, show.html])
def test_a_hundred_different_groups_are_plotted(draw):
    trace = show.curves_from_values({("lr", i): np.linspace(i + 1, 0, 1000) for i in range(100)})

    assert "group 0" in draw(trace)


def test_matplotlib_axes_show_every_curve_and_the_spike():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    values = np.zeros(100_000)
    values[777] = 1.0
    trace = show.curves_from_values({("lr", 0): values, ("lr", 1): values + 1, ("momentum", 0): values})

    lr, momentum = show.axes(trace)

    assert (777.0, 1.0) in {(float(x), float(y)) for x, y in lr.lines[0].get_xydata()}
    assert [ax.get_ylabel() for ax in (lr, momentum)] == ["lr", "momentum"]


@pytest.mark.parametrize(
    "draw", [show.axes, lambda trace: show.FORMATS[".png"](trace, title="", log=None, other=None, view=show.View())]
)
def test_without_matplotlib_its_pictures_name_the_package(monkeypatch, draw):
    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependency, match=r"pip install matplotlib$"):
        draw(plan())


def test_a_saved_picture_leaves_no_figure_and_keeps_the_backend():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("svg")

    data = show.FORMATS[".png"](plan(), title="", log=None, other=None, view=show.View())

    assert data.startswith(b"\x89PNG")
    assert (pyplot.get_backend(), pyplot.get_fignums()) == ("svg", [])


def test_a_notebook_gets_a_page_in_a_frame_a_picture_or_text():
    figure = show.figure(plan(), title="Two groups")
    tag, attributes = Page(figure._repr_html_()).elements[0]

    assert tag == "iframe"
    assert attributes["srcdoc"] == show.html(plan(), title="Two groups")
    assert figure._repr_svg_() == show.svg(plan())
    assert repr(figure) == show.text(plan())


@pytest.mark.heavy
def test_importing_show_imports_neither_torch_nor_matplotlib():
    code = (
        "import sys, paramsched.show; sys.exit(bool({'torch', 'matplotlib', 'pandas', 'IPython'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_notebook_shows_a_scheduler_at_the_end_of_its_run():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.4)
    scheduler = ps.Scheduler(optimizer, "lr: linear()\ntotal: 4")
    for _ in range(4):
        optimizer.step()

    assert "text/html" in scheduler._repr_mimebundle_()
