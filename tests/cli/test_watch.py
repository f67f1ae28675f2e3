"""`paramsched show --watch` and `plot --watch` in a real process: each saved file is drawn, and Ctrl-C ends with 0."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from paramsched.cli import main

pytestmark = pytest.mark.heavy
PLAN = 'horizon: 100\nlr: warmup("5%") >> cosine(to=0.1)\n'
LIMIT = 60  # seconds; a loaded machine may need many of them to start Python


class Watch:
    """A running command, its standard output and error so far, and the keys that end it."""

    def __init__(self, folder: Path, *arguments: str, terminal: bool = False) -> None:
        self.text = ""
        command = [sys.executable, "-m", "paramsched", *arguments]
        env = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "1", "TERM": "xterm"}
        own, other = pty.openpty() if terminal else os.pipe()
        self.output = own
        self.process = subprocess.Popen(command, cwd=folder, env=env, stdout=other, stderr=other)
        os.close(other)

    def wait_for(self, pattern: str) -> str:
        """Read until the new output matches; return what was printed since the last call."""
        begin, end = len(self.text), time.monotonic() + LIMIT
        while time.monotonic() < end:
            if re.search(pattern, self.text[begin:]):
                return self.text[begin:]
            if select.select([self.output], [], [], 0.1)[0]:
                self.text += os.read(self.output, 65536).decode().replace("\r\n", "\n")
        raise AssertionError(f"no {pattern!r} in {self.text[begin:]!r}")

    def end(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT)


@pytest.fixture
def start(tmp_path):
    """Start a command in a folder with a plan; it is ended with the test."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    started = []

    def start_one(*arguments, terminal=False):
        started.append(Watch(tmp_path, *arguments, terminal=terminal))
        return started[-1]

    yield start_one
    for one in started:
        one.process.kill()
        one.process.wait()
        os.close(one.output)


def save(file, text):
    """Save as most editors do: write another file, and rename it."""
    other = file.with_name(f"{file.name}~")
    other.write_text(text)
    other.rename(file)


def test_a_saved_plan_is_drawn_again_and_an_error_is_shown_until_it_is_corrected(tmp_path, start):
    watch, plan = start("show", "plan.yaml", "--watch"), tmp_path / "plan.yaml"

    watch.wait_for(r"cosine\(to=0.1, over=95\)[\s\S]* updates ")
    save(plan, PLAN.replace("cosine", "linear"))
    watch.wait_for(r"linear\(to=0.1, over=95\)[\s\S]* updates ")
    plan.write_text("lr: cosin()\n")  # in place, as other editors do
    watch.wait_for(r"plan.yaml:1:5: \$\.lr: [\s\S]*\^\n")
    save(plan, PLAN.replace("cosine", "linear"))
    watch.wait_for(r"linear\(to=0.1, over=95\)[\s\S]* updates ")

    assert watch.end() == 0


def test_a_terminal_is_cleared_before_each_picture(tmp_path, start):
    watch = start("show", "plan.yaml", "--watch", terminal=True)

    first = watch.wait_for("Ctrl-C ends")
    save(tmp_path / "plan.yaml", PLAN.replace("0.1", "0.2"))
    second = watch.wait_for("Ctrl-C ends")

    clear = "\x1b[2J"
    assert (first.count(clear), second.count(clear)) == (1, 1)
    assert second.index(clear) < second.index("cosine(to=0.2, over=95)")
    assert watch.end() == 0


def test_a_file_that_is_missing_for_a_moment_is_no_error(tmp_path, start):
    watch, plan = start("show", "plan.yaml", "--watch"), tmp_path / "plan.yaml"
    watch.wait_for(" updates ")

    plan.unlink()
    time.sleep(0.2)
    plan.write_text(PLAN.replace("0.1", "0.2"))

    assert "no such file" not in watch.wait_for(r"cosine\(to=0.2, over=95\)")
    plan.unlink()
    watch.wait_for("plan.yaml: no such file")
    plan.write_text(PLAN)
    watch.wait_for(r"cosine\(to=0.1, over=95\)")
    assert watch.end() == 0


