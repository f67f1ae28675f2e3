"""Reader of optax calls in Python text, which is not executed.

`optax.constant_schedule(0.1)` is read as `{"_target_": "optax.constant_schedule", "_args_": [0.1]}`. Numbers, names and
arithmetic are read as in any Python config.
"""

import ast
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

from paramsched.base.codes import UNREADABLE
from paramsched.base.diagnostic import ROOT, child_path
from paramsched.config.diagnostic_collector import DiagnosticCollector, plain_data
from paramsched.config.plan_files import read_peer_data
from paramsched.config.python_config.config_file import PythonFile, public_names
from paramsched.config.python_config.source import PythonSource, parse_python
from paramsched.config.python_config.values import Budget, NeedsRunning, References
from paramsched.config.text_limits import refuse_many_words
from paramsched.errors import ConfigError

_RESULT: Final = "schedule_of_this_text"
_EXAMPLE: Final = "Write schedule = optax.cosine_decay_schedule(0.001, 10000), with numbers"


def read(text: str, source: str = "config") -> Any:
    """Read YAML, JSON, or Python text with calls of optax, of which the last line with a call is used.

    >>> read("n = 100; optax.cosine_decay_schedule(1e-3, decay_steps=10 * n)")
    {'_target_': 'optax.cosine_decay_schedule', '_args_': [0.001], 'decay_steps': 1000}
    """
    diagnostics = DiagnosticCollector()
    is_python = Path(source).suffix == ".py"
    if not is_python:
        refuse_many_words(text, source)
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            tree = parse_python(text)
            is_python = any(map(_OptaxCalls(tree).called, ast.walk(tree)))
    if not is_python:
        return read_peer_data(text, "yaml", source)
    plain = plain_data(_without_unknown(_data_of_calls(text, source), ROOT, diagnostics), diagnostics)
    diagnostics.raise_any(source)
    return plain


def _data_of_calls(text: str, source: str) -> Any:
    """Return the last line that calls optax, with its calls as mappings."""
    file = PythonSource(text, source)
    calls = _OptaxCalls(file.tree)
    lines = [one for one in file.tree.body if isinstance(one, (ast.Assign, ast.AnnAssign, ast.Expr))]
    last = next((one for one in reversed(lines) if any(map(calls.called, ast.walk(one)))), None)
    if last is None or last.value is None:
        raise ConfigError(source, [f"no line outside functions calls a schedule of optax. {_EXAMPLE}"])
    # Later lines do not affect the value of this line.
    body = file.tree.body[: file.tree.body.index(last)]
    result = ast.copy_location(ast.Assign([ast.Name(_RESULT, ast.Store())], last.value), last)
    try:
        file.tree.body = [ast.fix_missing_locations(calls.visit(one)) for one in (*body, result)]
    except RecursionError:
        raise ConfigError(source, [f"the calls are nested too deeply. {_EXAMPLE}"]) from None
    # Base files are not supported here.
    found = PythonFile(file, Budget(), References(), lambda paths: {}, None).read()  # noqa: ARG005
    return public_names(found)[_RESULT]


@final
class _OptaxCalls(ast.NodeTransformer):
    """Transformer that replaces each call of optax by the mapping from which Hydra would build it.

    Args:
        tree: the text; calls of `optax.x` and of imported aliases are recognized.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._imported: dict[str, str] = {"optax": "optax"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._imported |= {one.asname: one.name for one in node.names if one.asname}
            elif isinstance(node, ast.ImportFrom):
                self._imported |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}

    def called(self, node: ast.AST) -> str | None:
        """Return the full name of the called function, or None if the node does not call optax."""
        if not isinstance(node, ast.Call):
            return None
        names, holder = [], node.func
        while isinstance(holder, ast.Attribute):
            names.append(holder.attr)
            holder = holder.value
        if not isinstance(holder, ast.Name):
            return None
        whole = ".".join([self._imported.get(holder.id, ""), *reversed(names)])
        return whole if whole.startswith("optax.") else None

    def visit_Call(self, node: ast.Call) -> ast.AST:  # the name that ast looks for
        self.generic_visit(node)
        name = self.called(node)
        if name is None:
            return node
        entries: list[tuple[str | None, ast.expr]] = [("_target_", ast.Constant(name))]
        if node.args:
            entries.append(("_args_", ast.List(node.args, ast.Load())))
        entries += [(one.arg, one.value) for one in node.keywords]
        keys: list[ast.expr | None] = [None if key is None else ast.Constant(key) for key, _ in entries]
        return ast.copy_location(ast.Dict(keys, [value for _, value in entries]), node)


def _without_unknown(value: Any, path: str, diagnostics: DiagnosticCollector) -> Any:
    """Report each value that is known only when the text is executed, and replace it by None."""
    if isinstance(value, NeedsRunning):
        diagnostics.add(path, str(value), _EXAMPLE, code=UNREADABLE)
        return None
    if isinstance(value, Mapping):
        return {key: _without_unknown(one, child_path(path, key), diagnostics) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_unknown(one, child_path(path, index), diagnostics) for index, one in enumerate(value)]
    return value
