"""The page of a report in a real browser: every switch is used, and read back. Needs Chromium."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

import paramsched as ps
from paramsched import show

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: nothing runs the page's script"),
]

USE_ALL = """<pre id="found"></pre><script>
const found = { faults: [] };
addEventListener("error", (event) => found.faults.push(event.message));
const get = (id) => document.getElementById(id);
const texts = (css) => [...document.querySelectorAll(`[data-panel="0"] ${css}`)].map((one) => one.textContent);
const choose = (id, value) => { get(id).value = value; get(id).dispatchEvent(new Event("change")); };
const plot = document.querySelector('[data-panel="0"] svg.plot');
const pointer = (type, share) => {
  const box = plot.getBoundingClientRect(), area = plot.querySelector(".ps-data").getBoundingClientRect();
  const at = { clientX: area.left + share * area.width, clientY: box.top + 50, pointerType: "touch" };
  plot.dispatchEvent(new PointerEvent(type, at));
};
const press = (key) => document.querySelector("section").dispatchEvent(new KeyboardEvent("keydown", { key }));
const look = () => ({
  rows: texts("[data-row]"), ticks: texts(".ps-time text"), levels: texts(".ps-values text"),
  notes: [...document.querySelectorAll('[data-panel="0"] [data-axis="log"]')].map((one) => one.hidden),
  broken: [...document.querySelectorAll("section")].some((one) => /NaN|Infinity/.test(one.outerHTML)),
  now: get("now").textContent,
  values: [...document.querySelectorAll('[data-panel="0"] td[data-curve]')].map((one) => one.title),
  hidden: get("reset").hidden, wide: document.documentElement.scrollWidth > innerWidth,
});
setTimeout(() => {
  for (const unit of get("unit").options)
    for (const axis of get("axis").options) {
      choose("unit", unit.value);
      choose("axis", axis.value);
      found[`${unit.value} ${axis.value}`] = look();
    }
  choose("unit", "updates");
  setTimeout(() => {  // a switch may change the width of the page, which is fitted in the next frame
    pointer("pointermove", 0.5003);  // not between two updates, whatever the width is
    found.pointed = look();
    press("ArrowRight");
    found.next = look();
    pointer("pointerdown", 0.25);
    found.tapped = look();
    get("found").textContent = JSON.stringify(found);
  }, 300);
}, 300);
</script>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the text of the page after each of its switches, in a window of 400 pixels."""
    plan = ps.Plan(lr=ps.warmup(100) >> ps.cosine(), total=1000)
    trace = ps.trace(plan, {"lr": 0.1}, steps_per_epoch=50, batch_size=32)
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "report.html"
    page.write_text(show.html(trace, title="a run").replace("</body>", USE_ALL + "</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=400,900", "--virtual-time-budget=3000"]
    command = [BROWSER, *options, f"--user-data-dir={folder}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    (said,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(unescape(said)), trace


def test_every_switch_of_the_page_works(report):
    said, _ = report

    states = {name: state for name, state in said.items() if name != "faults"}
    assert said["faults"] == []
    assert len(states) == 3 * 3 + 3
    assert [name for name, state in states.items() if state["broken"] or state["wide"]] == []


@pytest.mark.parametrize(("unit", "end"), [("updates", "1,000"), ("epochs", "20"), ("samples", "32k")])
def test_the_axis_has_the_unit_of_the_first_row(report, unit, end):
    state = report[0][f"{unit} auto"]

    assert state["rows"] == [unit, "epochs" if unit == "updates" else "updates"]
    assert state["ticks"][0] == "0"
    assert state["ticks"][-2] == end


def test_a_logarithmic_value_axis_has_powers_of_ten_and_marks_0(report):
    linear = report[0]["updates linear"]
    log = report[0]["updates log"]

    assert (linear["levels"][0], linear["notes"]) == ("0", [True])
    assert ("1e-3" in log["levels"], log["notes"]) == (True, [False])


def test_the_pointer_and_the_keys_show_the_values_used_by_the_optimizer(report):
    said, trace = report

    times = [int(said[name]["now"].split(" · ")[0].removeprefix("t = ")) for name in ("pointed", "next")]
    assert [float(said[name]["values"][0]) for name in ("pointed", "next")] == [trace["lr"][t] for t in times]
    assert abs(times[0] - 500) <= 3  # a pixel, the unit of the browser's pointer, is three updates wide
    assert times[1] == times[0] + 1
    assert abs(int(said["tapped"]["now"].split(" · ")[0].removeprefix("t = ")) - 250) <= 3
    assert said["updates auto"]["now"] == "tap for values"  # a browser without a display has no mouse
    assert said["next"]["now"] == f"t = {times[1]} · epoch {times[1] / 50:.2f}"
