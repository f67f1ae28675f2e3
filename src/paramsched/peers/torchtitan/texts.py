"""The syntaxes of a job: TOML up to torchtitan 0.2, Python since 0.3, or YAML."""

import re
from pathlib import Path
from typing import Any, Final

from paramsched.config.plan_files import read_peer_data
from paramsched.peers.torchtitan.python_configs import refuse_without_function

_PYTHON: Final = re.compile(r"^(def \w+\(|from \S+ import |import \w)", re.MULTILINE)
_TABLE_OF_TOML: Final = re.compile(r"^\s*(\[[\w.]+\]|\w+\s*=)", re.MULTILINE)


def read(text: str, source: str) -> Any:
    """Read a job from TOML or YAML. A Python file requires the name of a function, and is an error here."""
    if Path(source).suffix == ".py" or syntax_of(text) == "python":
        raise refuse_without_function(text, source)
    return read_peer_data(text, syntax_of(text), source)


def syntax_of(text: str) -> str:
    """Return the syntax of a job's text.

    >>> syntax_of("[training]"), syntax_of("training: {steps: 10}"), syntax_of("def llama3_8b():")
    ('toml', 'yaml', 'python')
    """
    if _PYTHON.search(text):
        return "python"
    return "toml" if _TABLE_OF_TOML.search(text) else "yaml"
