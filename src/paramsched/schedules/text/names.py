"""What a name in a line of text means: a shape, a curve, a rule, a constant of Python's; or what is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from paramsched._lookalikes import first_lookalike, straighten_text
from paramsched._names_elsewhere import advice_for_peer
from paramsched.curves import CONSTANTS, FAMILIES, curve_text, unknown_curve
from paramsched.errors import nearest
from paramsched.near_names import closest
from paramsched.schedules.levels import NEIGHBOR_LEVELS
from paramsched.schedules.registry import RULES

KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]
"""The functions that a line may call without a prefix, by name."""

WHAT_A_LINE_HAS = "Write calls, numbers, text, lists, >>, *, /, **, + and -"

_PYTHON_CONSTANTS = {"True": True, "False": False, "None": None}


@final
@dataclass(frozen=True, slots=True)
class NameFault:
    """What is wrong with a name, and what to write; `meant` is the known name that is nearest to it."""

    found: str
    instead: str = ""
    meant: str = ""


def called_builder(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> Any:
    """The function that a name calls, or what is wrong with it.

    Args:
        name: with its prefix.
        known: the functions without one.
        curve_wanted: whether the call stands where a curve should.
    """
    space, _, last = name.rpartition(".")
    if space == "curves":
        if last in CONSTANTS:
            return NameFault(f"curves.{last} takes no argument, and is not called")
        return FAMILIES.get(last) or NameFault(*unknown_curve(last))
    if space == "rules":
        return RULES.get(last) or NameFault(
            f"{last!r} is no rule; {nearest(last, RULES)}", meant=closest(last, RULES) or ""
        )
    if space:
        return _foreign_space(space, last, known)
    if name in NEIGHBOR_LEVELS and name not in known:
        return NameFault(f"{name} is a level, and is not called", f"Write {name}")
    return known.get(name) or _unknown_name(name, known, curve_wanted=curve_wanted)


def value_of_name(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> Any:
    """What a name says that is not called, or what is wrong with it; arguments as of `called_builder`."""
    space, _, last = name.rpartition(".")
    if name in _PYTHON_CONSTANTS:
        return _PYTHON_CONSTANTS[name]
    if space == "curves":
        return CONSTANTS.get(last) or _curve_without_arguments(last)
    if space == "rules" and last in RULES:
        return NameFault(f"{name} is not called", f"Write {name}(…)")
    if space:
        return _foreign_space(space, last, known)
    if name in NEIGHBOR_LEVELS:
        return NEIGHBOR_LEVELS[name]
    if name in known:
        if curve_wanted() and (advice := advice_for_curve(name)):
            return NameFault(f"{name} is a schedule; the curve has a prefix", advice)
        return NameFault(f"{name} is not called", f"Write {name}(…)")
    if curve_wanted() and (advice := advice_for_curve(name)):
        return NameFault(f"{name} is written with its prefix", advice)
    return _unknown_name(name, known, curve_wanted=curve_wanted)


def advice_for_curve(name: str) -> str:
    """What to write for a name that is a curve's; nothing for any other."""
    return f"Write {curve_text(name)}" if name in CONSTANTS or name in FAMILIES else ""


def _curve_without_arguments(name: str) -> NameFault:
    """What is wrong with `curves.name` where it stands for a value."""
    if name in FAMILIES:
        return NameFault(f"{name!r} is no curve without its arguments", advice_for_curve(name))
    return NameFault(*unknown_curve(name))


def _unknown_name(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> NameFault:
    """What is wrong with a name that no shape has: a letter of another alphabet, a missing prefix, a slip."""
    if (other := first_lookalike(name)) is not None and (meant := straighten_text(name)) in known:
        return NameFault(f'"{name}" is no schedule: {other[1]}', f"Write {meant}")
    if advice := advice_for_curve(name):
        return NameFault(f'"{name}" is no schedule, but a curve', advice)
    if peer := advice_for_peer(name):
        return NameFault(peer[0], f"Write {peer[1]}")
    if curve_wanted():
        return NameFault(*unknown_curve(name))
    there = [*known, *NEIGHBOR_LEVELS]
    return NameFault(f'"{name}" is no schedule; {nearest(name, there)}', meant=closest(name, there) or "")


def _foreign_space(space: str, last: str, known: KnownNames) -> NameFault:
    """What is wrong with a name behind a module's: `ps.cosine`, `paramsched.curves.cosine`."""
    if last not in known and (peer := advice_for_peer(f"{space}.{last}")):
        return NameFault(peer[0], f"Write {peer[1]}")
    advice = WHAT_A_LINE_HAS
    for name in (f"{space.rpartition('.')[2]}.{last}", last):
        if name in known or name.startswith(("curves.", "rules.")):
            advice = f"Write {name}"
            break
    return NameFault(f"{space}.… is not part of a schedule's text", advice)
