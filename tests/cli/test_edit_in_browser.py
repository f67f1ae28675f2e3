"""The page of `paramsched edit` in a real browser: type, misspell, mend, save. Needs Chromium."""

import json
import re
import shutil
import subprocess
import threading
from html import unescape

import pytest

from paramsched.cli._edit import Editor, server_for
from paramsched.cli._options import PlanOptions

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.door("show"),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: nothing runs the page's script"),
]

PLAN = "horizon: 1000\nlr: cosine(to=0.1)\n"
TYPIST = """<pre id="found"></pre><script>
const found = {}, get = (css) => document.querySelector(css), text = get("textarea");
addEventListener("error", (event) => { found.fault = event.message; });
const type = (old, typed) => {
  text.focus();
  text.setSelectionRange(text.value.indexOf(old), text.value.indexOf(old) + old.length);
  document.execCommand("insertText", false, typed);
};
const look = () => ({
  problems: get("pre").textContent, wrong: get("pre").className, view: get("iframe").className,
  page: get("iframe").srcdoc.length, status: get("output").textContent,
  wide: [document.documentElement, get("pre")].some((one) => one.scrollWidth > one.clientWidth),
  right: get("iframe").getBoundingClientRect().left > 300,
});
const until = async (is_so) => {
  for (let tried = 0; tried < 200 && !is_so(look()); tried++) await new Promise((done) => setTimeout(done, 50));
  return look();
};
(async () => {
  found.dark = matchMedia("(prefers-color-scheme: dark)").matches;
  found.first = await until((now) => now.page > 0);
  type("cosine", "cosin");
  found.misspelled = await until((now) => now.wrong);
  type("cosin", "linear");
  found.mended = await until((now) => !now.wrong);
  get("button").click();
  found.saved = await until((now) => now.status === "saved");
  get("#found").textContent = JSON.stringify(found);
})();
</script>"""


@pytest.mark.parametrize(("width", "is_dark"), [(1400, False), (1400, True), (400, False), (400, True)])
def test_a_plan_is_typed_misspelled_mended_and_saved(tmp_path, monkeypatch, width, is_dark):
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    own = Editor.page
    monkeypatch.setattr(Editor, "page", lambda editor: own(editor).replace("</html>", TYPIST + "</html>"))
    server = server_for(Editor(file, PlanOptions()), 0)
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
    found = json.loads(unescape(said))
    steps = [found[one] for one in ("first", "misspelled", "mended", "saved")]
    assert "fault" not in found
    assert found["dark"] is is_dark
    assert [(one["wrong"], one["view"]) for one in steps] == [("", ""), ("wrong", "old"), ("", ""), ("", "")]
    assert re.search(r"plan\.yaml:2:5: .*cosin.*\n    lr: cosin\(to=0\.1\)\n +\^$", steps[1]["problems"])
    assert (steps[1]["status"], steps[3]["status"]) == ("not saved", "saved")
    assert not any(one["wide"] for one in steps)
    assert all(one["right"] is (width > 800) for one in steps)
    assert file.read_text() == PLAN.replace("cosine", "linear")
