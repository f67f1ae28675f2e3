"""Reader of torchtitan's Python configs: functions that return a `Trainer.Config`, which are not executed.

Only `training`, `optimizer` and `lr_scheduler` are read. Their values must be literals. A function may start from
another one of the same file and assign: `config = llama3_8b(); config.training.steps = 100`. Any other statement that
could change these entries is an error.
"""

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, final

from paramsched.base.codes import UNKNOWN_NAME, UNREADABLE
from paramsched.base.diagnostic import Diagnostic, TextLines
from paramsched.base.near_names import did_you_mean
from paramsched.config.python_config.source import parse_python
from paramsched.config.text_limits import refuse_many_words
from paramsched.errors import ConfigError

_Entries = dict[str, dict[str, Any]]  # a dict from optimizer, lr_scheduler and training to their arguments
_READ: Final = ("optimizer", "lr_scheduler", "training")
_ADAMW: Final = {"lr": 8e-4, "betas": (0.9, 0.95), "weight_decay": 0.1}
"""The defaults of `default_adamw`."""


def read_function(text: str, source: str, function: str) -> _Entries:
    """Return the entries of the config that a function returns, as in a job's TOML file.

    Args:
        text: the text of the Python file.
        source: the name of the file, for errors.
        function: the name of the function.

    Raises:
        ConfigError: the function is missing, or an entry is known only when the file is executed.

    >>> text = "def tiny(): return Trainer.Config(training=TrainingConfig(steps=10))"
    >>> read_function(text, "config_registry.py", "tiny")
    {'training': {'steps': 10}}
    """
    return _PythonConfigs(text, source).entries_of_function(function)


def refuse_without_function(text: str, source: str) -> ConfigError:
    """Return the error for a Python config of which no function is selected."""
    names = _PythonConfigs(text, source).public
    if not names:
        return ConfigError(source, [Diagnostic("", "expected a function that returns Trainer.Config(…)")])
    found = f"expected the name of a function, one of {', '.join(names)}"
    return ConfigError(source, [Diagnostic("", found, f"Write --function {names[0]} (function={names[0]!r})")])


