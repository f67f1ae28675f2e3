"""What an unknown keyword of a call means: a slip, another name of an argument, a unit, or a stage of its own."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from paramsched.core.advice.peer_words import (
    ABSOLUTE,
    PeerKeyword,
    is_share_of_run,
    is_warmup_length,
    peer_keyword,
)
from paramsched.core.base.advise import GRAMMAR, Mend
from paramsched.core.base.near_names import certain_name, did_you_mean
from paramsched.core.base.node import Call, Keyword, Node, Number, Text
from paramsched.core.base.params import Param, declared_name
from paramsched.core.schedules.text.arguments import fits

PREFIX: Final = ">>"
"""The name of a keyword that is a stage in front of the call: the length of a warmup."""

_STAGES: Final = (
    "cosine", "linear", "polynomial", "exponential", "constant", "anneal", "inverse_sqrt", "step", "multistep",
)  # fmt: skip
_OF_ONE_CURVE: Final = ("linear", "cosine")
_DIV_FACTOR: Final = 25.0  # the default of torch
_UNITS_IN_NAMES: Final = ("epochs", "samples", "tokens", "steps")


class MeantKeyword(NamedTuple):
    """The meaning of an unknown keyword.

    Args:
        name: the argument; `PREFIX` for a stage in front of the call, "anneal" for a call of `anneal`; None if unclear.
        value: its value, or the stage.
        mend: the correction.
        advice: the end of the message.
    """

    name: str | None
    value: Node
    mend: Mend
    advice: str


def meant_keyword(
    key: Keyword,
    value: Any,
    params: Mapping[str, Param],
    function: str,
    taken: Collection[str],
    named: Mapping[str, Any],
) -> MeantKeyword:
    """Return what an unknown keyword of a call means.

    Args:
        key, value: the keyword and its value.
        params: the parameters of the function.
        function: its name.
        taken: the arguments that the call passes.
        named: all keywords of the call with their values.
    """
    name, node = key.name, key.value
    free = [one for one in params if one not in taken]
    if name == "curve" and function in _OF_ONE_CURVE:
        mend = Mend("other", (function,), ("anneal", *list(params)[: len(taken) - len(named)]))
        return MeantKeyword("anneal", node, mend, "anneal takes any curve")
    if (near := certain_name(name, params)) is not None and name.lower().replace("_", "") == near.replace("_", ""):
        return _slip(name, near, taken, node)
    theirs = peer_keyword(name, params, function)
    if theirs.is_warmup and function in _STAGES and theirs.ours in (None, "start"):
        if (length := _length(name.removeprefix("warmup_"), value, node)) is not None:
            new = ("warmup", *(["epochs"] if "epochs" in name else []))
            stage = Call("warmup", (length,))
            return MeantKeyword(PREFIX, stage, Mend("other", (name,), new), _advice(theirs, name, params))
        return MeantKeyword(None, node, GRAMMAR, _advice(theirs, name, params))
    if name == "until" and "over" in free and isinstance(value, (int, str)):
        text = f"until {value} steps" if isinstance(value, int) else f"until {value}"
        new = ("over", "until", "steps") if isinstance(value, int) else ("over", "until")
        return MeantKeyword("over", Text(text), Mend("other", ("until",), new), 'use "over"')
    if theirs.is_total and "over" in free and isinstance(value, int) and any(map(is_warmup_length, named)):
        mend = Mend("other", (name,), ("over", "until", "steps"))
        return MeantKeyword("over", Text(f"until {value} steps"), mend, 'use "over"')
    is_other = theirs.is_warmup and (function != "warmup" or any(is_warmup_length(one) for one in named if one != name))
    if is_share_of_run(name, value) and "over" in free and not is_other:
        return MeantKeyword("over", Text(f"{value * 100:.12g}%"), Mend("other", (name,), ("over",)), 'use "over"')
    if function == "one_cycle" and (level := _level_of_divisor(name, value, named, free)) is not None:
        return MeantKeyword(level[0], level[1], Mend("peer", (name,), (level[0],)), f'use "{level[0]}"')
    lengths = [one for one in free if params[one].kind == "length"]
    declared = declared_name(name, params, free)
    ours = declared or theirs.ours
    is_length = ours in lengths or (ours is None and (not theirs.is_total or lengths[:1] == ["over"]))
    unit = theirs.unit
    if unit and lengths and is_length and isinstance(value, int) and not isinstance(value, bool):
        argument = ours if ours is not None else lengths[0]
        made: Node = node if unit == "steps" else Text(f"{value} {unit}")
        mend = Mend("other", (name,), (argument,) if unit == "steps" else (argument, unit))
        return MeantKeyword(argument, made, mend, f'use "{argument}"')
    if ours is not None:
        if ours not in free:
            return MeantKeyword(None, node, GRAMMAR, f'"{ours}" is passed too')
        if params[ours].kind == "length" and "pct" in name and isinstance(value, float) and 0 < value < 1:
            return MeantKeyword(ours, Text(f"{value * 100:.12g}%"), Mend("other", (name,), (ours,)), f'use "{ours}"')
        if _is_rate(name, params[ours], value):
            mend = Mend("other", (name,), (ours, "absolute"))
            return MeantKeyword(ours, Call("absolute", (node,)), mend, f'use "{ours}"')
        return MeantKeyword(ours, node, Mend("other", (name,), (ours,)), f'use "{ours}"')
    if theirs.instead is None and near is not None:
        return _slip(name, near, taken, node)
    return MeantKeyword(None, node, GRAMMAR, _advice(theirs, name, params))


def _level_of_divisor(
    name: str, value: Any, named: Mapping[str, Any], free: Collection[str]
) -> tuple[str, Node] | None:
    """Return the level of the one-cycle policy that a divisor of torch defines: `start=0.04` for `div_factor=25`."""
    first = named.get("div_factor", _DIV_FACTOR)
    ours = {"div_factor": "start", "final_div_factor": "to"}.get(name, "")
    if ours not in free or not all(isinstance(one, (int, float)) and one > 0 for one in (value, first)):
        return None
    level = float(f"{1 / value if ours == 'start' else 1 / (first * value):.15g}")
    return ours, Number(level, repr(level))


def _slip(name: str, near: str, taken: Collection[str], node: Node) -> MeantKeyword:
    mend, advice = Mend("name", (name,), (near,)), f'did you mean "{near}"?'
    return MeantKeyword(None if near in taken else near, node, mend, advice)


def _advice(theirs: PeerKeyword, name: str, params: Mapping[str, Param]) -> str:
    return theirs.instead or did_you_mean(name, params)


def _length(unit: str, value: Any, node: Node) -> Node | None:
    """Return the length of a warmup from the argument of another library."""
    if isinstance(value, float) and 0 < value < 1:
        return Text(f"{value * 100:.12g}%")
    if unit in _UNITS_IN_NAMES[:-1] and isinstance(value, (int, float)):
        return Text(f"{value} {unit}")
    length = Param("over", "length")
    return node if fits(length, value) and not (isinstance(node, Number) and not isinstance(value, int)) else None


def _is_rate(name: str, param: Param, value: Any) -> bool:
    """Return whether an argument of another library is a rate, where the parameter expects a multiple of base."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return name in ABSOLUTE and param.kind == "level" and is_number and value != 0
