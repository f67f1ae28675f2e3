"""The code of a page: its blocks, and how each runs. Needs no Sphinx, because the tests run the pages too.

- Python runs. If a notebook draws the value of the last line, the page shows the picture.
- Python with prompts is a doctest.
- `console` runs the commands after `$`. A command that should fail ends with `  # exit code 1: a word of its output`.
- A block whose first line is a comment with a file name, `# plan.yaml`, is also written to the folder.
- The comment `<!-- not run: why -->` skips the next block.

The folder contains a link to `examples`, as the folder of the repository does.
"""

import ast
import contextlib
import doctest
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toy
from click.testing import CliRunner

from paramsched.cli import main

COLUMNS = 86
"""Characters of code that fit into furo's column at 1280 pixels, and of the terminal in which commands run."""
EXAMPLES = Path(__file__).parents[2] / "examples"
_FILE = re.compile(r"(?:#|//) ([\w-]+\.(?:yaml|toml|json|py|csv))\n")
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.+)$", re.MULTILINE)
_FAILURE = re.compile(r"exit code (?P<code>[1-9]): (?P<word>.+)")
_RESULT = "_result_of_the_last_line"
_NOT_RUN = re.compile(r"<!--\s*not run: (.*?)\s*-->", re.DOTALL)
PARTS = re.compile(
    r"^<!--(?P<comment>.*?)-->|"
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>\{?[\w-]+\}?)(?P<rest>.*)\n(?P<text>(?s:.*?))^ *(?P=fence) *$",
    re.MULTILINE,
)
_OPTION = re.compile(r"\A:([\w-]+):(.*)\n", re.MULTILINE)


class Failure(Exception):
    """A snippet did not do what the page states."""


@dataclass(frozen=True)
class Block:
    """A block of a page's source.

    Attributes:
        language: Of the fence: `python`, `console`, …
        text: What a reader copies.
        file: The file that it is, or None.
        not_run: Why the build of the pages does not run it, or None.
    """

    language: str
    text: str
    file: str | None = None
    not_run: str | None = None


def file_name(text: str) -> str | None:
    r"""Return the name in the first line of a block.

    >>> file_name("# plan.yaml\nlr: cosine()")
    'plan.yaml'
    """
    found = _FILE.match(text)
    return None if found is None else found[1]


def reason_not_run(comment: str) -> str | None:
    """Return why the block after a comment is not run, or None if it is run.

    >>> reason_not_run("<!-- not run: it needs a device -->")
    'it needs a device'
    """
    found = _NOT_RUN.match(comment)
    return None if found is None else found[1]


def blocks(page: str) -> Iterator[Block]:
    r"""Return the blocks of a page's Markdown in order, and the files and scripts that its directives show.

    >>> list(blocks("Text\n\n```python\nx = 1\n```\n"))
    [Block(language='python', text='x = 1', file=None, not_run=None)]
    """
    reason = None
    for part in PARTS.finditer(page):
        if part["comment"] is not None:
            reason = reason_not_run(part[0]) or reason
            continue
        text, options = textwrap.dedent(part["text"]).rstrip("\n"), {}
        while part["language"].startswith("{") and (
            option := _OPTION.match(text + "\n")
        ):
            options[option[1]] = option[2].strip()
            text = text[option.end() :]
        if part["language"] == "{script}":
            yield Block("python", after(text), not_run=reason)
        elif part["language"] in {"{plan}", "{code-block}"}:
            file = options.get("file", options.get("caption"))
            yield Block(part["rest"].strip(), text, file)
        elif not part["language"].startswith("{"):
            yield Block(part["language"], text, file_name(text + "\n"), reason)
        reason = None


def after(diff: str) -> str:
    r"""Return a script after a change.

    >>> print(after(" import torch\n-old()\n+new()"))
    import torch
    new()
    """
    return "\n".join(
        line[1:] for line in diff.splitlines() if not line.startswith("-")
    )


def without_prompts(code: str) -> str:
    """Return the code of a doctest without prompts and output; other code is unchanged."""
    if ">>> " not in code:
        return code
    return "".join(
        example.source for example in doctest.DocTestParser().get_examples(code)
    )


