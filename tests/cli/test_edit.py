"""`paramsched edit`: what the page is answered, what is saved, and who is refused."""

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli import _edit
from paramsched.cli._edit import TEMPLATES, DrawingProcess, Editor, Server, _data_of, draw
from paramsched.cli._options import CommandOptions
from paramsched.cli._output import WrongUsage
from paramsched.core.files import loads
from paramsched.core.time import Duration
from paramsched.errors import ParamschedError
from support.examples import examples
from support.tables import table

pytestmark = [pytest.mark.package("show"), pytest.mark.package("tools")]

PLAN = 'total: 90 epochs\nlr: warmup("5%") >> cosine(to=0.1)\n'


# ---------------------------------------------------------------- saves, in any order of events


class Page(HTMLParser):
    """The fields of a page, as a browser reads them."""

    def __init__(self, page):
        super().__init__()
        self.fields, self.within, self.digest = {}, "", ""
        self.feed(page)
        self.text = self.fields.get("textarea", "").removeprefix("\n")  # which a browser does not show

    def handle_starttag(self, tag, attributes):
        self.within = tag
        about = dict(attributes)
        if "name" in about:
            self.fields[about["name"]] = about.get("value")
        self.digest = about.get("data-digest", self.digest)

    def handle_data(self, data):
        self.fields[self.within] = self.fields.get(self.within, "") + data

    def handle_endtag(self, tag):
        self.within = ""


TEXTS = ["", "\n\nlr: cosine()", "lr: $TEXT\n# <b> &amp; </textarea>\n", "é: \u2028\n\x0c", PLAN]
PATH_CONTENTS = {
    "none": None,
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "link": lambda path: path.symlink_to("nowhere"),
    "latin": lambda path: path.write_bytes(b"# \xe9\n"),
    "null": lambda path: path.write_bytes(b"# \0\n"),
}


def as_file(text, end="\n", mark=b""):
    return mark + text.replace("\n", end).encode()


FILES = st.builds(
    as_file, st.sampled_from(TEXTS), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([b"", b"\xef\xbb\xbf"])
)
TABS = st.integers(0, 2)
EVENTS = st.one_of(
    st.tuples(st.just("open"), TABS, st.none()),
    st.tuples(st.just("save"), TABS, st.sampled_from(TEXTS)),
    st.tuples(st.just("restart"), st.none(), st.none()),
    st.tuples(st.just("write"), st.none(), st.one_of(FILES, st.sampled_from(sorted(PATH_CONTENTS)))),
)


def naive_text(data):
    """Return the text that a page shows of a file."""
    return data.removeprefix(b"\xef\xbb\xbf").decode().replace("\r\n", "\n").replace("\r", "\n")


def naive_data(text, old):
    """Return what a save writes over a file, whose lines have one end."""
    end = next((end for end in ("\r\n", "\r", "\n") if end.encode() in old), "\n")
    return as_file(text, end, b"\xef\xbb\xbf" * old.startswith(b"\xef\xbb\xbf"))


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def put(path, content):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif PATH_CONTENTS[content] is not None:
        PATH_CONTENTS[content](path)


@examples(1_000)
@given(st.one_of(FILES, st.just("none")), st.lists(EVENTS, min_size=2, max_size=20))
def test_a_save_succeeds_exactly_if_the_file_still_has_the_text_that_its_page_began_with(begun, events):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        put(path, begun)
        now, editor, tabs = begun, Editor(path, CommandOptions()), {}
        starts_without = begun == "none"

        for event, tab, content in [("open", 0, None), *events]:
            if event == "write":
                put(path, content)
                now = content
            elif event == "restart" and (now == "none" or isinstance(now, bytes)):
                editor, starts_without = Editor(path, CommandOptions()), now == "none"
            elif event == "open":
                try:
                    page = Page(editor.page())
                except (OSError, ParamschedError):
                    assert now in PATH_CONTENTS
                    assert now != "none" or not starts_without
                    continue
                assert page.text == (TEMPLATES["yaml"] if now == "none" else naive_text(now))
                tabs[tab] = now, page.digest
            elif event == "save" and tab in tabs:
                old, digest = tabs[tab]
                answer = editor.save(content, digest)
                assert answer.get("saved", False) is (old == now)
                assert answer.get("wrong", False) is (old != now)
                if old == now:
                    now = naive_data(content, b"" if now == "none" else now)
                    tabs[tab] = now, answer["digest"]
            if isinstance(now, bytes):
                assert path.read_bytes() == now
            assert names(folder) == [path.name] * (now != "none")


