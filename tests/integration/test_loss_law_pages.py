"""The tutorial on loss laws and the how-to on scaling rules: their code and commands run, in order."""

import contextlib
import io
import re
import shlex
import warnings

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from support.pages import DOCS

BLOCKS = re.compile(r"<!-- run\n(.*?)-->|^```python\n(.*?)^```|^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


def printed_by(page):
    """Run the blocks of a page in the current folder, and return what they print."""
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for hidden, code, commands in BLOCKS.findall((DOCS / page).read_text(encoding="utf-8")):
            if hidden or code:
                exec(compile(hidden or code, page, "exec"), names)
            for command in re.findall(r"^\$ paramsched (.+)$", commands.replace("\\\n", ""), re.MULTILINE):
                result = CliRunner().invoke(main, shlex.split(command))
                assert result.exit_code == 0, result.output
                printed.write(result.output)
    return printed.getvalue()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "tutorials/choose-a-schedule.md",
            ["mean error 0.0021", "about equal", "linear(over=", "bound", "predicted: 2.9368 (", "measured"],
        ),
        (
            "how-to/another-batch-size.md",
            ["× 2 = √(B/B₀)   arXiv 2205.10287", "'weight_decay': 0.2", "1048576", "2,544 updates instead"],
        ),
    ],
)
def test_the_code_of_the_page_prints_what_it_describes(page, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    printed = printed_by(page)
    printed += "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.svg"))

    assert [one for one in expected if one not in printed] == []
