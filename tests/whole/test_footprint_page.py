"""The output of the page "What paramsched does to your optimizer" shows what its sentences state."""

import re

import pytest

from support import programs

PROGRAM = """
from support.pages import DOCS, page_code

page = DOCS / "explanation" / "what-it-does-to-your-optimizer.md"
blocks = list(page_code.blocks(page.read_text(encoding="utf-8")))
with page_code.folder_of_page():
    session = page_code.Page.as_pasted(page.name, blocks)
    for block in blocks:
        print(session.run(block))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Run the page in a process of its own, because an audit hook cannot be removed."""
    program = tmp_path_factory.mktemp("page") / "program.py"
    program.write_text(PROGRAM)
    done = programs.run([str(program)])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_two_hooks_on_step_and_four_on_the_state_until_detach(printed):
    on_step = ["step_post_hooks", "step_pre_hooks"]
    on_state = [
        "load_state_dict_post_hooks",
        "load_state_dict_pre_hooks",
        "state_dict_post_hooks",
        "state_dict_pre_hooks",
    ]

    for change in ("0 -> 1", "1 -> 0"):
        assert sorted(re.findall(rf"^(\w+_hooks) {change}$", printed, re.MULTILINE)) == sorted(on_state + on_step)
    assert len(re.findall("_hooks .* -> ", printed)) == 12


def test_nothing_is_patched(printed):
    assert "new attributes of the optimizer: set()\n" in printed


def test_the_entries_are_numbers_and_strings_and_detach_keeps_the_lr(printed):
    entries = dict(re.findall(r"^(lr|initial_lr|paramsched\w*): (.*)$", printed, re.MULTILINE))

    assert {"lr", "initial_lr", "paramsched", "paramsched_t"} == entries.keys()
    assert all(re.fullmatch(r"'.*'|-?[\d.e-]+", value) for value in entries.values())
    (left,) = re.findall("entries that remain: (.*)", printed)
    assert "paramsched" not in left
    assert "the lr is unchanged: True" in printed


def test_torch_loads_the_checkpoint_without_the_package(printed):
    (lr,) = re.findall("^lr (.*)$", printed, re.MULTILINE)

    assert f"lr: {lr}\n" in printed


def test_a_scheduler_opens_no_file_or_connection_starts_no_thread_and_draws_no_random_number(printed):
    assert "events: []\n" in printed
    assert "new threads: 0\n" in printed
    assert "random numbers are unchanged: True" in printed
