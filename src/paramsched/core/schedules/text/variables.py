"""Variables of a program in a copied call of another library: `CosineAnnealingLR(optimizer, T_max=epochs)`."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from typing import Any, Final

from paramsched.core.advice.peer_words import LENGTHS_OF_RUN, SEQUENCES, advice_for_name, is_warmup_length
from paramsched.core.base.near_names import certain_name
from paramsched.core.base.node import Call, Keyword, List, Node, Number, Text, Word
from paramsched.core.base.params import params_of
from paramsched.core.schedules.affine import NEIGHBOR_LEVELS
from paramsched.core.schedules.registry import SHAPES
from paramsched.core.schedules.text.arguments import without_places
from paramsched.core.schedules.text.grammar import BINDS, tree_of
from paramsched.core.schedules.text.peer_lines import STATE, calls_named, schedule_of_call
from paramsched.core.schedules.text.printing import text_of

_Names = Mapping[str, Callable[..., Any]]
_NO_VARIABLES: Final = ("True", "False", "None", *NEIGHBOR_LEVELS)
_BUILTINS: Final = ("len", "int", "float", "round")  # some are similar to names of schedules
_DECAYS: Final = ("decay_steps", "t_initial", "transition_steps", "total_num_steps", "steps_per_epoch")
"""Lengths of a run or of a decay that fills it, besides those that are keys of a plan elsewhere."""
_NOT_OF_RUN: Final = ("LinearLR", "ConstantLR", "ExponentialDecay", "InverseTimeDecay", "exponential_decay")
"""Schedulers with an argument of such a name that is another length."""
_MOST_TRIES: Final = 64  # combinations of values for the variables of a call, of which there may be many
_LONG: Final = 1_000_000  # a length that leaves time for any warmup of the call


def variables_in(node: Node, names: Collection[str], *, is_item: bool = False) -> Iterator[str]:
    """Yield the variables in an argument of a call of another library, as they are written.

    Args:
        node: the argument.
        names: the functions of a line.
        is_item: True for an item of a list, which may be the name of a schedule.

    >>> length = Call("*", (Call("len", (Word("loader"),)), Word("args.epochs")))
    >>> list(variables_in(length, ["cosine"]))
    ['len(loader)', 'args.epochs']
    """
    match node:
        case Word(name):
            is_known = name.startswith(("curves.", "rules.")) or certain_name(name, _NO_VARIABLES) is not None
            is_known = (
                is_known or (is_item and name in names) or not name.partition("[")[0].replace(".", "").isidentifier()
            )
            yield from () if is_known else (name,)
        case List(items):
            for one in items:
                yield from variables_in(one, names, is_item=True)
        case Call(name, args) if name in BINDS:
            for one in args:
                yield from variables_in(one, names, is_item=is_item)
        case Call(name, args, kwargs) if name in names or advice_for_name(name) is not None:
            for one in args[1:] if args and isinstance(args[0], Word) else args:
                yield from variables_in(one, names)
            for key in kwargs:
                if key.name not in STATE:
                    yield from variables_in(key.value, names)
        case Call(name) if name in _BUILTINS or (certain_name(name, names) is None and not name.startswith(".")):
            yield text_of(node)


def variables_of_call(call: Call, names: Collection[str]) -> list[str]:
    """Return the variables in the arguments of a call of another library, each once."""
    nodes = (*call.args, *(key.value for key in call.kwargs if key.name not in STATE))
    return list(dict.fromkeys(found for one in nodes for found in variables_in(one, names)))


def example_without_variables(
    call: Call, names: _Names, value_of: Callable[[Node], tuple[Any, Node]]
) -> tuple[Node, str] | None:
    """Return an example with the known numbers of a call, and the variable argument that is the length of the run.

    Args:
        call: the call, without the optimizer.
        names: the functions of a line.
        value_of: returns the value of an argument and its corrected tree.

    Returns:
        None if there is no example. The name is empty if no such argument is a variable.
    """
    name = call.name
    if name.rpartition(".")[2] in (*SEQUENCES, "SequentialLR"):
        return _joined(call, names, value_of)
    keys = {key.name for key in call.kwargs}
    words = next((one.arguments for one in calls_named(name) if keys <= {*one.arguments, *STATE}), ())
    if len(call.args) > len(words):
        return None
    given = dict(zip(words, call.args, strict=False)) | {key.name: key.value for key in call.kwargs}
    unknown = [key for key, node in given.items() if key not in STATE and any(variables_in(node, names))]
    known = {key: value_of(node)[0] for key, node in given.items() if key not in unknown and key not in STATE}
    total = next((key for key in unknown if is_length_of_run(name, key)), "")
    if not total and unknown and not known:
        return None
    tries = product(*(_stand_ins(key) if key != total else (_LONG,) for key in unknown))
    for values in islice(tries, _MOST_TRIES):
        chosen = {key: one for key, one in zip(unknown, values, strict=True) if one is not None}
        schedule = schedule_of_call(name, (), known | chosen)
        if schedule is None:
            continue
        line: Node | None = without_places(tree_of(str(schedule), {**SHAPES, **names}).node)
        if total and line is not None:
            line = without_total(line)
            share = next((_share_of(given[key]) for key in unknown if is_warmup_length(key)), "")
            line = line and _with_share(line, share)
        return None if line is None else (line, total)
    return None


def _joined(call: Call, names: _Names, value_of: Callable[[Node], tuple[Any, Node]]) -> tuple[Node, str] | None:
    """Return the example of a sequence: its members, joined by `>>`."""
    values = (*call.args, *(key.value for key in call.kwargs if key.name == "schedulers"))
    items = next((one.items for one in values if isinstance(one, List)), ())
    stages, total = list[Node](), ""
    for one in items:
        if not isinstance(one, Call) or one.name in BINDS:
            return None
        if one.name in names:
            stages.append(without_places(one))
            continue
        args = one.args[1:] if one.args and isinstance(one.args[0], Word) else one.args
        found = example_without_variables(replace(one, args=args), names, value_of)
        if found is None:
            return None
        stages.append(found[0])
        total = total or found[1]
    return (Call(">>", tuple(stages)), total) if len(stages) > 1 else None


def is_length_of_run(scheduler: str, argument: str) -> bool:
    """Return whether an argument of a scheduler is the length of the run, or of a decay that may fill it."""
    return (argument in LENGTHS_OF_RUN or argument in _DECAYS) and scheduler.rpartition(".")[2] not in _NOT_OF_RUN


def _stand_ins(argument: str) -> tuple[Any, ...]:
    """Return the values that an example may have for a variable, in the order of the attempts; None omits it."""
    rates = ("gamma", "factor", "rate", "power", "ratio", "alpha", "lr", "value", "min")
    is_rate = any(word in argument for word in rates)
    return (None, 0.1, 100) if is_rate else (100, 1, (30, 80), None)


def _share_of(node: Node) -> str:
    """Return the share of the run in the length of a warmup: "10%" for `int(0.1 * total_steps)`, by default "5%"."""
    match node:
        case Call("int" | "round" | "math.ceil", (inner,)):
            return _share_of(inner)
        case Call("*", args):
            share = next((one.value for one in args if isinstance(one, Number) and 0 < one.value < 1), 0.05)
            return f"{share * 100:.12g}%"
    return "5%"


def _with_share(line: Node, share: str) -> Node:
    """Return a line whose warmup has a share of the run as its length, if there is one."""
    match line:
        case Call(">>", (Call("warmup", (Number(), *more)) as first, *rest)) if share:
            return replace(line, args=(replace(first, args=(Text(share), *more)), *rest))
    return line


def without_total(node: Node) -> Node | None:
    """Return a line without the length of its last stage, which then ends with the run; None if it is unknown.

    >>> decay = Call("linear", (), (Keyword("over", Number(95, "95")),))
    >>> text_of(without_total(Call(">>", (Call("warmup", (Number(5, "5"),)), decay))))
    'warmup(5) >> linear()'
    """
    stages = node.args if isinstance(node, Call) and node.name == ">>" else (node,)
    last: Node | None = None
    match stages[-1]:
        case Call("restarts", (Call("cosine_wave", (), kwargs), Number())):
            last = Call("cosine", (), kwargs)
        case Call("recurrence", (Call("rules.one_cycle", (_, Number(), *rest), ()),)):
            index = Keyword("index", Text("t/(n-1)"))
            match rest:
                case []:
                    last = Call("one_cycle", (), (index,))
                case [Number(up)]:
                    last = Call("one_cycle", (Text(f"{up * 100:.12g}%"),), (index,))
        case Call(name, args, kwargs) if name in SHAPES:
            params = list(params_of(SHAPES[name]).values())
            at = next((place for place, one in enumerate(params) if one.name == "over" and one.default is None), None)
            kept = tuple(key for key in kwargs if key.name != "over")
            if at is not None and len(kept) < len(kwargs):
                last = replace(stages[-1], kwargs=kept)
            elif at is not None and len(args) == at + 1:
                last = replace(stages[-1], args=args[:at])
    if last is None:
        return None
    return Call(">>", (*stages[:-1], last)) if len(stages) > 1 else last
