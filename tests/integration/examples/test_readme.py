"""The examples of the README run as printed, and its pictures show its plan."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import paramsched as ps
from support.pages import of_the_docs

README = Path(__file__).parents[3] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def block(language: str, begin: str = "") -> str:
    found = re.search(rf"```{language}\n({re.escape(begin)}.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


WORDS = (
    "deadline", "SLURM", "resume", "several optimizers", "growing batch", "watch", "DeepSpeed", "Megatron",
    "torchtitan", "TRL", "verl", "axolotl",
)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_the_first_screen_has_the_words_that_people_search_each_with_its_page(word):
    found = re.search(rf"\[{word}\]\((docs/[^)#]+)", TEXT[: TEXT.index("```")])
    assert found is not None
    assert (README.parent / found[1]).is_file()


def test_the_doctests_of_the_readme_pass():
    examples = doctest.DocTestParser().get_doctest(TEXT.replace("```", ""), {"ps": ps}, "README.md", str(README), 0)

    results = doctest.DocTestRunner().run(examples)

    assert results.attempted > 0
    assert results.failed == 0


def test_the_terminal_picture_equals_the_output_of_the_command(tmp_path):
    (tmp_path / "plan.yaml").write_text(block("yaml"))
    command, *picture = block("console", "$ paramsched show").removeprefix("$ paramsched ").splitlines()

    drawn = subprocess.run(
        [sys.executable, "-m", "paramsched", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    shown = [line.rstrip() for line in drawn.stdout.splitlines()]
    assert shown[: len(picture) - 1] == picture[:-1]


def test_the_report_about_a_log_equals_the_output_of_the_command():
    command, *report = block("console", "$ paramsched audit").removeprefix("$ paramsched ").splitlines()

    printed = subprocess.run(
        [sys.executable, "-m", "paramsched", *command.split()],
        cwd=README.parent,
        capture_output=True,
        text=True,
        check=True,
    )

    for line, shown in zip(printed.stdout.splitlines(), report, strict=True):
        assert line.startswith(shown.removesuffix("…"))


def test_the_loop_runs_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(block("yaml"), encoding="utf-8")
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    loader = [(torch.ones(1), torch.ones(1))] * 3
    names = {
        "optimizer": optimizer,
        "loader": loader,
        "model": lambda x: x * parameter,
        "loss": torch.nn.functional.mse_loss,
    }

    exec(block("python"), names)

    assert names["scheduler"].t == names["scheduler"].total == 60


def test_the_stored_picture_shows_the_plan():
    (module,) = of_the_docs("readme_picture")

    assert module.FILE.read_text(encoding="utf-8") == module.picture(), "run python docs/extensions/readme_picture.py"