LINES = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=9)


@examples(200)
@given(LINES, st.data())
def test_a_line_that_is_not_touched_keeps_its_end(lines, data):
    ends = data.draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=len(lines), max_size=len(lines)))
    # A line feed after an empty line whose end is a carriage return would be part of that end.
    ends = [
        end if not i or line or not (ends[i - 1] == "\r" and end == "\n") else "\r\n"
        for i, (line, end) in enumerate(zip(lines, ends, strict=True))
    ]
    whole = [line + end for line, end in zip(lines, ends, strict=True)]
    old = "".join(whole).encode()
    place = data.draw(st.integers(0, len(lines)))

    assert _data_of(naive_text(old), like=old) == old
    added = [*lines[:place], "new", *lines[place:], ""]
    written = _data_of("\n".join(added), like=old).decode()
    before, _, after = written.partition("new")
    assert before == "".join(whole[:place])
    assert after.lstrip("\r\n") == "".join(whole[place:]).lstrip("\r\n")


def test_the_mode_and_the_link_of_a_file_stay(tmp_path):
    target, link = tmp_path / "target.yaml", tmp_path / "plan.yaml"
    target.write_text(PLAN)
    target.chmod(0o640)
    link.symlink_to(target.name)
    editor = Editor(link, CommandOptions())

    assert editor.save("lr: cosine()\n", Page(editor.page()).digest)["saved"]
    assert (target.read_text(), target.stat().st_mode & 0o777, link.is_symlink()) == ("lr: cosine()\n", 0o640, True)


def test_a_refused_text_is_compared_saved_over_the_compared_file_or_under_another_name(file):
    editor = Editor(file, CommandOptions())
    begun = Page(editor.page()).digest
    file.write_bytes(b"total: 90 epochs\r\nlr: 1\r\n")

    refused, compared = editor.save(PLAN, begun), editor.compare(PLAN)
    lines = compared["difference"].split("\n")
    others = {
        name: editor.save_as(PLAN, name) for name in ("b.yaml", "plan.yaml", "", ".", "..", "no/b", "../b", "/b", "\0")
    }

    assert refused["wrong"]
    assert [line for line in lines if line[0] in "+-"][2:] == ["-lr: 1", '+lr: warmup("5%") >> cosine(to=0.1)']
    assert {name for name, answer in others.items() if answer.get("saved")} == {"b.yaml"}
    assert (file.parent / "b.yaml").read_bytes() == PLAN.replace("\n", "\r\n").encode()
    assert editor.save(PLAN, compared["digest"])["saved"]
    assert names(file.parent) == ["b.yaml", "plan.yaml"]


@pytest.mark.parametrize("text", ["x" * 1_000_001, "a\0b"])
def test_a_text_that_no_page_could_show_again_is_not_saved(file, text):
    editor = Editor(file, CommandOptions())

    assert editor.save(text, Page(editor.page()).digest)["wrong"]
    assert file.read_text() == PLAN


@pytest.mark.parametrize("format", TEMPLATES)
def test_a_new_plan_is_plotted_and_written_in_the_format_of_its_suffix(tmp_path, format):
    editor = Editor(tmp_path / f"new.{format}", CommandOptions())
    page = Page(editor.page())

    assert "page" in draw(editor.file, CommandOptions(), page.text, "", "")
    assert not editor.file.exists()
    assert editor.save(page.text, page.digest)["saved"]
    assert editor.file.read_text() == page.text == TEMPLATES[format]


@table("total", ["x", "5%", "0"])
def test_no_new_plan_begins_with_an_invalid_total(tmp_path, total):
    with pytest.raises(WrongUsage, match="--total"):
        Editor(tmp_path / "new.yaml", CommandOptions({"total": total}))


