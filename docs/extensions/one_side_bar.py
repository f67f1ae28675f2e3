"""The navigation tree in the side bar, built once; each page gets a copy with relative links and its own branch open.

Sphinx and the theme would rebuild it for each page, from the headings of all pages: a fifth of the build time.
"""

import re
from functools import cache
from typing import Any

from docutils import nodes
from furo.navigation import get_navigation_tree
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import global_toctree_for_doc
from sphinx.util.osutil import relative_uri

_TAG = re.compile(r'<(/?\w+)(?: class="([^"]*)")?(?: href="([^"#][^"]*)")?[^>]*>')


@cache
def closed_tree(builder: StandaloneHTMLBuilder) -> str:
    """Return the theme's tree for the front page, which is not in the tree, so every branch is closed."""
    options: dict[str, Any] = {
        "collapse": False,
        "titles_only": True,
        "maxdepth": -1,
        "includehidden": True,
    }
    tree = global_toctree_for_doc(
        builder.env, builder.config.root_doc, builder, tags=builder.tags, **options
    )
    return get_navigation_tree(builder.render_partial(tree)["fragment"])


def tree_on(address: str, tree: str) -> str:
    """Return the tree for a page: with links relative to it, and with the branches that contain it open."""
    around: list[int] = []
    for tag in _TAG.finditer(tree):
        if tag[1] in {"li", "ul"}:
            around.append(tag.start())
        elif tag[1] in {"/li", "/ul"}:
            around.pop()
        elif tag[3] == address:
            break
    unfolded = False

    def changed(tag: re.Match[str]) -> str:
        nonlocal unfolded
        text = tag[0]
        if tag[1] in {"li", "ul"}:
            unfolded = tag.start() in around
        if tag[3] is not None:
            text = text.replace(
                f'href="{tag[3]}"', f'href="{relative_uri(address, tag[3]) or "#"}"'
            )
        if tag[3] == address:
            text = text.replace('class="', 'class="current ')
        if not unfolded:
            return text
        if tag[1] == "input":
            return text.replace(" class=", ' checked="" class=')
        if tag[1] == "ul":
            return '<ul class="current">'
        if tag[1] == "li":
            depth, *rest = tag[2].split()
            page = ["current-page"] if tag.start() == around[-1] else []
            return f'<li class="{" ".join([depth, "current", *rest, *page])}">'
        return text

    return _TAG.sub(changed, tree)


def keep_from_theme(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document,
) -> None:
    """Keep the theme from building a tree."""
    context.pop("toctree", None)


def give_to_theme(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document,
) -> None:
    """Pass the tree to the theme's templates."""
    if isinstance(app.builder, StandaloneHTMLBuilder):
        context["furo_navigation_tree"] = tree_on(
            app.builder.get_target_uri(page), closed_tree(app.builder)
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Build the tree in place of the theme, whose priority is 500."""
    app.connect("html-page-context", keep_from_theme, priority=400)
    app.connect("html-page-context", give_to_theme, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
