"""A warning for each block of code that is wider than the column of a page.

A wider block scrolls sideways and hides its end, which is often the important part. The blocks of all pages are checked
after they have run, so that printed output, included files and the examples of docstrings count too.
"""

import re

from docutils import nodes
from page_width import COLUMNS
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)
DOTS = re.compile("[\u2800-\u28ff]")


def check_width(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of each line that is wider than the column, and mark drawings, whose dots are wider than letters."""
    for node in doctree.findall(
        lambda node: isinstance(node, nodes.literal_block | nodes.doctest_block)
    ):
        if DOTS.search(node.astext()):
            node["classes"].append("drawing")
        for line in node.astext().splitlines():
            if len(line) > COLUMNS:
                LOG.warning(
                    "a line of code has %d columns, at most %d fit:\n%s",
                    len(line),
                    COLUMNS,
                    line,
                    location=node,
                )


def setup(app: Sphinx) -> dict[str, bool]:
    """Check each page that is read, after its code has run at priority 500."""
    app.connect("doctree-read", check_width, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