@table("total", ["1000", "90 epochs", "1_000"])
@pytest.mark.parametrize("format", TEMPLATES)
def test_a_new_plan_has_the_total_of_the_command(tmp_path, format, total):
    options = CommandOptions({"total": total, "steps_per_epoch": 10})
    page = Page(Editor(tmp_path / f"new.{format}", options).page())

    plotted = draw(tmp_path / f"new.{format}", options, page.text, f"total='{total}' steps_per_epoch=10", "")

    assert loads(page.text, format).total == Duration.of(total if "epochs" in total else f"{total} steps")
    assert "page" in plotted


def test_the_page_shows_the_name_the_facts_and_the_bases_of_the_command(tmp_path):
    file = tmp_path / "FACTS$BASES.yaml"
    file.write_text("# $FILE\n")
    options = CommandOptions(bases=("lr=3", "weight_decay=4")).with_facts(total="90 epochs", steps_per_epoch=50)

    whole = Editor(file, options).page()
    page = Page(whole)

    assert (page.fields["title"].split()[0], page.fields["h1"]) == (file.name, file.name)
    assert (page.fields["facts"], page.fields["bases"]) == (
        "total='90 epochs' steps_per_epoch=50",
        "lr=3,weight_decay=4",
    )
    assert page.text == "# $FILE\n"
    assert "://" not in whole


# ---------------------------------------------------------------- drawings


@pytest.fixture
def plotted(file):
    return partial(draw, file, CommandOptions().with_facts(steps_per_epoch=50), facts="steps_per_epoch=50", bases="")


def test_a_plan_is_answered_with_its_curves_and_a_mistake_with_its_place(plotted):
    right, wrong = plotted(PLAN), plotted(PLAN.replace("cosine", "cosin"))

    assert right["page"].startswith("<!doctype html>")
    assert "<title>plan.yaml</title>" in right["page"]
    assert "wrong" not in right
    assert (wrong["wrong"], "page" in wrong) == (True, False)
    assert re.match(r".*plan\.yaml:2:21: \$\.lr: .*\n    lr: .*\n +\^$", wrong["problems"])


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({"facts": "steps_per_epoc=5"}, "steps_per_epoch"),
        ({"facts": "x"}, "expected one of"),
        ({"facts": "steps_per_epoch=0"}, "steps_per_epoch"),
        ({"bases": "lr"}, "lr"),
        ({"facts": "'"}, "quot"),
    ],
)
def test_a_wrong_field_is_a_problem(plotted, fields, reported):
    answer = plotted(PLAN, **fields)

    assert answer["wrong"]
    assert reported in answer["problems"]


def test_a_base_whose_line_is_not_written_yet_is_a_problem_beside_the_curves(plotted):
    answer = plotted("total: 100\nlr: cosine()\n", bases="lr=0.5,,weight_decay=0.1,lr@head=0.3,")

    assert "0.5" in answer["page"]
    assert [line for line in answer["problems"].splitlines() if "weight_decay=0.1" in line]
    assert [line for line in answer["problems"].splitlines() if "lr@head=0.3" in line]
    assert "--base" not in answer["problems"]


def test_the_checks_use_the_bases_of_the_page(plotted):
    reported = plotted("total: 100\nlr: cosine(to=1e-5)\n", bases="lr=0.001")["problems"]

    assert "PS301" in reported
    assert "1e-08" in reported


@pytest.mark.parametrize("total", [1_000_000, 10**9])
def test_a_long_plan_is_plotted_or_refused(plotted, total):
    answer = plotted(f"total: {total}\nlr: cosine()\n")

    assert ("page" in answer) is (total == 1_000_000)
    assert ("too many" in answer["problems"]) is (total != 1_000_000)


