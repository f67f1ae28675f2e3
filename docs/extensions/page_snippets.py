"""Runs the code of every page while it is read, and shows what it printed.

A page is one namespace and one folder, and its blocks run in their order:

- Python runs; what it prints is shown below it. Python with prompts is a doctest.
- `console` runs what stands behind `$`, and shows the output. Output that the page holds already is replaced.
- A block whose first line is a comment with a file's name, `# plan.yaml`, is written into the folder too.
- Where the code uses what it does not make, such as `optimizer`, the lines to paste before it are folded in front.
- The comment `<!-- run … -->` is code that is not shown; `<!-- not run: why -->` leaves the next block out.

A snippet for a library that is not installed is left out, and the log says so; the test suite has them all.
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
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import toy
from click.testing import CliRunner
from docutils import nodes
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
_UNFOLD = '<details class="beginning"><summary>The code of this page begins with</summary>'
_LEFT_OUT = re.compile(r"<!--\s*not run: ")


class Failure(Exception):
    """A snippet did not do what the page says."""


class Page:
    """One page's namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: dict[str, Any] = {"__name__": "__main__", **toy.names()}

    def run_python(self, code: str) -> str:
        """Run a block; the result is what it printed.

        Raises:
            Failure: an error, or a doctest that prints something else.
        """
        if ">>> " in code:
            self.run_doctest(code)
            return ""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, f"<{self.name}>", "exec"), self.names)
        return said.getvalue()

    def run_doctest(self, code: str) -> None:
        """Run a block with prompts, and compare what it prints."""
        test = doctest.DocTestParser().get_doctest(code, self.names, self.name, self.name, 0)
        said: list[str] = []
        flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        result = doctest.DocTestRunner(optionflags=flags).run(test, out=said.append, clear_globs=False)
        self.names.update(test.globs)
        if result.failed:
            raise Failure("".join(said))


def run_commands(text: str) -> str:
    """Run the lines behind `$`; the result is each of them with its output.

    Raises:
        Failure: a command that ended with an error, without `# fails` behind it.
    """
    shown = []
    for line in re.findall(r"^\$ (.+)$", text, re.MULTILINE):
        command, _, remark = line.partition("  # ")
        code, output = run_command(shlex.split(command))
        if (code != 0) != remark.startswith("fails"):
            raise Failure(f"$ {command}\n{output}\nexit code {code}")
        shown += [f"$ {command}", output.rstrip()]
    return "\n".join(filter(None, shown))


def run_command(words: list[str]) -> tuple[int, str]:
    """Run one command: paramsched and Python in this process, others in their own."""
    if words[0] == "paramsched":
        found = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(main, words[1:], prog_name="paramsched")
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, found.output
    if words[0] == "python":
        return run_script(words[1:])
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def run_script(words: list[str]) -> tuple[int, str]:
    """Run a script of the page's folder."""
    said = io.StringIO()
    before = sys.argv
    sys.argv = words
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.argv = before
    return 0, said.getvalue()


def run_page(app: Sphinx, doctree: nodes.document) -> None:
    """Run the blocks of a page, in their order; the first that fails is the last."""
    blocks = [node for node in doctree.findall() if isinstance(node, nodes.literal_block) or is_comment(node)]
    if app.env.docname != app.config.root_doc:
        show_beginning(blocks)
    page, left_out = Page(app.env.docname), False
    with folder_of_page(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for node in blocks:
            text = node.astext()
            if is_comment(node):
                node.parent.remove(node)
                left_out = left_out or _LEFT_OUT.match(text) is not None
                hidden = _HIDDEN.fullmatch(text)
                task = partial(page.run_python, hidden[1]) if hidden is not None else None
            else:
                task, left_out = None if left_out else partial(run_block, page, node), False
            if task is not None and not done(task, page, node):
                return


def show_beginning(blocks: list[Any]) -> None:
    """Put what the code of a page begins with before its first block, folded, where it needs that."""
    code = [node for node in blocks if node.get("language") == "python" and "source" not in node]
    if toy.is_needed(without_prompts(node.astext()) for node in code):
        text = toy.BEGINNING.rstrip()
        lines = nodes.literal_block(text, text, language="python", source="toy.py")
        first, last = (nodes.raw("", text, format="html") for text in (_UNFOLD, "</details>"))
        where = code[0].parent.index(code[0])
        code[0].parent.insert(where, [first, lines, last])


def without_prompts(code: str) -> str:
    """The code of a doctest; other code as it is."""
    if ">>> " not in code:
        return code
    return "".join(example.source for example in doctest.DocTestParser().get_examples(code))


def is_comment(node: nodes.Node) -> bool:
    """Whether a node is a comment of HTML."""
    return isinstance(node, nodes.raw) and node.astext().startswith("<!--")


def done(task: Callable[[], object], page: Page, node: nodes.Node) -> bool:
    """Do what a block asks for; the result is whether the page goes on. Whatever fails is told at its place."""
    try:
        logs.disable()  # what the library logs is for its users
        try:
            task()
        finally:
            logs.disable(logs.NOTSET)
    except (ModuleNotFoundError, MissingDependency) as absent:
        if any(peer in str(absent) for peer in PEERS):
            LOG.info("%s: from here on not run: %s", page.name, absent)
        else:
            LOG.warning("a snippet failed:\n%s\n%s", node.astext(), absent, location=node)
    except Failure as failure:
        LOG.warning("a snippet failed:\n%s", failure, location=node)
    except Exception:  # noqa: BLE001  # whatever a snippet raises
        said = "".join(traceback.format_exc().splitlines(keepends=True)[-4:])
        LOG.warning("a snippet failed:\n%s\n%s", node.astext(), said, location=node)
    else:
        return True
    return False


def run_block(page: Page, node: nodes.literal_block) -> None:
    """Run one block, or write it as a file."""
    if "source" in node:  # a file that is shown; the tests run it
        return
    text, language = node.astext(), node.get("language")
    file = _FILE.match(text)
    name = node.get("file") or (file[1] if file is not None else None)
    if name is not None:
        Path(name).write_text(text + "\n", encoding="utf-8")
    elif language == "console":
        set_text(node, run_commands(text))
    elif language == "python" and (output := page.run_python(text)):
        shown = nodes.literal_block(output, output.rstrip(), language="text", classes=["output"])
        node.parent.insert(node.parent.index(node) + 1, shown)


def set_text(node: nodes.Element, text: str) -> None:
    """Give a block another text."""
    node.children = []
    node += nodes.Text(text)
    node.rawsource = text  # type: ignore[attr-defined]  # what Sphinx colors


@contextlib.contextmanager
def folder_of_page() -> Iterator[None]:
    """An empty folder as the current one."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run the code of each page that is read."""
    app.connect("doctree-read", run_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
