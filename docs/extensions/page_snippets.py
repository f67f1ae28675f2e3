"""Runs the code of every page while Sphinx reads it, and shows the output.

The blocks of a page run in order, in one namespace and one folder, as `page_code` describes. This extension adds to the
page what a reader sees of it:

- The output of Python is shown below it. The output of commands replaces any output in the page's source, and a picture
  that they write, `-o run.svg`, is shown below.
- Above a block that is not run because it needs something, a line names that.
- If the code uses names that it does not define, such as `optimizer`, the lines to paste first are folded above it.

A snippet that needs a library that is not installed is skipped and logged. The test suite runs all of them.
Output is wrapped at the width of the column, as in a terminal of that width.
"""

import logging as logs
import re
import shlex
import textwrap
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from code_width import DOTS
from docutils import nodes
from page_code import (
    Block,
    Failure,
    Page,
    file_name,
    folder_of_page,
    one_line,
    reason_not_run,
    run_command,
    run_commands,
)
from page_width import COLUMNS
from plan_picture import without_style
from sphinx.application import Sphinx
from sphinx.util import logging

from paramsched.errors import MissingDependency

LOG = logging.getLogger(__name__)
PEERS = {
    "accelerate", "hydra", "ignite", "jsonargparse", "lightning", "mlflow", "mmengine",
    "optuna", "pytorch_accelerated", "skorch", "tensorboard", "timm", "trackio", "transformers", "wandb",
}  # fmt: skip
_UNFOLD = (
    '<details class="beginning"><summary>Setup: paste these lines first</summary>'
)
_PICTURE = re.compile(r"^[^#\n]*-o ([\w-]+\.svg)", re.MULTILINE)


def run_page(app: Sphinx, doctree: nodes.document) -> None:
    """Run the blocks of a page in order, and stop at the first that fails."""
    blocks = [
        node
        for node in doctree.findall()
        if isinstance(node, nodes.literal_block) or is_comment(node)
    ]
    code = [node for node in blocks if node.get("language") == "python"]
    page = Page.as_pasted(app.env.docname, map(block_of, code))
    if page.beginning:
        show_beginning(
            page.beginning, next(one for one in code if block_of(one).file is None)
        )
    skip_next = False
    with folder_of_page(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for node in blocks:
            if is_comment(node):
                reason = reason_not_run(node.astext())
                node.parent.replace(node, needs(reason or ""))
                skip_next = skip_next or reason is not None
                continue
            if (
                not skip_next
                and app.config.run_snippets
                and not succeeds(partial(run_block, page, node), page, node)
            ):
                return
            skip_next = False


def show_beginning(text: str, first: nodes.Element) -> None:
    """Insert the folded beginning of a page's code above its first block that is not a file."""
    text = text.rstrip()
    lines = nodes.literal_block(text, text, language="python", source="toy.py")
    before, behind = (
        nodes.raw("", html, format="html") for html in (_UNFOLD, "</details>")
    )
    where = first.parent.index(first)
    first.parent.insert(where, [before, lines, behind])


def needs(reason: str) -> list[nodes.Node]:
    """Return the sentence above a block that needs what a reader may lack."""
    if not reason.startswith("it needs "):
        return []
    sentence = "N" + reason.removeprefix("it n").partition(";")[0]
    return [nodes.paragraph(sentence, f"{sentence}:", classes=["needs"])]


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
    """Run one block, and show its output."""
    block = block_of(node)
    is_included_program = "source" in node and block.file is None  # the tests run it
    if is_included_program:
        return
    if block.file is None and block.language == "console":
        run_console(node, block.text)
        return
    output, where = wrapped(page.run(block).rstrip()), node.parent.index(node) + 1
    if block.language == "python" and (html := drawn(page.result)):
        html = f'<div class="plan">{without_style(html)}</div>'
        node.parent.insert(where, nodes.raw("", html, format="html"))
    if output:
        shown = nodes.literal_block(
            output, output, language="text", classes=["output"]
        )
        node.parent.insert(where, shown)


def drawn(value: object) -> str:
    """Return what a notebook shows of a value of the library, as HTML; "" if it shows a text."""
    if not type(value).__module__.startswith("paramsched."):
        return ""
    bundle = getattr(value, "_repr_mimebundle_", dict)()
    page = getattr(value, "_repr_html_", str)()
    return page or bundle.get("text/html", bundle.get("image/svg+xml", ""))


def run_console(node: nodes.literal_block, text: str) -> None:
    """Run commands, and show their output and their pictures. A drawing of the terminal is shown as its SVG."""
    shown, files = [], []
    for written, output in run_commands(text):
        shown.append(written)
        if DOTS.search(output) and written.startswith("$ paramsched show "):
            files.append(f"drawing-{len(files)}.svg")
            arguments = shlex.split(one_line(written.removeprefix("$ ")))
            run_command([*arguments, "-o", files[-1]])
        elif output:
            shown.append(output)
        files += _PICTURE.findall(written)
    set_text(node, wrapped("\n".join(shown)))
    for file in reversed(files):
        picture = without_style(Path(file).read_text(encoding="utf-8"))
        html = f'<div class="plan">{picture}</div>'
        where = node.parent.index(node) + 1
        node.parent.insert(where, nodes.raw("", html, format="html"))


def block_of(node: nodes.Element) -> Block:
    """Return what a reader copies from a block. Its caption, or else its first line, is the name of its file."""
    text, above = node.astext(), node.parent[0]
    caption = above.astext() if isinstance(above, nodes.caption) else None
    return Block(node.get("language", ""), text, caption or file_name(text + "\n"))


def wrapped(output: str) -> str:
    """Wrap the lines of an output at the width of the column."""
    return "\n".join(map(wrapped_line, output.splitlines()))


def wrapped_line(line: str) -> str:
    """Wrap a line, and indent the lines that continue it."""
    if len(line) <= COLUMNS:
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


def setup(app: Sphinx) -> dict[str, bool]:
    """Run the code of each page when it is read; with `-D run_snippets=0` only add what a reader pastes."""
    app.add_config_value("run_snippets", True, "env", types=bool)
    app.connect("doctree-read", run_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