def test_a_drawing_that_takes_too_long_is_ended_and_the_next_one_is_plotted(file, monkeypatch):
    (file.parent / "noisy.py").write_text("print('imported')\n")
    monkeypatch.chdir(file.parent)
    drawing = DrawingProcess(["plan.yaml", "--import", "noisy"], seconds=0)

    late = drawing.draw(PLAN, "", "")
    drawing.seconds = 60
    plotted, again = (drawing.draw(PLAN, "steps_per_epoch=50", "") for _ in range(2))
    drawing.end()
    ended = drawing.draw(PLAN, "", "")
    drawing.end()

    assert (late["wrong"], "seconds" in late["problems"], plotted == again) == (True, True, True)
    assert "page" in plotted
    assert (ended["wrong"], "ended" in ended["problems"]) == (True, True)


# ---------------------------------------------------------------- requests


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.fixture
def gate():
    """Return an event for which each drawing waits."""
    return threading.Event()


@pytest.fixture
def server(file, gate):
    """Return a server for the file."""
    made = Server(Editor(file, CommandOptions()), lambda *asked: {"problems": str(gate.wait(60)), "asked": asked}, 0)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    gate.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def ask(server):
    """Return a function that asks the server: it returns the status and the answer."""
    at = urlsplit(server.address)

    def send(what, data=None, *, path=None, headers=(), **fields):
        asked = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
        body = data if data is not None else json.dumps(fields) if fields else None
        asked.request("GET" if body is None else "POST", path or at.path + what, body, dict(headers))
        answer = asked.getresponse()
        read = answer.read().decode()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(read) if is_json else read

    return send


def test_a_page_is_saved_while_another_text_is_plotted(ask, file, gate):
    status, page = ask("")
    drawings = []
    drawing = threading.Thread(target=lambda: drawings.append(ask("draw", text="", facts="a", bases="b")))
    drawing.start()

    saved = ask("save", text="lr: cosin()\n", digest=Page(page).digest)[1]["saved"]
    compared = ask("compare", text="lr: cosin()\n")[1]["difference"]
    copied = ask("save_as", text=PLAN, name="other.yaml")[1]["saved"]
    gate.set()
    drawing.join()

    assert (status, saved, compared, copied) == (200, True, "", True)
    assert (file.read_bytes(), file.with_name("other.yaml").read_text()) == (b"lr: cosin()\n", PLAN)
    assert drawings == [(200, {"problems": "True", "asked": ["", "a", "b"]})]


DEEP = "[" * 200_000
WRONG_REQUESTS = [
    ({"what": "", "headers": {"Host": "example.test"}}, 403),
    ({"what": "", "headers": {"Origin": "http://example.test"}}, 403),
    ({"what": "draw", "text": PLAN, "headers": {"Origin": "null"}}, 403),
    ({"what": "", "path": "/"}, 404),
    ({"what": "draw", "text": PLAN, "path": "/other/draw"}, 404),
    ({"what": "delete", "text": PLAN}, 404),
    ({"what": "save", "data": "x" * 10_000_000}, 413),
    ({"what": "save", "data": "{}", "headers": {"Content-Length": "x"}}, 411),
    *(
        ({"what": "save", "data": data}, 400)
        for data in ("", "{", "[]", "null", "1", DEEP, f'{{"text": {DEEP}', b"\xff", "1" * 5_000)
    ),
    *(
        ({"what": what, "text": text, "digest": digest, "facts": "", "bases": "", "name": "b.yaml"}, 400)
        for what in ("save", "draw", "compare", "save_as")
        for text, digest in ((None, ""), (1, ""), ([1], ""), ({}, ""), (True, ""), ("\ud800", ""))
    ),
    ({"what": "save", "text": PLAN, "digest": None}, 400),
    ({"what": "save", "text": PLAN}, 400),
]


def test_other_requests_are_refused(ask, file, capfd):
    answered = [ask(**request)[0] for request, _ in WRONG_REQUESTS]

    assert answered == [status for _, status in WRONG_REQUESTS]
    assert (file.read_text(), names(file.parent)) == (PLAN, ["plan.yaml"])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", PATH_CONTENTS)
def test_a_file_that_cannot_be_shown_is_answered_with_the_reason(ask, file, kind, capfd):
    digest = Page(ask("")[1]).digest
    put(file, kind)

    status, text = ask("")

    assert (status, text.count("\n")) == (409, 1)
    assert "plan.yaml:" in text
    assert ask("save", text="x", digest=digest)[1]["wrong"]
    assert capfd.readouterr().err == ""


