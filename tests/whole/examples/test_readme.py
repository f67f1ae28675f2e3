"""The examples of the README run as printed, and its pictures show its plan."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from support.pages import of_the_docs

README = Path(__file__).parents[3] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def block(language: str, begin: str = "") -> str:
    found = re.search(rf"```{language}\n({re.escape(begin)}.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_readme_has_at_most_90_lines():
    assert len(TEXT.splitlines()) <= 90


def test_the_first_code_prints_what_the_readme_shows(capsys):
    exec(block("python"), {})

    assert capsys.readouterr().out == block("text")


def test_each_line_of_the_table_of_schedules_is_a_schedule():
    rows = TEXT[TEXT.index("| write | get |") : TEXT.index("\n\n", TEXT.index("| write | get |"))].splitlines()[2:]
    lines = [line for row in rows for line in re.findall(r"`([^`]+)`", row.split(" | ")[0])]

    operands = ("cosine()", "linear()")  # for `a` and `b`
    for line in lines:
        ps.parse(re.sub(r"\b[ab]\b", lambda name: operands[name[0] == "b"], line))
    assert len(rows) == 7


@pytest.mark.parametrize("module", re.findall(r"^\| `[\w.]+` \| `(paramsched[\w.]+)`", TEXT, re.MULTILINE))
def test_each_module_of_the_table_of_import_lines_can_be_imported(module):
    assert import_module(module).__all__


def test_the_commands_that_the_readme_names_exist():
    names = re.findall(r"^\$ paramsched (\w+)", TEXT, re.MULTILINE)

    assert names == ["check", "audit"]
    assert set(names) <= set(main.list_commands(click.Context(main)))


@pytest.fixture
def plan_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(block("yaml"), encoding="utf-8")


def examples() -> dict[str, tuple[str, str]]:
    """Return the program of each example of the console block, with its command and its output in one line."""
    parts = re.split(r"^\$ ", block("console"), flags=re.MULTILINE)[1:]
    pairs = [(one.partition("\n")[0], " ".join(one.partition("\n")[2].split())) for one in parts]
    return {shlex.split(command)[1]: (command, output) for command, output in pairs}


def shown(command: str) -> str:
    """Return the output of a command of the console block in one line."""
    return " ".join(CliRunner().invoke(main, shlex.split(command)[1:]).output.split())


def test_the_check_of_the_draft_prints_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("draft.yaml").write_text("horizon: 20 epochs\nlr: cosine(to=1e-5)\n", encoding="utf-8")
    command, output = examples()["check"]

    assert output in shown(command)


def test_the_audit_of_the_log_prints_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schedule = ps.resolve(ps.cosine(), ps.Calendar(total=1000))
    rows = "".join(f"{t},{schedule(2 * t, base=0.1)!r}\n" for t in range(0, 500, 10))
    Path("colleague.csv").write_text(f"step,lr\n{rows}", encoding="utf-8")
    command, output = examples()["audit"]

    assert output in shown(command)


def test_the_resume_with_another_plan_logs_what_the_readme_shows(caplog):
    def optimizer():
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)

    before, after = optimizer(), optimizer()
    ps.Scheduler(before, "cosine()", total=100)
    before.step()
    ps.Scheduler(after, "cosine(to=0.1)", total=100)
    after.load_state_dict(before.state_dict())
    _, output = examples()["train.py"]

    assert output in " ".join(caplog.text.split())


@pytest.mark.usefixtures("plan_file")
def test_the_plan_file_is_applied_as_the_readme_writes_it():
    (line,) = re.findall(r'`(ps\.Scheduler\(optimizer, "plan.yaml".*?\))`', TEXT)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)

    scheduler = eval(line, {"ps": ps, "optimizer": optimizer, "loader": [None] * 3})

    assert scheduler.total == 60


def test_the_stored_picture_shows_the_plan():
    (module,) = of_the_docs("readme_picture")

    assert module.FILE.read_text(encoding="utf-8") == module.picture(), "run python docs/extensions/readme_picture.py"
