"""Notes about users' functions in a state, so that a changed function is noticed when the state is loaded.

A function is not saved. Its note contains its name, a digest of its code, and the numbers and texts that it uses. No
function is called to make its note, because the function may count its calls.
"""

import dis
import hashlib
import pickle
import sys
import types
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, final

from paramsched.base.user_warnings import warn_user
from paramsched.compat.group_fields import by_value

NOTES = "_function_notes"
"""The key under which a state contains the notes; torch's classes keep it when they load the state."""

_STORES = {"STORE_DEREF", "STORE_GLOBAL", "STORE_ATTR", "DELETE_DEREF", "DELETE_GLOBAL", "DELETE_ATTR"}
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial, type)
_MADE_BY = (
    f"{sys.implementation.cache_tag}-{sys.flags.optimize}"  # digests of different Python versions are not compared
)


def _is_object(function: Any) -> bool:
    """Return whether a callable stores its data in its `__dict__`."""
    wraps = isinstance(getattr(function, "__wrapped__", None), _FUNCTIONS)  # a cached function
    return hasattr(function, "__dict__") and not isinstance(function, _FUNCTIONS) and not wraps


@final
@dataclass(frozen=True, slots=True)
class FunctionNotes:
    """A scheduler's functions, and a note about each from the time when the scheduler was built.

    The note of a callable object is None, because a state contains the object's attributes.
    """

    functions: list[Any]
    notes: list[dict[str, Any] | None]

    @staticmethod
    def of(functions: Sequence[Any], previous: "FunctionNotes | None" = None) -> "FunctionNotes":
        """Return the notes about `functions`; `previous` itself if it is about the same functions."""
        if previous is not None and list(map(id, previous.functions)) == list(map(id, functions)):
            return previous
        notes: dict[int, dict[str, Any] | None] = {}
        for one in functions:
            if one is None or _is_object(one):
                notes[id(one)] = None
            elif id(one) not in notes:
                given = dict(_given_values(one))
                notes[id(one)] = {"name": _function_name(one), "code": _code_digest(one), "given": given}
        return FunctionNotes(list(functions), [notes[id(one)] for one in functions])

    def saved_objects(self) -> list[dict[str, Any] | None]:
        """Return the `__dict__` of each callable object, for a state; None for a function."""
        return [by_value(dict(function.__dict__)) if _is_object(function) else None for function in self.functions]

    def load(self, who: str, saved: Iterable[Any], state: dict[str, Any]) -> None:
        """Restore callable objects, and warn about the first function that differs from the saved one."""
        for function, kept in zip(self.functions, saved, strict=False):
            if kept and _is_object(function):
                function.__dict__.update(kept)
        notes = state.pop(NOTES, None)
        if not isinstance(notes, list) or len(notes) != len(self.notes):
            return
        for index, (previous, now) in enumerate(zip(notes, self.notes, strict=True)):
            difference = _difference(previous, now) if previous is not None and now is not None else ""
            if difference:
                warn_user(
                    f"{who}.load_state_dict(…): function {index} was {previous['name']} when this state was saved: "
                    f"{difference}. A state contains no functions: build the scheduler with the original one.",
                )
                return


def require_named_functions(scheduler: object) -> None:
    """Raise a clear error for a function that pickle cannot find by its name."""
    for attribute, value in vars(scheduler).items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, types.FunctionType):
                continue
            if getattr(sys.modules.get(one.__module__), one.__qualname__, None) is not one:
                raise pickle.PicklingError(
                    f"{type(scheduler).__name__}.{attribute} contains {_function_name(one)}, which pickle cannot find "
                    "by its name. Write a function at the top of a module, or save scheduler.state_dict() instead."
                )


def _function_name(function: Any) -> str:
    """Return the module and name of a function, or of the class of a callable."""
    inner = function.func if isinstance(function, partial) else function
    name = getattr(inner, "__qualname__", type(inner).__name__)
    return f"{getattr(inner, '__module__', None) or 'builtins'}.{name}"


