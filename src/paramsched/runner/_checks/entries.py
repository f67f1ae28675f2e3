"""Checks of single entries, for the other files here: names, whole numbers, switches, dicts that name a class."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from paramsched.compat.mmengine.registry import Registry
from paramsched.config.faults import Faults, child_path, short_json, type_in_words
from paramsched.errors import InvalidArgument
from paramsched.near_names import did_you_mean

_OWN_PACKAGE = "paramsched."


@contextmanager
def looking_at(path: str, faults: Faults) -> Iterator[None]:
    """Note as a fault at this path whatever a user's object raises while it is looked at."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # its __len__, __repr__ or __eq__ may raise anything
        faults.add(path, f"looking at it raised {type(error).__name__}: {error}"[:500])


def check_names(config: Any, known: Sequence[str], path: str, faults: Faults) -> bool:
    """Check that a section is a mapping of known names; False where it is no mapping, so nothing can be read in it."""
    if config is None:
        return True
    if not isinstance(config, Mapping):
        faults.add(path, f"{short_json(config)} is no mapping", "Write dict(…)")
        return False
    for name in config:
        if name not in known:
            faults.add(child_path(path, name), f"no such entry; {did_you_mean(str(name), known)}")
    return True


def check_whole_number(section: Mapping[str, Any], name: str, least: int, path: str, faults: Faults) -> None:
    """Check that an entry of a section, if it is there, is a whole number that is not below `least`."""
    if name in section and (not is_whole_number(section[name]) or section[name] < least):
        found = f"{short_json(section[name])} is no whole number from {least} on"
        faults.add(child_path(path, name), found, f"Write {name}={max(least, 4)}")


def is_whole_number(value: Any) -> bool:
    """Whether it is a whole number, 0 or more; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_switch(value: Any, path: str, faults: Faults) -> bool:
    """Check that a value is True or False; returns whether it is."""
    if isinstance(value, bool):
        return True
    faults.add(path, f"{short_json(value)} is {type_in_words(value)}, not True or False")
    return False


def check_class_dict(config: Mapping[str, Any], registry: Registry, path: str, faults: Faults) -> None:
    """Check a dict with `type`: the name is known, and the arguments are the class's."""
    if "type" not in config:
        faults.add(child_path(path, "type"), "it is missing", "Write dict(type='…')")
        return
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = named if callable(named) else registry.find(named)
    except KeyError as error:
        faults.add(child_path(path, "type"), str(error.args[0]))
        return
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # some written in C say nothing
        return
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    unknown = [] if takes_any else [name for name in arguments if name not in parameters]
    for name in unknown:
        found = f"{short_json(named)} has no such argument; {did_you_mean(name, parameters)}"
        faults.add(child_path(path, name), found)
    for name, one in parameters.items():
        is_named = one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        if is_named and one.default is one.empty and name not in arguments:
            faults.add(child_path(path, name), f"{short_json(named)} needs it")
    # A user's class may do anything when it is made; ours only look at their arguments.
    if not unknown and str(getattr(cls, "__module__", "")).startswith(_OWN_PACKAGE):
        for name in arguments:
            _check_own_argument(cls, name, arguments, path, faults)


def _check_own_argument(cls: Any, name: str, arguments: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Check whether one of our own classes takes this argument, whatever the others are.

    It is made with the argument, and with those that it needs to be made at all. One of these may be at fault itself:
    then the refusal is about that one, and is told where that one is looked at.
    """
    needed = {one for one, has in inspect.signature(cls).parameters.items() if has.default is has.empty}
    others = {one: arguments[one] for one in (*needed, "rule", "save_best") if one in arguments and one != name}
    try:
        cls(**others, **{name: arguments[name]})
    except (InvalidArgument, TypeError, ValueError, AttributeError) as refusal:
        refused = refusal.argument if isinstance(refusal, InvalidArgument) else None
        if refused == name or not others:
            faults.add(child_path(path, name), f"{refusal}")
