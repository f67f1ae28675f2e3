"""What stands in the data: the constructor of a schedule and its arguments, however they are written."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, final

from paramsched.base.codes import UNREADABLE, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import ROOT, child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.arguments import arguments_of, located, read_arguments
from paramsched.config.faults import Faults, plain_data, type_in_words
from paramsched.config.file_formats import read_peer_data
from paramsched.config.peer_arguments import (
    ReadEntry,
    ReadingNotes,
    arguments_beside,
)
from paramsched.config.python_config.config_file import BaseReader, PythonFile
from paramsched.config.python_config.evaluator import References
from paramsched.config.python_config.reading import public_names
from paramsched.config.python_config.source import PythonSource, parse_python
from paramsched.config.python_config.values import Budget, NeedsRunning
from paramsched.config.text_limits import refuse_many_words
from paramsched.errors import ConfigError
from paramsched.peers.optax.tables import CONSTRUCTORS, PLATEAU, ReduceOnPlateau

# Calls of optax in Python text: they are read as mappings, and nothing is run.
#
# `optax.constant_schedule(0.1)` stands for `{"_target_": "optax.constant_schedule", "_args_": [0.1]}`. All else,
# numbers, names and arithmetic, is read as in any Python config.


_RESULT: Final = "schedule_of_this_text"
_EXAMPLE: Final = "Write schedule = optax.cosine_decay_schedule(0.001, 10000), with numbers"


def read(text: str, source: str = "config") -> Any:
    """What a text says: Python that calls optax, or YAML or JSON. Of Python the last line that calls it counts.

    >>> read("n = 100; optax.cosine_decay_schedule(1e-3, decay_steps=10 * n)")
    {'_target_': 'optax.cosine_decay_schedule', '_args_': [0.001], 'decay_steps': 1000}
    """
    faults = Faults()
    if Path(source).suffix == ".py" or _calls_optax(text, source):
        data = _without_unknown(_data_of_calls(text, source), ROOT, faults)
    else:
        return read_peer_data(text, "yaml", source)
    plain = plain_data(data, faults)
    faults.raise_any(source)
    return plain


def _calls_optax(text: str, source: str) -> bool:
    """Whether a text is Python that calls something of optax."""
    refuse_many_words(text, source)
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    names = _OptaxNames(tree)
    return any(names.of_call(node) for node in ast.walk(tree))


def _data_of_calls(text: str, source: str) -> Any:
    """The last line that calls optax, its calls as mappings."""
    file = PythonSource(text, source)
    names = _OptaxNames(file.tree)
    lines = [one for one in file.tree.body if isinstance(one, (ast.Assign, ast.AnnAssign, ast.Expr))]
    last = next((one for one in reversed(lines) if any(map(names.of_call, ast.walk(one)))), None)
    if last is None or last.value is None:
        raise ConfigError(source, [f"no line of it, outside functions, calls a schedule of optax. {_EXAMPLE}"])
    # What comes behind that line could only change what is known of it.
    body = file.tree.body[: file.tree.body.index(last)]
    result = ast.copy_location(ast.Assign([ast.Name(_RESULT, ast.Store())], last.value), last)
    try:
        file.tree.body = [ast.fix_missing_locations(_CallsAsMappings(names).visit(one)) for one in (*body, result)]
    except RecursionError:
        raise ConfigError(source, [f"nested too deep. {_EXAMPLE}"]) from None
    bases = BaseReader(lambda paths: {}, None)  # noqa: ARG005  # no file is looked for
    return public_names(PythonFile(file, Budget(), References(), bases).read())[_RESULT]


@final
class _OptaxNames:
    """By which names a text calls optax: `optax.x`, or as it was imported."""

    def __init__(self, tree: ast.Module) -> None:
        self._meant: dict[str, str] = {"optax": "optax"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._meant |= {one.asname: one.name for one in node.names if one.asname}
            elif isinstance(node, ast.ImportFrom):
                self._meant |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}

    def of_call(self, node: ast.AST) -> str | None:
        """What is called, from optax on; None where it is no call of optax's."""
        if not isinstance(node, ast.Call):
            return None
        names, holder = [], node.func
        while isinstance(holder, ast.Attribute):
            names.append(holder.attr)
            holder = holder.value
        if not isinstance(holder, ast.Name):
            return None
        whole = ".".join([self._meant.get(holder.id, ""), *reversed(names)])
        return whole if whole.startswith("optax.") else None


