"""The page of `paramsched edit` in a real browser: type, misspell, mend, save, be refused. Needs Chromium."""

import itertools
import json
import re
import shutil
import subprocess
import threading
from functools import partial
from html import unescape

import pytest

from paramsched.cli._edit import Editor, Server, draw
from paramsched.cli._options import CommandOptions
from support.spread import every

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.package("show"),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: nothing runs the page's script"),
]

PLAN = "total: 1000\nlr: cosine(to=0.1)\n"
TYPIST = """<pre id="found"></pre><script>{
const found = {}, get = (css) => document.querySelector(css), text = get("textarea");
addEventListener("error", (event) => { found.fault = event.message; });
const type = (old, typed) => {
  text.focus();
  text.setSelectionRange(text.value.indexOf(old), text.value.indexOf(old) + old.length);
  document.execCommand("insertText", false, typed);
};
const isScrolled = (one) => one.scrollHeight > one.clientHeight + 1 && getComputedStyle(one).overflowY !== "visible";
const look = () => ({
  problems: get("#problems").textContent, wrong: get("#problems").className, view: get("iframe").className,
  page: get("iframe").srcdoc.length, status: get("output").textContent,
  refused: !get("#refused").hidden, difference: get("#difference").hidden ? "" : get("#difference").textContent,
  wide: [document.documentElement, get("#problems")].some((one) => one.scrollWidth > one.clientWidth),
  right: get("iframe").getBoundingClientRect().left > 300,
  scrolled: [...document.querySelectorAll("body *")].filter(isScrolled).map((one) => one.tagName),
});
const click = (name) => get(`[name=${name}]`).click();
const until = async (is_so) => {
  for (let tried = 0; tried < 200 && !is_so(look()); tried++) await new Promise((done) => setTimeout(done, 50));
  return look();
};
(async () => {
  found.dark = matchMedia("(prefers-color-scheme: dark)").matches;
  // The frame is another process, for which the virtual time does not wait.
  const frame = get("iframe"), source = frame.contentWindow;
  found.first = await until((now) => now.page > 0);
  found.measures = frame.srcdoc.includes("postMessage") && frame.srcdoc.includes("html { overflow: hidden");
  dispatchEvent(new MessageEvent("message", { source, data: 1234 }));
  found.height = frame.clientHeight;
  type("cosine", "cosin");
  found.misspelled = await until((now) => now.wrong);
  type("cosin", "linear");
  found.mended = await until((now) => !now.wrong);
  get("button").click();
  found.saved = await until((now) => now.status === "saved");
  const ofOther = { text: "total: 9\\nlr: cosine()\\n", digest };
  await fetch("save", { method: "POST", body: JSON.stringify(ofOther) });
  type("linear", "constant");
  get("button").click();
  found.refused = await until((now) => now.refused);
  click("save_as");
  found.copied = await until((now) => now.status.includes("plan-2"));
  get("button").click();
  await until((now) => now.refused);
  click("compare");
  found.compared = await until((now) => now.difference);
  click("replace");
  found.replaced = await until((now) => now.status === "saved");
  get("#found").textContent = JSON.stringify(found);
})();
}</script>"""


@pytest.mark.parametrize(("width", "is_dark"), every(4, itertools.product([1400, 400], [False, True])))
def test_a_plan_is_typed_misspelled_mended_saved_refused_and_compared(tmp_path, monkeypatch, width, is_dark):
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    own = Editor.page
    monkeypatch.setattr(Editor, "page", lambda editor: own(editor).replace("</html>", TYPIST + "</html>"))
    server = Server(Editor(file, CommandOptions()), partial(draw, file, CommandOptions()), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000"]
    options += [f"--window-size={width},900", f"--user-data-dir={tmp_path / 'browser'}"]
    options += [f"--blink-settings=preferredColorScheme={int(not is_dark)}"]

    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", server.address], capture_output=True, text=True, timeout=120
    )
    server.shutdown()
    server.server_close()

    (said,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    data = json.loads(unescape(said))
    steps = [data[one] for one in ("first", "misspelled", "mended", "saved")]
    assert "fault" not in data
    assert data["dark"] is is_dark
    assert [(step["wrong"], step["view"]) for step in steps] == [("", ""), ("wrong", "old"), ("", ""), ("", "")]
    assert re.search(r"plan\.yaml:2:5: .*cosin.*\n    lr: cosin\(to=0\.1\)\n +\^$", steps[1]["problems"])
    assert (steps[1]["status"], steps[3]["status"]) == ("not saved", "saved")
    assert not any(step["wide"] for step in steps)
    assert all(step["right"] is (width > 800) for step in steps)
    typed = PLAN.replace("cosine", "constant")
    refused, copied, compared, replaced = (data[one] for one in ("refused", "copied", "compared", "replaced"))
    assert (refused["status"], copied["refused"], compared["refused"], replaced["refused"]) == (
        "not saved",
        False,
        True,
        False,
    )
    assert {"-total: 9\n", "+total: 1000\n"} <= {*compared["difference"].splitlines(keepends=True)}
    assert (file.read_text(), (tmp_path / "plan-2.yaml").read_text()) == (typed, typed)
    if width == 400:
        assert compared["scrolled"] == []
        assert (data["measures"], data["height"]) == (True, 1234)
