"""Runs the code of every page while Sphinx reads it, and shows the output.

The blocks of a page run in order, in one namespace and one folder:

- Python runs, and its output is shown below it. Python with prompts is a doctest.
- `console` runs the commands after `$` and shows their output, which replaces any output in the page's source. A
  picture that they write, `-o run.svg`, is shown below.
- A block whose first line is a comment with a file name, `# plan.yaml`, is also written to the folder.
- If the code uses names that it does not define, such as `optimizer`, the lines to paste first are folded above it.
- The comment `<!-- run … -->` contains code that runs but is not shown; `<!-- not run: why -->` skips the next block.

A snippet that needs a library that is not installed is skipped and logged. The test suite runs all of them.
Output is wrapped at the width of the column, as in a terminal of that width.
"""

import contextlib
import doctest
import io
import logging as logs
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import toy
from click.testing import CliRunner
from docutils import nodes
from page_width import COLUMNS
from plan_picture import without_style
from sphinx.application import Sphinx
from sphinx.util import logging

from paramsched.cli import main
from paramsched.errors import MissingDependency

LOG = logging.getLogger(__name__)
PEERS = {
    "accelerate", "hydra", "ignite", "jax", "jsonargparse", "keras", "lightning", "mlflow", "mmengine", "optax",
    "optuna", "pytorch_accelerated", "skorch", "tensorboard", "timm", "trackio", "transformers", "wandb",
}  # fmt: skip
_FILE = re.compile(r"(?:#|//) ([\w-]+\.(?:yaml|toml|json|py|csv))\n")
_HIDDEN = re.compile(r"<!--\s*run\n(.*?)-->\s*", re.DOTALL)
_UNFOLD = (
    '<details class="beginning"><summary>Setup: paste these lines first</summary>'
)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.+)$", re.MULTILINE)
_PICTURE = re.compile(r"^[^#\n]*-o ([\w-]+\.svg)", re.MULTILINE)
_NOT_RUN = re.compile(r"<!--\s*not run: ")


class Failure(Exception):
    """A snippet did not do what the page states."""


class Page:
    """One page's namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: dict[str, Any] = {"__name__": "__main__", **toy.names()}

    def run_python(self, code: str) -> str:
        """Run a block, and return its output.

        Raises:
            Failure: a doctest printed something else.
        """
        if ">>> " in code:
            self.run_doctest(code)
            return ""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"<{self.name}>", "exec"), self.names)
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


def run_commands(text: str) -> str:
    """Run the commands after `$`, and return each of them with its output.

    Raises:
        Failure: a command failed without `# fails` after it, or succeeded with it.
    """
    shown = []
    for written in _COMMAND.findall(text):
        command, _, remark = re.sub(r"\\\n\s*", "", written).partition("  # ")
        code, output = run_command(shlex.split(command))
        if (code != 0) != remark.startswith("fails"):
            raise Failure(f"$ {command}\n{output}\nexit code {code}")
        shown += [f"$ {written.partition('  # ')[0]}", output.rstrip()]
    return "\n".join(filter(None, shown))


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
    done = subprocess.run(
        arguments, capture_output=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout + done.stderr


def run_script(arguments: list[str]) -> tuple[int, str]:
    """Run a script of the page's folder."""
    printed = io.StringIO()
    previous = sys.argv
    sys.argv = arguments
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        sys.argv = previous
    return 0, printed.getvalue()


