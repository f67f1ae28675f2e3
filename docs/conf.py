"""Sphinx: Markdown pages, and docstrings in Google's sections. Built with warnings as errors."""

import importlib.metadata
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))
import reference  # it stands beside this file

project = "paramsched"
author = "the paramsched authors"
copyright = "the paramsched authors, Apache-2.0"
release = importlib.metadata.version("paramsched")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the signature says it once
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
default_role = "code"  # docstrings are written with single backticks
suppress_warnings = ["ref.python"]

html_theme = "alabaster"
html_theme_options = {"description": "Plans for hyperparameters over time", "page_width": "70rem"}


def setup(app: Sphinx) -> None:
    """Write the pages that follow from the code, and make plain-text docstrings safe for its markup."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon, at 500


def generate(app: Sphinx) -> None:
    """Write the reference pages; one that has not changed is left alone, so that a second build is quick."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    for name, text in reference.pages().items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def escape(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep `*`, `|` and a final `_` as they stand: the formulas are plain text. Code and doctests are left alone."""
    in_doctest = False
    for number, line in enumerate(lines):
        in_doctest = bool(line.strip()) and (in_doctest or line.lstrip().startswith(">>>"))
        if not in_doctest:
            pieces = re.split(r"(`[^`]*`)", line)
            pieces[::2] = [re.sub(r"([*|]|_(?=\W|$))", r"\\\1", piece) for piece in pieces[::2]]
            lines[number] = "".join(pieces)