def connect(server):
    made = socket.create_connection(("127.0.0.1", server.server_port), timeout=30)
    made.sendall(
        f"POST {urlsplit(server.address).path}save HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n".encode()
    )
    return made


def test_a_length_of_thousands_of_digits_is_too_large(server):
    with connect(server) as made:
        made.sendall(b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n")
        made.shutdown(socket.SHUT_WR)

        assert b" 413 " in made.recv(100)


@pytest.mark.parametrize("sent", [b"", b"Content-Length: 9\r\n\r\n{"])
def test_a_connection_that_sends_nothing_is_closed(server, monkeypatch, sent, capfd):
    monkeypatch.setattr(_edit._Handler, "timeout", 0.01)
    with connect(server) as made:
        made.sendall(sent)

        assert made.recv(100) == b""
    assert capfd.readouterr().err == ""


def test_a_browser_that_closes_prints_nothing_and_a_mistake_of_the_server_is_printed(server, monkeypatch, capfd):
    handled = threading.Event()
    finish = server.shutdown_request
    monkeypatch.setattr(server, "shutdown_request", lambda request: (finish(request), handled.set()))
    asked, closed = threading.Event(), threading.Event()
    answer = "x" * 50_000_000  # more than the system keeps for a reader
    server.answers["compare"] = (lambda text: asked.set() or (closed.wait(30) and answer), ("text",))
    body = b'{"text": ""}'
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as made:
        path = urlsplit(server.address).path
        made.sendall(
            b"POST %scompare HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n%s"
            % (path.encode(), server.server_port, len(body), body)
        )
        asked.wait(30)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    closed.set()
    handled.wait(30)
    of_browser = capfd.readouterr().err
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        server.handle_error(None, ("127.0.0.1", 1))

    assert of_browser == ""
    assert "ZeroDivisionError" in capfd.readouterr().err


# ---------------------------------------------------------------- the command


@pytest.fixture
def run(file):
    """Return a function that starts the command in the folder of the file."""
    started = []

    def start(*arguments):
        line = [sys.executable, "-m", "paramsched", "edit", *arguments, "--no-browser"]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(line, cwd=file.parent, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for one in started:
        one.kill()


SLOW = """
import os, time
sync = os.fsync
def slow(handle):
    print("writing", flush=True)
    time.sleep(1)
    sync(handle)
os.fsync = slow
"""


@pytest.mark.parametrize("is_new", [False, True])
def test_an_interrupt_ends_the_command_after_the_save_that_it_is_writing(run, file, is_new):
    (file.parent / "slow.py").write_text(SLOW)
    if is_new:
        file.unlink()
    editing = run("plan.yaml", "--import", "slow", *["--new"] * is_new)
    address = urlsplit(editing.stdout.readline().strip())
    assert re.fullmatch(r"127\.0\.0\.1:\d+/[\w-]{20,}/", address.netloc + address.path)
    asked = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    asked.request("GET", address.path)
    digest = Page(asked.getresponse().read().decode()).digest
    asked.request("POST", f"{address.path}save", json.dumps({"text": "lr: cosine()\n", "digest": digest}))

    written = editing.stdout.readline()
    editing.send_signal(signal.SIGINT)
    asked.close()

    assert (written, editing.wait(30), editing.stderr.read()) == ("writing\n", 0, "")
    assert {name for name in names(file.parent) if "plan" in name} == {"plan.yaml"}
    assert file.read_text() == "lr: cosine()\n"


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["none.yaml"], "edit none.yaml --new"),
        (["plan.yaml", "--new"], "exists already"),
        (["to_nowhere.yaml", "--new"], "exists already"),
        (["."], "not a file"),
        (["plan.csv", "--new"], "unknown suffix"),
        (["latin.yaml"], "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_edited_is_an_error(run, file, arguments, reported):
    (file.parent / "to_nowhere.yaml").symlink_to("nowhere.yaml")
    (file.parent / "latin.yaml").write_bytes(b"\xe9")

    refused = run(*arguments)

    assert reported in refused.communicate(timeout=60)[1]
    assert refused.returncode in (1, 2)