def test_files_that_the_plan_reads_are_watched_too(tmp_path, start):
    np.savetxt(tmp_path / "rates.csv", np.linspace(1, 0.5, 40), header="lr", comments="")
    (tmp_path / "base.py").write_text(
        "train_cfg = dict(max_epochs=9)\nparam_scheduler = dict(type='StepLR', step_size=3)\n"
    )
    (tmp_path / "config.py").write_text("_base_ = 'base.py'\n")
    (tmp_path / "table.yaml").write_text("horizon: 40\nlr: table_file('rates.csv', 'lr')\n")

    tables, bases = start("show", "table.yaml", "--watch"), start("show", "config.py", "--watch")
    tables.wait_for("1 → 0.5\n")
    save(tmp_path / "rates.csv", "lr\n" + "\n".join(map(str, np.linspace(1, 0.25, 40))))
    tables.wait_for("1 → 0.25\n")
    bases.wait_for(r"step\(3")
    save(tmp_path / "base.py", (tmp_path / "base.py").read_text().replace("3", "4"))
    bases.wait_for(r"step\(4")

    assert (tables.end(), bases.end()) == (0, 0)


def test_a_log_with_a_name_is_watched_too(tmp_path, start):
    save(tmp_path / "log.csv", "step,lr\n0,0.1\n")
    watch = start("show", "plan.yaml", "--watch", "--used", "mine=log.csv", "--base", "0.1", "-o", "plan.svg")
    watch.wait_for("plan.svg: written")

    save(tmp_path / "log.csv", "step,lr\n0,0.1\n1,0.2\n")

    watch.wait_for("plan.svg: written")
    assert watch.end() == 0


def test_a_page_has_a_script_that_reloads_it_until_the_command_ends(tmp_path, start):
    page, plan = tmp_path / "plan.html", tmp_path / "plan.yaml"
    watch = start("show", "plan.yaml", "--watch", "-o", "plan.html")
    versions = []

    for text in (PLAN, PLAN.replace("cosine", "linear"), "lr: cosin()\n", PLAN):
        save(plan, text)
        watch.wait_for("cosin\\(\\)" if "cosin()" in text else "plan.html: written")
        versions.append(re.search(r'version = "(\w+)"', page.read_text())[1])
        assert ("plan.yaml:1:5" in page.read_text()) == ("cosin()" in text)

    assert len(set(versions[:3])) == 3
    assert versions[0] == versions[3]
    assert watch.end() == 0
    assert "postMessage" not in page.read_text()
    assert "over=95" in page.read_text()


def test_a_vector_picture_is_kept_while_the_plan_has_an_error(tmp_path, start):
    watch = start("show", "plan.yaml", "--watch", "-o", "plan.svg")
    watch.wait_for("plan.svg: written")
    before = (tmp_path / "plan.svg").read_bytes()

    save(tmp_path / "plan.yaml", "lr: cosin()\n")
    watch.wait_for(r"plan.yaml:1:5: ")

    assert before.startswith(b"<svg")
    assert (tmp_path / "plan.svg").read_bytes() == before
    assert watch.end() == 0


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("show", "-", "--watch"), "--watch needs files"),
        (("show", "plan.yaml", "--watch", "-o", "-", "--to", "svg"), "Write --output plan.html"),
        (("show", "plan.yaml", "--watch", "-o", "plan.gif"), "the suffix must be one of"),
        (("show", "plan.yaml", "-o", "plan.svg", "--json"), "--output writes a picture"),
    ],
)
def test_what_cannot_be_watched_is_wrong_usage(tmp_path, monkeypatch, arguments, printed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)

    refused = CliRunner().invoke(main, arguments, prog_name="paramsched")

    assert refused.exit_code == 2
    assert printed in refused.stderr


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no browser")
def test_the_page_reads_its_version_in_a_hidden_frame(tmp_path, start):
    watch = start("show", "plan.yaml", "--watch", "-o", "plan.html")
    watch.wait_for("plan.html: written")
    # The frame of a page is the page itself with this query: it posts its version, and nothing of it is drawn.
    (tmp_path / "outer.html").write_text(
        "<!doctype html><title>waiting</title><iframe src='plan.html?paramsched-watch'></iframe><script>"
        "addEventListener('message', event => { document.title = 'version ' + event.data.paramsched; });</script>"
    )
    version = re.search(r'version = "(\w+)"', (tmp_path / "plan.html").read_text())[1]

    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    page = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path / 'outer.html'}"],
        capture_output=True, text=True, timeout=LIMIT, check=False,
    ).stdout  # fmt: skip

    assert f"<title>version {version}</title>" in page