def run_page(app: Sphinx, doctree: nodes.document) -> None:
    """Run the blocks of a page in order, and stop at the first that fails."""
    blocks = [
        node
        for node in doctree.findall()
        if isinstance(node, nodes.literal_block) or is_comment(node)
    ]
    if app.env.docname != app.config.root_doc:
        show_beginning(blocks)
    page, skip_next = Page(app.env.docname), False
    with folder_of_page(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for node in blocks:
            text = node.astext()
            if is_comment(node):
                node.parent.remove(node)
                skip_next = skip_next or _NOT_RUN.match(text) is not None
                hidden = _HIDDEN.fullmatch(text)
                task = (
                    partial(page.run_python, hidden[1])
                    if hidden is not None
                    else None
                )
            else:
                task, skip_next = (
                    None if skip_next else partial(run_block, page, node),
                    False,
                )
            if task is not None and not succeeds(task, page, node):
                return


def show_beginning(blocks: list[Any]) -> None:
    """Insert the folded beginning of a page's code before its first block, if the code needs it."""
    code = [
        node
        for node in blocks
        if node.get("language") == "python" and "source" not in node
    ]
    if toy.is_needed(without_prompts(node.astext()) for node in code):
        text = toy.BEGINNING.rstrip()
        lines = nodes.literal_block(text, text, language="python", source="toy.py")
        first, last = (
            nodes.raw("", text, format="html") for text in (_UNFOLD, "</details>")
        )
        where = code[0].parent.index(code[0])
        code[0].parent.insert(where, [first, lines, last])


def without_prompts(code: str) -> str:
    """Return the code of a doctest without prompts and output; other code is unchanged."""
    if ">>> " not in code:
        return code
    return "".join(
        example.source for example in doctest.DocTestParser().get_examples(code)
    )


def is_comment(node: nodes.Node) -> bool:
    """Return whether a node is an HTML comment."""
    return isinstance(node, nodes.raw) and node.astext().startswith("<!--")


def succeeds(task: Callable[[], object], page: Page, node: nodes.Node) -> bool:
    """Run a block's task, warn at its location if it fails, and return whether the page continues."""
    try:
        logs.disable()  # because the library's log does not belong into the log of the build
        try:
            task()
        finally:
            logs.disable(logs.NOTSET)
    except (ModuleNotFoundError, MissingDependency) as absent:
        if any(peer in str(absent) for peer in PEERS):
            LOG.info("%s: the rest of the page is not run: %s", page.name, absent)
        else:
            LOG.warning(
                "a snippet failed:\n%s\n%s", node.astext(), absent, location=node
            )
    except Failure as failure:
        LOG.warning("a snippet failed:\n%s", failure, location=node)
    except Exception:  # noqa: BLE001  # because a snippet may raise anything
        report = "".join(traceback.format_exc().splitlines(keepends=True)[-4:])
        LOG.warning("a snippet failed:\n%s\n%s", node.astext(), report, location=node)
    else:
        return True
    return False


def run_block(page: Page, node: nodes.literal_block) -> None:
    """Run one block, or write it to a file."""
    if "source" in node:  # an included file, which the tests run
        return
    text, language = node.astext(), node.get("language")
    file = _FILE.match(text)
    name = node.get("file") or (file[1] if file is not None else None)
    if name is not None:
        Path(name).write_text(text + "\n", encoding="utf-8")
    elif language == "console":
        set_text(node, wrapped(run_commands(text)))
        for file in reversed(_PICTURE.findall(text)):
            picture = without_style(Path(file).read_text(encoding="utf-8"))
            shown = f'<div class="plan">{picture}</div>'
            where = node.parent.index(node) + 1
            node.parent.insert(where, nodes.raw("", shown, format="html"))
    elif language == "python" and (output := page.run_python(text)):
        output = wrapped(output.rstrip())
        shown = nodes.literal_block(
            output, output, language="text", classes=["output"]
        )
        node.parent.insert(node.parent.index(node) + 1, shown)


def wrapped(output: str) -> str:
    """Wrap the sentences in an output at the width of the column; rows of tables stay as they are."""
    return "\n".join(map(wrapped_line, output.splitlines()))


def wrapped_line(line: str) -> str:
    """Wrap a line, and indent the lines that continue it, unless it is a row of a table."""
    if len(line) <= COLUMNS or "  " in line.strip():
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line,
        COLUMNS,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def set_text(node: nodes.Element, text: str) -> None:
    """Replace the text of a block."""
    node.children = []
    node += nodes.Text(text)
    node.rawsource = text  # type: ignore[attr-defined]  # because Sphinx highlights the raw source


@contextlib.contextmanager
def folder_of_page() -> Iterator[None]:
    """Make an empty folder the current one."""
    previous = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(previous)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run the code of each page when it is read."""
    app.connect("doctree-read", run_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
