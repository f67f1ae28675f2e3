"""`paramsched edit`: what the page is answered, what is saved, and who is refused."""

import http.client
import json
import re
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest

from paramsched.cli._edit import TEMPLATE, Editor, server_for
from paramsched.cli._options import PlanOptions

pytestmark = [pytest.mark.door("show"), pytest.mark.door("tools")]

PLAN = 'horizon: 90 epochs\nlr: warmup("5%") >> cosine(to=0.1)\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.fixture
def ask(file):
    """Return a function that asks a server for the file: it returns the status and the answer."""
    editor = Editor(file, PlanOptions().with_facts(steps_per_epoch=50))
    server = server_for(editor, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = urlsplit(server.address)

    def send(what, text=None, *, path=None, data=None, headers=(), **fields):
        asked = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
        body = (
            data
            if data is not None
            else json.dumps({"facts": "steps_per_epoch=50", "bases": "", "text": text, **fields})
        )
        asked.request("GET" if text is data is None else "POST", path or at.path + what, body, dict(headers))
        answer = asked.getresponse()
        read = answer.read().decode()
        return answer.status, json.loads(read) if answer.getheader("Content-Type", "").startswith(
            "application/json"
        ) else read

    yield send
    server.shutdown()
    server.server_close()


def test_the_page_has_the_text_of_the_file_and_no_other_address(ask, file):
    file.write_text(PLAN + "# <b> FACTS\n")

    status, page = ask("")

    assert status == 200
    assert "# &lt;b&gt; FACTS" in page
    assert 'value="steps_per_epoch=50"' in page
    assert "://" not in page


def test_a_plan_is_answered_with_its_curves_and_a_mistake_with_its_place(ask):
    right, wrong = ask("draw", PLAN), ask("draw", PLAN.replace("cosine", "cosin"))

    assert right[1]["page"].startswith("<!doctype html>")
    assert "wrong" not in right[1]
    assert (wrong[0], wrong[1]["wrong"], "page" in wrong[1]) == (200, True, False)
    assert re.match(r".*plan\.yaml:2:21: \$\.lr: .*\n    lr: .*\n +\^$", wrong[1]["problems"])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"facts": "steps_per_epoc=5"}, "steps_per_epoch"),
        ({"facts": "x"}, "expected one of"),
        ({"facts": "steps_per_epoch=0"}, "steps_per_epoch"),
        ({"bases": "lr"}, "lr"),
        ({"facts": "'"}, "quot"),
    ],
)
def test_a_wrong_field_is_a_problem(ask, fields, told):
    status, answer = ask("draw", PLAN, **fields)

    assert (status, answer["wrong"]) == (200, True)
    assert told in answer["problems"]


def test_facts_and_bases_are_used(ask):
    by_total = ask("draw", "lr: cosine(over=5)\n", facts='total="90 epochs" steps_per_epoch=3', bases="lr=3e-4")[1]

    assert "0.0003" in by_total["page"]
    assert "270" in by_total["page"]


def test_a_check_of_the_plan_is_shown(ask):
    assert "PS304" in ask("draw", "horizon: 100\nlr: cosine(to=3e-5)\n")[1]["problems"]


@pytest.mark.parametrize("horizon", [1_000_000, 10**9])
def test_a_long_plan_is_drawn_or_refused(ask, horizon):
    answer = ask("draw", f"horizon: {horizon}\nlr: cosine()\n")[1]

    assert ("page" in answer) is (horizon == 1_000_000)
    assert ("too many" in answer["problems"]) is (horizon != 1_000_000)


def test_save_writes_the_whole_file_with_its_mistakes_too(ask, file):
    assert ask("save", "lr: cosin()\n")[1]["saved"]
    assert file.read_bytes() == b"lr: cosin()\n"
    assert ask("save", PLAN)[1]["saved"]
    assert file.read_text() == PLAN


@pytest.mark.parametrize("change", [lambda file: file.write_text("# other\n"), lambda file: file.unlink()])
def test_a_file_that_changed_meanwhile_is_not_written(ask, file, change):
    change(file)
    before = file.read_bytes() if file.exists() else None

    answer = ask("save", PLAN.replace("90", "80"))[1]

    assert ("saved" in answer, answer["wrong"]) == (False, True)
    assert (file.read_bytes() if file.exists() else None) == before


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"what": "", "headers": {"Host": "example.test"}}, 403),
        ({"what": "", "headers": {"Origin": "http://example.test"}}, 403),
        ({"what": "draw", "text": PLAN, "headers": {"Origin": "null"}}, 403),
        ({"what": "", "path": "/"}, 404),
        ({"what": "draw", "text": PLAN, "path": "/other/draw"}, 404),
        ({"what": "delete", "text": PLAN}, 404),
        ({"what": "draw", "data": "x" * 10_000_000}, 413),
        ({"what": "draw", "data": "{"}, 400),
        ({"what": "draw", "data": "[]"}, 400),
    ],
)
def test_other_requests_are_refused(ask, file, request_, status):
    assert ask(**request_)[0] == status
    assert file.read_text() == PLAN


def run(folder, *arguments):
    line = [sys.executable, "-m", "paramsched", "edit", *arguments, "--no-browser"]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_first_line_is_the_address_and_an_interrupt_ends_it(file):
    editing = run(file.parent, "plan.yaml")
    first = editing.stdout.readline().strip()
    editing.send_signal(2)

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", first)
    assert (editing.wait(20), editing.stderr.read()) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.yaml"], "edit none.yaml --new"),
        (["plan.yaml", "--new"], "exists already"),
        (["to_nowhere.yaml", "--new"], "exists already"),
        (["."], "not a file"),
    ],
)
def test_a_file_that_is_not_there_is_an_error_with_the_command_that_makes_one(file, arguments, told):
    (file.parent / "to_nowhere.yaml").symlink_to("nowhere.yaml")

    refused = run(file.parent, *arguments)

    assert told in refused.communicate(timeout=60)[1]
    assert refused.returncode == 2


def test_a_new_plan_is_written_when_it_is_saved(tmp_path):
    editor = Editor(tmp_path / "new.yaml", PlanOptions())
    fields = {"facts": "", "bases": "", "text": TEMPLATE}

    assert "page" in editor.draw(fields)
    assert not editor.file.exists()
    assert editor.save(fields)["saved"]
    assert editor.file.read_text() == TEMPLATE
