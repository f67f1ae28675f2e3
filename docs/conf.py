"""Sphinx: Markdown pages, and docstrings in Google's sections. Built with warnings as errors."""

import importlib.metadata

project = "paramsched"
author = "the paramsched authors"
copyright = "the paramsched authors, Apache-2.0"
release = importlib.metadata.version("paramsched")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
# Formulas and doctests live in docstrings; napoleon reads Args, Returns and Raises.
napoleon_numpy_docstring = False
default_role = "code"

html_theme = "alabaster"
html_theme_options = {"description": "Plans for hyperparameters over time", "page_width": "70rem"}