@final
class _CallsAsMappings(ast.NodeTransformer):
    """Writes each call of optax as the mapping that Hydra would make it of."""

    def __init__(self, names: _OptaxNames) -> None:
        self._names = names

    def visit_Call(self, node: ast.Call) -> ast.AST:  # the name that ast looks for
        self.generic_visit(node)
        name = self._names.of_call(node)
        if name is None:
            return node
        entries: list[tuple[str | None, ast.expr]] = [("_target_", ast.Constant(name))]
        if node.args:
            entries.append(("_args_", ast.List(node.args, ast.Load())))
        entries += [(one.arg, one.value) for one in node.keywords]
        keys: list[ast.expr | None] = [None if key is None else ast.Constant(key) for key, _ in entries]
        return ast.copy_location(ast.Dict(keys, [value for _, value in entries]), node)


def _without_unknown(value: Any, path: str, faults: Faults) -> Any:
    """What only running the text would tell is noted."""
    if isinstance(value, NeedsRunning):
        faults.add(path, str(value), _EXAMPLE, code=UNREADABLE)
        return None
    if isinstance(value, Mapping):
        return {key: _without_unknown(one, child_path(path, key), faults) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_unknown(one, child_path(path, index), faults) for index, one in enumerate(value)]
    return value


_NAME_KEYS: Final = (
    "_target_", "schedule", "schedule_type", "class_name", "class_path", "target", "func", "type", "name",
)  # fmt: skip
"""The keys that name a constructor: Hydra's, and what people write."""

_ARGUMENT_KEYS: Final = ("kwargs", "params", "parameters", "init_args", "config")
_POSITIONAL: Final = "_args_"
_BESIDE: Final = ("_partial_", "_convert_", "_recursive_", "horizon", "monitor")
_MAPPING_EXAMPLE: Final = 'Write {"_target_": "optax.cosine_decay_schedule", "init_value": 0.001, "decay_steps": 10000}'


def optax_name_in(data: Any) -> str | None:
    """The constructor of optax's that data names; None where it names none."""
    if not isinstance(data, Mapping):
        return None
    word = _word_in(data)
    if word is not None:
        return _known_constructor(word)
    return _known_constructor(str(next(iter(data)))) if len(data) == 1 else None


def is_named_in_full(data: Mapping[str, Any]) -> bool:
    """Whether data names a constructor as optax does, and no other library would."""
    word = _word_in(data) or str(next(iter(data)))
    return word.startswith("optax.") or word in CONSTRUCTORS or word == PLATEAU


def _word_in(data: Mapping[str, Any]) -> str | None:
    return next((str(data[key]) for key in _NAME_KEYS if isinstance(data.get(key), str)), None)


def _known_constructor(word: str) -> str | None:
    """A name with or without its module, and without `_schedule` where nothing else is called so."""
    last = word.rpartition(".")[2]
    return next((one for one in (last, f"{last}_schedule") if one in CONSTRUCTORS or one == PLATEAU), None)


def read_optax_entry(data: Any, path: str, notes: ReadingNotes) -> ReadEntry | None:
    """The constructor that stands at a path, with its arguments; None, and a fault, where there is none."""
    name = optax_name_in(data)
    if name is None:
        notes.faults.add(path, _why_no_schedule(data), _MAPPING_EXAMPLE, code=WRONG_TYPE)
        return None
    return read_arguments_of(name, *_given_arguments(data, path), notes)


