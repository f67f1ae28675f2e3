"""State: plain data by value, the name of its class, what the groups held, and notes of users' functions."""

import dis
import hashlib
import pickle
import sys
import types
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias, final

from torch.optim import Optimizer

from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import by_value
from paramsched.compat.torch import _groups
from paramsched.errors import StateError


class SavedScheduler(Protocol):
    """What this module asks of a scheduler."""

    _constructed: "HeldFields"

    @property
    def _option_names(self) -> tuple[str, ...]: ...

    def _written_fields(self) -> tuple[str, ...]: ...

    def _momenta_now(self) -> dict[str, Sequence[float]]: ...


CLASS, GROUPS, BESIDE, LOST = "_class", "_groups", "_beside", "_lost"
"""Our keys beside torch's, which torch's classes hand back later."""

HeldFields: TypeAlias = list[tuple[dict[str, Any], dict[str, Any]]]
"""The groups of an optimizer, and what stands in the fields of each."""


def fields_held(optimizer: Optimizer, fields: Sequence[str] = ("lr",)) -> HeldFields:
    """The groups, and what stands in these fields of each."""
    groups = [group for group in optimizer.param_groups if "lr" in group]
    return [(group, {name: _held_value(group, name) for name in fields if _has_field(group, name)}) for group in groups]


def drop_in_name(scheduler: SavedScheduler) -> str:
    """The drop-in a scheduler is, or is a subclass of."""
    name = next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__.startswith(__package__ or ""))
    return name.lstrip("_")


def with_signature(scheduler: SavedScheduler, state: dict[str, Any]) -> dict[str, Any]:
    """The state with its class, what the groups hold now, be it another's, and the numbers that stood beside it."""
    groups = _groups_written(scheduler)
    fields = [
        field for field in scheduler._written_fields() if groups and all(_has_field(one, field) for one in groups)
    ]
    held = {field: [_held_value(group, field) for group in groups] for field in fields}
    return state | {CLASS: drop_in_name(scheduler), GROUPS: held, BESIDE: _numbers_in(state)}


def is_current(state: Mapping[str, Any]) -> bool:
    """Whether what the groups held is of the same moment as the rest."""
    return bool(state.get(GROUPS)) and (BESIDE not in state or state[BESIDE] == _numbers_in(state))


def check_state(scheduler: SavedScheduler, state: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a state without our keys; refuse another drop-in's, warn of other options.

    A class built on `LRScheduler` itself takes any state, as in torch: Lightning's search for a rate loads the user's.
    """
    name, own, built = state.get(CLASS), drop_in_name(scheduler), type(scheduler).__name__
    if own != "LRScheduler" and name is not None and name.lstrip("_") != own:
        raise StateError(f"{built}.load_state_dict(…): this is the state of {name}. Build {name} to load it")
    changed = [
        f"{key}={state[key]!r} (was {scheduler.__dict__[key]!r})"
        for key in scheduler._option_names
        if key in state and key in scheduler.__dict__ and not _groups.equal_values(state[key], scheduler.__dict__[key])
    ]
    if changed:
        warn_user(
            f"{built}.load_state_dict(…) replaces options of the constructor by those saved: {', '.join(changed)}.",
        )
    drop = {CLASS, GROUPS, BESIDE} | (set() if is_current(state) else {LOST})
    return {key: by_value(value) for key, value in state.items() if key not in drop}


def write_back(scheduler: SavedScheduler, state: Mapping[str, Any]) -> None:
    """Write the values of a state into the groups: right in any order of constructing and loading.

    torch's states say only what its scheduler wrote last, and nothing of momentum. They are written where nothing was
    restored: where a group still holds what this scheduler's constructor left there.
    """
    groups = _groups_written(scheduler)
    if is_current(state):
        for field, row in state[GROUPS].items():
            for group, value in zip(groups, row, strict=False):
                _restore_field(group, field, value)
        return
    for field, row in {"lr": state.get("_last_lr") or (), **scheduler._momenta_now()}.items():
        for group, value, (known, left) in zip(groups, row, scheduler._constructed, strict=False):
            untouched = group is known and _has_field(group, field) and field in left
            if untouched and _groups.equal_values(_held_value(group, field), left[field]):
                _restore_field(group, field, value)


def _groups_written(scheduler: SavedScheduler) -> list[dict[str, Any]]:
    """The groups, as far as a subclass that never called the constructor has any."""
    return getattr(scheduler.__dict__.get("optimizer"), "param_groups", [])


def _has_field(group: Mapping[str, Any], field: str) -> bool:
    return field.partition("[")[0] in group


def _numbers_in(state: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in state.items() if type(value) in (int, float) and value == value}


def _held_value(group: Mapping[str, Any], field: str) -> Any:
    value = group["betas"][0] if field == "betas[0]" else group[field]
    return group_fields.python_number(by_value(value))


def _restore_field(group: dict[str, Any], field: str, value: Any) -> None:
    if field == "betas[0]":
        group_fields.put_first_beta(group, value)
    else:
        group_fields.put_value(group, value, field)


def refuse_nameless_functions(scheduler: SavedScheduler) -> None:
    """Refuse to pickle a function that has no name, before pickle does so obscurely."""
    for attribute, value in scheduler.__dict__.items():
        for function in value if isinstance(value, list) else [value]:
            if isinstance(function, types.FunctionType) and not is_found_by_name(function):
                raise pickle.PicklingError(
                    f"{type(scheduler).__name__}.{attribute} holds {function_name(function)}, which cannot be found by "
                    "name. Write a function at the top of a module, or save scheduler.state_dict() instead."
                )


# Functions are not in a state, but another one in their place can be noticed, by a note of its name, its code, and the
# numbers and texts it was given. Nothing of the user's is called for it: a function may count its calls.


NOTES = "_function_notes"
"""Where a state keeps them; torch's classes take it up and hand it back."""

_STORES = {"STORE_DEREF", "STORE_GLOBAL", "STORE_ATTR", "DELETE_DEREF", "DELETE_GLOBAL", "DELETE_ATTR"}
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial, type)
_MADE_BY = f"{sys.implementation.cache_tag}-{sys.flags.optimize}"  # not compared with another Python's


