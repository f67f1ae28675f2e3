"""Runs the code of every page while Sphinx reads it, and shows the output.

The blocks of a page run in order, in one namespace and one folder, as `page_code` describes. This extension adds to the
page what a reader sees of it:

- The output of Python is shown below it. The output of commands replaces any output in the page's source, and a picture
  that they write, `-o run.svg`, is shown below.
- Above a block that is not run because it needs something, a line names that.
- If the code uses names that it does not define, such as `optimizer`, the lines to paste first are folded above it.

A snippet that needs a library that is not installed is skipped and logged. The test suite runs all of them.
"""

import logging as logs
import re
import shlex
import textwrap
import traceback
import warnings
from collections.abc import Callable
from functools import partial

from docutils import nodes
from page_code import (
    COLUMNS,
    Block,
    Failure,
    Page,
    file_name,
    folder_of_page,
    one_line,
    reason_not_run,
    run_commands,
)
from plan_picture import picture_of_command, two_widths, without_style
from sphinx.application import Sphinx
from sphinx.util import logging

from paramsched import Plan
from paramsched.errors import MissingDependency
from paramsched.show.plan_curves import curves_of_plan

LOG = logging.getLogger(__name__)
_UNFOLD = (
    '<details class="beginning"><summary>Setup: paste these lines first</summary>'
)
_DOTS = re.compile("[\u2800-\u28ff]")


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
            page.beginning,
            next(
                one
                for one in code
                if block_of(one).file is None and "source" not in one
            ),
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
        LOG.info("%s: the rest of the page is not run: %s", page.name, absent)
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
    output, where = wrapped(page.run(block)), node.parent.index(node) + 1
    if block.language == "python" and (html := plotted(page.result)):
        html = f'<div class="plan">{without_style(html)}</div>'
        node.parent.insert(where, nodes.raw("", html, format="html"))
    if output:
        shown = nodes.literal_block(
            output, output, language="text", classes=["output"]
        )
        node.parent.insert(where, shown)


def plotted(value: object) -> str:
    """Return what a notebook shows of a value of the library, as HTML; "" if it shows a text."""
    if not type(value).__module__.startswith("paramsched."):
        return ""
    if isinstance(value, Plan):  # the same picture, at two widths
        curves, assumed = curves_of_plan(value)
        heading = f"<div>Plan: {assumed}</div>" if assumed else ""
        return heading + two_widths(curves)
    bundle = getattr(value, "_repr_mimebundle_", dict)()
    page = getattr(value, "_repr_html_", str)()
    return page or bundle.get("text/html", bundle.get("image/svg+xml", ""))


def run_console(node: nodes.literal_block, text: str) -> None:
    """Run commands, and show their output. Each picture of `paramsched show` is shown below, at two widths."""
    shown, html = [], ""
    for written, output in run_commands(text):
        shown.append(written)
        arguments = shlex.split(one_line(written.removeprefix("$ ")))
        draws = any(one.endswith(".svg") for one in arguments) or _DOTS.search(output)
        if arguments[:2] == ["paramsched", "show"] and draws:
            html += f'<div class="plan">{picture_of_command(arguments[2:])}</div>'
        elif output:
            shown.append(output)
    if _DOTS.search("".join(shown)):
        node["classes"].append("drawing")
    set_text(node, wrapped("\n".join(shown)))
    node["force"] = True  # the lexer does not know quotes inside of quotes
    if html:
        where = node.parent.index(node) + 1
        node.parent.insert(where, nodes.raw("", html, format="html"))


def block_of(node: nodes.Element) -> Block:
    """Return what a reader copies from a block. Its caption, or else its first line, is the name of its file."""
    text, above = node.astext(), node.parent[0]
    caption = above.astext() if isinstance(above, nodes.caption) else None
    return Block(node.get("language", ""), text, caption or file_name(text + "\n"))


def wrapped(output: str) -> str:
    """Wrap the lines of an output at the width of the column, and indent the lines that continue one."""
    options = {"break_long_words": False, "break_on_hyphens": False}
    return "\n".join(
        textwrap.fill(line, COLUMNS, subsequent_indent="    ", **options)
        if len(line) > COLUMNS
        else line
        for line in output.rstrip().splitlines()
    )


def set_text(node: nodes.Element, text: str) -> None:
    """Replace the text of a block."""
    node.children = []
    node += nodes.Text(text)
    node.rawsource = text  # type: ignore[attr-defined]  # because Sphinx highlights the raw source


def silence_exit(app: Sphinx, error: Exception | None) -> None:
    """Log no line about the end of the last run at the exit: the runs of the pages are short on purpose."""
    del app, error
    logs.getLogger("paramsched").setLevel(logs.ERROR)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run the code of each page when it is read; with `-D run_snippets=0` only add what a reader pastes."""
    app.add_config_value("run_snippets", True, "env", types=bool)
    app.connect("doctree-read", run_page)
    app.connect("build-finished", silence_exit)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