def _keeping_result(code: str) -> ast.Module:
    """Return code that assigns the value of its last line, if that is an expression."""
    tree = ast.parse(code)
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        tree.body[-1] = ast.Assign([ast.Name(_RESULT, ast.Store())], last.value)
    return ast.fix_missing_locations(tree)


class Page:
    """One page's namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.beginning = ""  # the lines to paste before the first block
        self.result: Any = (
            None  # of the last line of the last block, which a notebook shows
        )

    @classmethod
    def as_pasted(cls, name: str, blocks: Iterable[Block]) -> "Page":
        """Return the namespace of a reader, who has pasted the folded beginning if the page shows one."""
        page = cls(name)
        code = [
            block.text
            for block in blocks
            if block.language == "python" and block.file is None
        ]
        page.beginning = toy.beginning(map(without_prompts, code))
        page.run_python(page.beginning)
        return page

    def run(self, block: Block) -> str:
        """Run a block, or write it to a file, and return what it printed."""
        if block.file is not None:
            Path(block.file).write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "console":
            pairs = run_commands(block.text)
            return "\n".join(filter(None, (text for pair in pairs for text in pair)))
        elif block.language == "python":
            return self.run_python(block.text)
        return ""

    def run_python(self, code: str) -> str:
        """Run Python, and return its output.

        Raises:
            Failure: a doctest printed something else.
        """
        if ">>> " in code:
            self.run_doctest(code)
            return ""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(_keeping_result(code), f"<{self.name}>", "exec"), self.names)
        self.result = self.names.pop(_RESULT, None)
        return printed.getvalue()

    def run_doctest(self, code: str) -> None:
        """Run a block with prompts, and compare its output."""
        test = doctest.DocTestParser().get_doctest(
            code, self.names, self.name, self.name, 0
        )
        report: list[str] = []
        flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        result = doctest.DocTestRunner(optionflags=flags).run(
            test, out=report.append, clear_globs=False
        )
        self.names.update(test.globs)
        if result.failed:
            raise Failure("".join(report))


def run_commands(text: str) -> list[tuple[str, str]]:
    """Run the commands after `$`, and return each of them with its output, without the mark of one that fails.

    Raises:
        Failure: a command failed without `# exit code` after it, or did not fail as that states.
    """
    shown = []
    for written in _COMMAND.findall(text):
        command, _, remark = one_line(written).partition("  # ")
        code, output = run_command(shlex.split(command))
        stated = _FAILURE.fullmatch(remark)
        as_stated = code == (0 if stated is None else int(stated["code"]))
        if not as_stated or (stated is not None and stated["word"] not in output):
            raise Failure(f"$ {command}\n{output}\nexit code {code}")
        kept = written if stated is None else written.rpartition("  # ")[0]
        shown.append((f"$ {kept}", output.rstrip()))
    return shown


def one_line(written: str) -> str:
    """Return a command whose lines end with a backslash as one line."""
    return re.sub(r"\\\n\s*", "", written)


def run_command(arguments: list[str]) -> tuple[int, str]:
    """Run one command: paramsched and Python in this process, others in a process of their own."""
    if arguments[0] == "paramsched":
        environment = {"COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
        found = CliRunner(env=environment).invoke(
            main, arguments[1:], prog_name="paramsched"
        )
        if found.exception is not None and not isinstance(
            found.exception, SystemExit
        ):
            raise found.exception
        return found.exit_code, found.output
    if arguments[0] == "python":
        return run_script(arguments[1:])
    # torchrun and others are found next to Python, as in an activated environment
    found_in = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        arguments,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"PATH": found_in},
    )
    return done.returncode, done.stdout + done.stderr


def run_script(arguments: list[str]) -> tuple[int, str]:
    """Run a script of the page's folder, which may import modules of its own folder."""
    printed = io.StringIO()
    previous, known = sys.argv, set(sys.modules)
    folder = str(Path(arguments[0]).resolve().parent)
    sys.argv = arguments
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        sys.argv = previous
        sys.path.remove(folder)
        # Another page may have a module of the same name.
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
                del sys.modules[name]
    return 0, printed.getvalue()


@contextlib.contextmanager
def folder_of_page() -> Iterator[None]:
    """Make a new folder the current one."""
    previous = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "examples").symlink_to(EXAMPLES)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(previous)