def is_object(function: Any) -> bool:
    """Whether a callable keeps what it needs in its `__dict__`."""
    wraps = isinstance(getattr(function, "__wrapped__", None), _FUNCTIONS)  # a cache in front of a function
    return hasattr(function, "__dict__") and not isinstance(function, _FUNCTIONS) and not wraps


def note_of(function: Any) -> dict[str, Any] | None:
    """What a function is made of; None for a callable object, which is saved."""
    if function is None or is_object(function):
        return None
    return {"name": function_name(function), "code": _code_digest(function), "given": dict(_given_values(function))}


@final
@dataclass(frozen=True, slots=True)
class FunctionNotes:
    """Functions, and the notes of them from when the scheduler was built."""

    functions: list[Any]
    notes: list[dict[str, Any] | None]

    @staticmethod
    def of(functions: Sequence[Any], before: "FunctionNotes | None" = None) -> "FunctionNotes":
        """Made anew where the functions are others; each is looked at once."""
        if before is not None and list(map(id, before.functions)) == list(map(id, functions)):
            return before
        notes = {key: note_of(function) for key, function in {id(one): one for one in functions}.items()}
        return FunctionNotes(list(functions), [notes[id(function)] for function in functions])

    def saved_objects(self) -> list[dict[str, Any] | None]:
        """What a state keeps of callable objects: their `__dict__`; of functions None."""
        return [by_value(dict(function.__dict__)) if is_object(function) else None for function in self.functions]

    def load(self, who: str, saved: Iterable[Any], state: dict[str, Any]) -> None:
        for function, kept in zip(self.functions, saved, strict=False):
            if kept and is_object(function):
                function.__dict__.update(kept)
        state.pop("_functions", None)  # states of 0.1 kept there what the functions had given
        compare_notes(who, state.pop(NOTES, None), self.notes)


def compare_notes(who: str, saved: Any, own: list[dict[str, Any] | None]) -> None:
    """Warn where a state was saved next to another function than it is loaded next to."""
    if not isinstance(saved, list) or len(saved) != len(own):
        return
    for index, (before, now) in enumerate(zip(saved, own, strict=True)):
        difference = _said_difference(before, now) if before is not None and now is not None else ""
        if before is not None and difference:
            warn_user(
                f"{who}.load_state_dict(…): function {index} was {before['name']} when this was saved: {difference}. "
                "Functions are not in a state: build the scheduler with the one it had.",
            )
            return


def function_name(function: Any) -> str:
    """Module and name of a function, or of a callable's class."""
    inner = function.func if isinstance(function, partial) else function
    name = getattr(inner, "__qualname__", type(inner).__name__)
    return f"{getattr(inner, '__module__', None) or 'builtins'}.{name}"


def is_found_by_name(function: Callable[..., Any]) -> bool:
    """Whether pickle finds a function by its name."""
    return getattr(sys.modules.get(function.__module__), function.__qualname__, None) is function


def _said_difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What differs between two notes, in words."""
    codes = before["code"], now["code"]
    if None in codes and before["name"] != now["name"]:
        return f"now it is {now['name']}"
    if None not in codes and codes[0] != codes[1] and codes[0].split(":")[0] == codes[1].split(":")[0]:
        return f"now its code is another, {now['name']}"
    changed = [
        f"{name} was {before['given'][name]}, now it is {value}"
        for name, value in now["given"].items()
        if name in before["given"] and before["given"][name] != value
    ]
    return ", ".join(changed)


def _python_function(function: Any) -> types.FunctionType | None:
    """The function of Python itself, under a partial, a cache or a method."""
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
    """The numbers and texts a function was given, by name; not what it changes itself."""
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
        elif isinstance(value, Namespace):  # of these only what the function names is looked at
            held = {key: vars(value)[key] for key in code.co_names if key in vars(value) and key not in changed}
            yield from ((f"{name}.{key}", _short_text(one)) for key, one in held.items() if _is_plain_value(one))
        elif _python_function(value) is not None:
            yield name, str(_code_digest(value))
            yield from ((f"{name}.{key}", text) for key, text in _given_values(value, known))


def _readable_values(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function can read beside its arguments."""
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
        # By custom, a global number that does not change is in capitals.
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
        value = float(value)  # NumPy's prints its type
    text = repr(sorted(value, key=repr)) if isinstance(value, frozenset) else repr(value)
    return text if len(text) <= 80 else f"{text[:40]}… {hashlib.sha256(text.encode()).hexdigest()[:16]}"