def _difference(previous: dict[str, Any], now: dict[str, Any]) -> str:
    """Describe the difference between two notes; return an empty text if they agree."""
    codes = previous["code"], now["code"]
    if None in codes and previous["name"] != now["name"]:
        return f"it is now {now['name']}"
    if None not in codes and codes[0] != codes[1] and codes[0].split(":")[0] == codes[1].split(":")[0]:
        return f"the code of {now['name']} has changed"
    changed = [
        f"{name} was {previous['given'][name]} and is now {value}"
        for name, value in now["given"].items()
        if name in previous["given"] and previous["given"][name] != value
    ]
    return ", ".join(changed)


def _python_function(function: Any) -> types.FunctionType | None:
    """Return the Python function inside a partial, a cache or a method; None if there is none."""
    while isinstance(function, partial):
        function = function.func
    if not isinstance(function, types.FunctionType):
        function = getattr(function, "__func__", getattr(function, "__wrapped__", function))
    return function if isinstance(function, types.FunctionType) else None


def _code_digest(function: Any) -> str | None:
    plain = _python_function(function)
    if plain is None:
        return None
    return f"{_MADE_BY}:{hashlib.sha256(_code_text(plain.__code__).encode()).hexdigest()[:16]}"


def _code_text(code: types.CodeType) -> str:
    documented = bool(code.co_consts) and isinstance(code.co_consts[0], str)
    kept = code.co_consts[1:] if documented else code.co_consts
    constants = [_code_text(c) if isinstance(c, types.CodeType) else _short_text(c) for c in kept]
    return repr((code.co_code.hex(), constants, code.co_names))


def _given_values(function: Any, known: set[int] | None = None) -> Iterator[tuple[str, str]]:
    """Yield the numbers and texts that a function uses, by name, except those that it changes itself."""
    known = set() if known is None else known
    while isinstance(function, partial):
        bound = {f"argument {i}": value for i, value in enumerate(function.args)} | function.keywords
        yield from ((name, _short_text(value)) for name, value in bound.items() if _is_plain_value(value))
        function = function.func
    plain = _python_function(function)
    if plain is None or id(plain) in known:
        return
    known.add(id(plain))
    code = plain.__code__
    changed = {step.argval for step in dis.get_instructions(code) if step.opname in _STORES}
    for name, value in _readable_values(plain):
        if name in changed:
            continue
        if _is_plain_value(value):
            yield name, _short_text(value)
        elif isinstance(value, Namespace):  # only the attributes that the function names are read
            held = {key: vars(value)[key] for key in code.co_names if key in vars(value) and key not in changed}
            yield from ((f"{name}.{key}", _short_text(one)) for key, one in held.items() if _is_plain_value(one))
        elif _python_function(value) is not None:
            yield name, str(_code_digest(value))
            yield from ((f"{name}.{key}", text) for key, text in _given_values(value, known))


def _readable_values(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names and values that a function can read besides its arguments."""
    code = function.__code__
    named = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    yield from zip(named[len(named) - len(defaults) :], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not set yet
            continue
    for name in code.co_names:
        value = function.__globals__.get(name)
        ours = isinstance(value, (types.FunctionType, partial)) and _top_package(value) == _top_package(function)
        # By convention, the name of a constant is in capitals.
        if name.isupper() or isinstance(value, Namespace) or ours:
            yield name, value


def _top_package(function: Any) -> str:
    plain = _python_function(function)
    return "" if plain is None else (plain.__module__ or "").partition(".")[0]


def _is_plain_value(value: Any) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(_is_plain_value(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def _short_text(value: Any) -> str:
    if isinstance(value, float):
        value = float(value)  # because NumPy's repr includes the type
    text = repr(sorted(value, key=repr)) if isinstance(value, frozenset) else repr(value)
    return text if len(text) <= 80 else f"{text[:40]}… {hashlib.sha256(text.encode()).hexdigest()[:16]}"