def read_arguments_of(name: str, given: Any, path: str, notes: ReadingNotes) -> ReadEntry | None:
    """Read the arguments of a constructor; None, and a fault, where they are none."""
    if not isinstance(given, Mapping):
        notes.faults.refuse_kind(path, given, f"arguments of {name}", "Write a mapping of arguments")
        return None
    table = ReduceOnPlateau if name == PLATEAU else CONSTRUCTORS[name]
    if _POSITIONAL in given:
        given = _with_names(given, name, list(arguments_of(table)), child_path(path, _POSITIONAL), notes)
    written = located({key: value for key, value in given.items() if key not in _BESIDE}, path)
    arguments, _, wrong = read_arguments(table, written, path, notes.faults, of=name)
    return ReadEntry(name, path, arguments, notes, wrong)


def _why_no_schedule(data: Any) -> str:
    word = _word_in(data) if isinstance(data, Mapping) else None
    if word is None:
        return "it names no schedule of optax" if isinstance(data, Mapping) else f"{type_in_words(data)}, no schedule"
    return f"optax has no schedule {word}; {did_you_mean(word.rpartition('.')[2], CONSTRUCTORS)}"


def _given_arguments(data: Mapping[str, Any], path: str) -> tuple[Any, str]:
    """The arguments beside a name, and where they stand."""
    if _word_in(data) is None:
        ((key, inner),) = data.items()
        return ({} if inner is None else inner), child_path(path, key)
    return arguments_beside(data, path, _NAME_KEYS, _ARGUMENT_KEYS)


def _with_names(
    given: Mapping[str, Any], name: str, parameters: list[str], path: str, notes: ReadingNotes
) -> dict[str, Any]:
    """The arguments with those by position under their names."""
    positional = given[_POSITIONAL]
    named = {key: value for key, value in given.items() if key != _POSITIONAL}
    if not isinstance(positional, (list, tuple)) or len(positional) > len(parameters):
        notes.faults.add(
            path, f"{name} takes {len(parameters)} arguments", f"Write {parameters[0]}: 0.001", code=WRONG_ARGUMENT
        )
        return named
    return {**dict(zip(parameters, positional, strict=False)), **named}


# ---- what holds schedules: an optimizer, a chain, a section of a config

FIELDS: Final[Mapping[str, str]] = {
    "learning_rate": "lr",
    "weight_decay": "weight_decay",
    "momentum": "momentum",
    "b1": "betas[0]",
    "b2": "betas[1]",
    "eps": "eps",
}
"""Arguments of optax's optimizers, and the fields of a group that are theirs."""

_HOLDERS: Final = ("optimizer", "tx", "schedule", "scheduler", "lr_schedule", "learning_rate_schedule", *_ARGUMENT_KEYS)


def scheduled_parts(data: Any, path: str, field: str = "lr") -> Iterator[tuple[str, Any, str]]:
    """Each schedule in the data with its field and its path; the rule of a plateau has the field "plateau"."""
    if isinstance(data, (list, tuple)):
        for index, one in enumerate(data):
            yield from scheduled_parts(one, child_path(path, index), field)
    name = optax_name_in(data)
    if not isinstance(data, Mapping):
        return
    if name is not None:
        yield ("plateau" if name == PLATEAU else field), data, path
        return
    for key, value in data.items():
        if _known_constructor(str(key)) and isinstance(value, Mapping):
            yield ("plateau" if key == PLATEAU else field), {key: value}, path
        elif isinstance(value, (Mapping, list, tuple)) and (key in FIELDS or key in (*_HOLDERS, _POSITIONAL)):
            yield from scheduled_parts(value, child_path(path, key), FIELDS.get(str(key), field))


def optimizer_in(data: Any) -> Mapping[str, Any]:
    """The arguments of the optimizer that stands in the data; nothing where there is none."""
    if not isinstance(data, Mapping):
        return {}
    if "learning_rate" in data:
        return data
    inner = (optimizer_in(data[key]) for key in _HOLDERS if isinstance(data.get(key), Mapping))
    return next((one for one in inner if one), {})
