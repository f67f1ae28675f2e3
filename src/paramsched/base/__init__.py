"""Modules that every layer uses: problems, checks, suggested names, files."""

# For the distributions beside this one, which import from lists.
from paramsched.base import codes as codes
from paramsched.base.problem import Problem as Problem
from paramsched.base.problem import pass_over as pass_over
from paramsched.base.problem import warn_user as warn_user
from paramsched.base.words import ROOT as ROOT
from paramsched.base.words import child_path as child_path
from paramsched.base.words import closest as closest
from paramsched.base.words import did_you_mean as did_you_mean
from paramsched.base.words import entry_path as entry_path
from paramsched.base.words import names_listed as names_listed
from paramsched.base.words import printable as printable
from paramsched.base.words import printable_lines as printable_lines

VERSION = "1.0.0rc7"
"""The version of the library, as in pyproject.toml."""