@final
class _PythonConfigs:
    """The functions of a Python file that return configs.

    Args:
        text: the text of the file.
        source: the name of the file, for errors.
    """

    def __init__(self, text: str, source: str) -> None:
        refuse_many_words(text, source)
        self._text, self._source = text, source
        try:
            body = parse_python(text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 1
            fault = TextLines(text).fault_in_line(
                line, 1, "not Python", "Write def my_config(): return Trainer.Config(…)"
            )
            raise ConfigError(source, [fault]) from None
        self._functions = {one.name: one for one in body if isinstance(one, ast.FunctionDef)}
        self._own = {one.name for one in body if isinstance(one, (ast.FunctionDef, ast.ClassDef))}

    @property
    def public(self) -> list[str]:
        """The names of functions without parameters."""
        return [name for name, one in self._functions.items() if name[0] != "_" and not ast.unparse(one.args)]

    def entries_of_function(self, name: str, callers: tuple[str, ...] = ()) -> _Entries:
        """Return the entries of the config that a function returns.

        Args:
            callers: the functions that start from this one.
        """
        if name not in self._functions:
            found = f"the file has no function {name}; {did_you_mean(name, self.public)}"
            raise ConfigError(self._source, [Diagnostic("", found, code=UNKNOWN_NAME)])
        function = self._functions[name]
        if name in callers or function.decorator_list:
            raise self._error(function, f"{name} calls itself" if name in callers else f"{name} has a decorator")
        returned = next((one for one in function.body if isinstance(one, ast.Return)), None)
        variable = returned.value.id if returned is not None and isinstance(returned.value, ast.Name) else ""
        changes, entries = _Changes(variable), None
        for statement in function.body:
            match statement:
                case ast.Return(value=ast.Name()) if entries is not None:
                    return entries
                case ast.Return(value=ast.expr() as value):
                    return self._entries_of(value, (*callers, name))
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == variable:
                    entries = self._entries_of(value, (*callers, name))
                case ast.Assign(targets=[ast.Attribute() as attribute], value=value) if (
                    entries is not None and (path := changes.path_of(attribute)) and not changes.found(value)
                ):
                    self._assign(entries, path, value)
                case _:
                    if changes.found(statement):
                        raise self._error(statement, "the statement may change the config")
        raise self._error(function, f"{name} does not end with a return statement")

    def _assign(self, entries: _Entries, path: list[str], value: ast.expr) -> None:
        """Assign to an attribute of a config, such as `config.training.steps`."""
        match path:
            case ["optimizer", _, *_]:
                entries["optimizer"] = {}  # its values are unknown
            case [entry] if entry in _READ:
                entries[entry] = self._arguments(entry, value)
            case ["lr_scheduler", name] | ["training", "steps" as name]:
                entries.setdefault(path[0], {})[name] = self._literal(value)
            case ["lr_scheduler", _, *_]:
                raise self._error(value, f"the scheduler has no entry {'.'.join(path[1:])}")

    def _entries_of(self, value: ast.expr, callers: tuple[str, ...]) -> _Entries:
        """Return the entries of a call of a config class, or of a function of this file."""
        if isinstance(value, ast.Call):
            called = ast.unparse(value.func)
            if called in self._functions:
                return self.entries_of_function(called, callers)
            # A class of this file may change its own entries. Other configs, as of RL, contain several trainers.
            is_class = called.endswith("Config") and called.split(".")[0] not in self._own
            if is_class and {one.arg for one in value.keywords} & {*_READ, None}:
                keywords = self._keywords(value)
                read = {name: self._arguments(name, keywords[name]) for name in _READ if name in keywords}
                return {"training": {}, **read}
        raise self._error(value, f"expected Trainer.Config(…) or a function of this file, got {self._shown(value)}")

    def _arguments(self, entry: str, value: ast.expr) -> dict[str, Any]:
        """Return the arguments of an entry: of the optimizer, of the scheduler, or of training."""
        called = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
        name, is_own = called.rpartition(".")[2], called.split(".")[0] in self._own
        if entry == "optimizer":
            return self._bases(value) if isinstance(value, ast.Call) and name == "default_adamw" and not is_own else {}
        kind = "LRSchedulersContainer.Config" if entry == "lr_scheduler" else "TrainingConfig"
        matches = f".{called}".endswith(f".{kind}") if entry == "lr_scheduler" else name.endswith(kind)
        if not isinstance(value, ast.Call) or not matches or is_own:
            raise self._error(value, f"expected {kind}(…), got {self._shown(value)}")
        keywords = self._keywords(value)
        return {key: self._literal(one) for key, one in keywords.items() if entry == "lr_scheduler" or key == "steps"}

    def _bases(self, call: ast.Call) -> dict[str, Any]:
        """Return the values of `default_adamw(lr, **kwargs)` as in a job's `optimizer` table."""
        first = {"lr": call.args[0]} if call.args else {}
        keywords = self._keywords(ast.Call(call.func, [], call.keywords))
        written = {name: self._literal(one) for name, one in {**first, **keywords}.items() if name in _ADAMW}
        values = {**_ADAMW, **written}
        beta1, beta2 = values.pop("betas")
        return {**values, "beta1": beta1, "beta2": beta2}

    def _keywords(self, call: ast.Call) -> Mapping[str, ast.expr]:
        """Return the arguments of a call, which must be keywords."""
        for one in (*call.args, *(keyword.value for keyword in call.keywords if keyword.arg is None)):
            raise self._error(one, f"expected arguments with names, got {self._shown(one)}")
        return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}

    def _literal(self, value: ast.expr) -> Any:
        try:
            return ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise self._error(value, f"expected a literal, got {self._shown(value)}") from None

    def _shown(self, value: ast.expr) -> str:
        return " ".join(ast.unparse(value).split())[:60]

    def _error(self, node: ast.stmt | ast.expr, found: str) -> ConfigError:
        """Return an error with the location of a node."""
        instead = "Write training=TrainingConfig(steps=1000) with a literal, or pass the values as a mapping"
        fault = TextLines(self._text).fault_in_line(node.lineno, node.col_offset + 1, found, instead)
        return ConfigError(self._source, [replace(fault, code=UNREADABLE)])


@final
class _Changes(ast.NodeVisitor):
    """A search for code that may change a config, or return another one.

    Reading an attribute is harmless. The config as an argument or under another name may be changed anywhere.

    Args:
        variable: the name of the variable that holds the config.
    """

    def __init__(self, variable: str) -> None:
        self._variable = variable
        self._changes = False

    def found(self, node: ast.AST) -> bool:
        """Return whether a part of the node may change the config."""
        self._changes = False
        self.visit(node)
        return self._changes

    def path_of(self, node: ast.AST) -> list[str]:
        """Return the attributes after the variable: `["training", "steps"]` for `config.training.steps`."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        return names if isinstance(node, ast.Name) and node.id == self._variable else []

    def visit_Name(self, node: ast.Name) -> None:  # the names of these methods are those that ast searches
        self._changes |= node.id == self._variable

    def visit_Return(self, node: ast.Return) -> None:
        self._changes = True

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        names = (one for one in ast.walk(node) if isinstance(one, ast.Name))  # its returns are not those of the config
        self._changes |= any(one.id == self._variable for one in names)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self.path_of(node)
        if not path:
            self.generic_visit(node)
        elif any(name.startswith("__") for name in path):
            self._changes = True
        elif path[0] in _READ:  # the optimizer contains lists and dicts, which may be changed after reading them
            self._changes |= len(path) == 1 or path[0] == "optimizer" or not isinstance(node.ctx, ast.Load)

    def visit_Call(self, node: ast.Call) -> None:
        path = self.path_of(node.func)
        self._changes |= len(path) == 1 or (len(path) > 1 and path[0] in _READ)
        self.generic_visit(node)
