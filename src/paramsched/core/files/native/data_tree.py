"""The tree of a schedule in the data of a file: a mapping of one name is a call, a list a sequence, a text a line."""

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any, Final, final

from paramsched.core.advice.peer_words import advice_for_name
from paramsched.core.base.advise import Mend
from paramsched.core.base.codes import UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.diagnostic import child_path
from paramsched.core.base.near_names import certain_name
from paramsched.core.base.node import Call, Keyword, List, Node, Number, Place, Text, Value, Word
from paramsched.core.base.params import Param, params_of
from paramsched.core.curves import FAMILIES
from paramsched.core.files.diagnostic_collector import BadValue, bad_values_in, short_json
from paramsched.core.schedules.registry import RULES
from paramsched.core.schedules.text.building import BROKEN
from paramsched.errors import InvalidArgument

OPERATORS: Final[Mapping[str, str]] = {"product": "*", "sequence": ">>", "sum": "+"}
"""Names in mappings for operators of schedule text."""

WITH_A_NUMBER: Final[Mapping[str, str]] = {"power": "**", "quotient": "/"}
"""Names in mappings for `**` and `/`, with a schedule and a number."""

NAMES_OF_CLASS: Final = ("type", "_target_", "class_name", "name", "scheduler", "schedule", "kind", "shape")
"""Keys for the name of a function in other programs."""

_OTHER_OPERATORS: Final = {"seq": "sequence", "mul": "product", "add": "sum"}
_AS_TEXT: Final = ("schedule", "level", "curve", "rule")
_EXAMPLE: Final = "cosine(to=0.1)"
_BY_NAME: Final = (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD)
_ANY: Final = Param("", "any")


@final
class DataTree:
    """A converter of data to trees.

    Args:
        names: the functions that a mapping may call.
        refuse: receives the path and each value that a config cannot contain.
    """

    def __init__(self, names: Mapping[str, Callable[..., Any]], refuse: Callable[[str, BadValue], None]) -> None:
        self.names, self.refuse = names, refuse
        self.forms: list[tuple[InvalidArgument, Place, Mend]] = []
        """The problems of the form that a tree has corrected."""
        self.broken: list[tuple[InvalidArgument, Place]] = []
        """The problems of the form without a correction."""

    def schedule(self, value: Any, path: str) -> Node:
        """Return the tree of a schedule."""
        match value:
            case str():
                return Text(value, True, Place(path))
            case list():
                stages = [self._stage(one, child_path(path, place)) for place, one in enumerate(value)]
                return stages[0] if len(stages) == 1 else self._operator(">>", stages, value, path)
            case dict():
                return self._mapping(value, path)
            case bool() | None:
                return self._wrong(path, f"expected a schedule, got {short_json(value)}", code=WRONG_TYPE)
        return self._plain(value, path)

    def _stage(self, value: Any, path: str) -> Node:
        node = self.schedule(value, path)
        return Call("constant", (node,), (), node.place, node.place) if isinstance(node, Number) else node

    def _plain(self, value: Any, path: str) -> Node:
        place = Place(path)
        match value:
            case BadValue():
                self.refuse(path, value)
                return Value(BROKEN, place)
            case bool() | None:
                return Word(str(value), place)
            case int() | float():
                return Number(value, repr(value), place)
            case str():
                return Text(value, False, place)
        for bad in bad_values_in(value):
            self.refuse(path, bad)
            return Value(BROKEN, place)
        return Value(value, place)

    def _wrong(self, path: str, found: str, example: str = _EXAMPLE, **data: Any) -> Node:
        self.broken.append((InvalidArgument(found, write=example, is_example=True, **data), Place(path)))
        return Value(BROKEN, Place(path))

    def _operator(self, sign: str, operands: Iterable[Node], given: Any, path: str) -> Node:
        operands, place = tuple(operands), Place(path)
        if not operands:
            found = f"expected a list of schedules, got {short_json(given)}"
            return self._wrong(path, found, "[warmup(100), cosine()]")
        return Call(sign, operands, (), place, place) if len(operands) > 1 or sign != ">>" else operands[0]

    # ---- mappings

    def _mapping(self, value: dict[Any, Any], path: str) -> Node:
        if len(value) != 1:
            return self._other_form(value, path)
        ((key, given),) = value.items()
        name = str(key)
        if name in OPERATORS or name in WITH_A_NUMBER:
            return self._operands(name, given, path)
        if name == "absolute":
            inner = given[0] if isinstance(given, list) and len(given) == 1 else given
            node = self.schedule(inner, child_path(path, name))
            return Call(name, (node,), (), Place(path), Place(path))
        if name not in self.names:
            if "-" in name and (peer := advice_for_name(name)) is not None:
                return self._wrong(path, peer[0], peer[1] or _EXAMPLE, code=UNKNOWN_NAME)
            meant = _OTHER_OPERATORS.get(name) or certain_name(name, [*OPERATORS, *WITH_A_NUMBER])
            if meant is not None:
                error = InvalidArgument(f'unknown schedule "{name[:60]}"; did you mean "{meant}"?', code=UNKNOWN_NAME)
                self.forms.append((error, Place(path), Mend("name", (name,), (meant,))))
                return self._operands(meant, given, path)
            if name in NAMES_OF_CLASS and isinstance(given, str):
                return self._other_form(value, path)
        return self._call(name, self.names.get(name), given, path)

    def _operands(self, name: str, given: Any, path: str) -> Node:
        """Return the tree of `{product: […]}`, `{power: […]}` and so on."""
        if isinstance(given, BadValue):
            return self._plain(given, path)
        if name in WITH_A_NUMBER:
            if not isinstance(given, list) or len(given) != 2:
                found = f"expected a list of a schedule and a number, got {short_json(given)}"
                return self._wrong(path, found, f'{{{name}: ["cosine()", 2]}}')
            number = self.argument(given[1], child_path(path, 1), Param("", "number"))
            if not isinstance(number, Number) and not (isinstance(number, Value) and number.value is BROKEN):
                found = f"expected a number, got {short_json(given[1])}"
                number = self._wrong(child_path(path, 1), found, f'{{{name}: ["cosine()", 2]}}', code=WRONG_TYPE)
            schedule = self.schedule(given[0], child_path(path, 0))
            return Call(WITH_A_NUMBER[name], (schedule, number), (), Place(path), Place(path))
        if not isinstance(given, list):
            return self._operator(OPERATORS[name], (), given, path)
        is_plain = not all(isinstance(one, (int, float)) for one in given)  # numbers alone are no schedule
        read = self.schedule if name != "sequence" and is_plain else self._stage
        nodes = [read(one, child_path(path, place)) for place, one in enumerate(given)]
        return self._operator(OPERATORS[name], nodes, given, path)

    def _other_form(self, value: dict[Any, Any], path: str) -> Node:
        """Return the tree that a mapping in the form of another program means, and report the form."""
        keys = ", ".join(map(str, value)) or "nothing"
        error = InvalidArgument(
            f"a schedule is a mapping of one name; found {keys[:60]}", write=_EXAMPLE, is_example=True
        )
        kind = next((key for key in NAMES_OF_CLASS if isinstance(value.get(key), str)), None)
        rest = {key: one for key, one in value.items() if key != kind}
        line = "" if kind is None else value[kind]
        if kind is None or "(" in line:
            # `{warmup: 10, cosine: {to: 0.1}}`, or `{warmup: 10, schedule: cosine()}`
            if not value or not all(name in self.names for name in rest):
                return self._wrong(path, error.problem.summary)
            entries = sorted(value.items(), key=lambda entry: entry[0] != "warmup")  # a warmup is the first stage
            stages = [
                self.schedule(one, child_path(path, key)) if key == kind else self._mapping({key: one}, path)
                for key, one in entries
            ]
            self.forms.append((error, Place(path), Mend("form")))
            return self._operator(">>", stages, value, path)
        if line in self.names:
            self.forms.append((error, Place(path), Mend("form")))
        return self._call(line, self.names.get(line), rest["args"] if rest.keys() == {"args"} else rest, path)

    # ---- calls

    def _call(self, name: str, function: Callable[..., Any] | None, given: Any, path: str) -> Node:
        """Return the call of a function with `{argument: value}`, `[values]`, one value or null."""
        place = Place(path)
        params = {} if function is None else params_of(function)
        if isinstance(given, dict) and given.keys() == {"args"} and "args" not in params:
            error = InvalidArgument(f'unknown argument "args" of {name}', code=WRONG_ARGUMENT)
            self.forms.append((error, Place(path), Mend("form")))
            given = given["args"]
        if isinstance(given, dict):
            args, kwargs = self._by_name(given, params, path)
            return Call(name, args, kwargs, place, place)
        values = [] if given is None else given if isinstance(given, list) else [given]
        return Call(name, self._in_order(values, params, path), (), place, place)

    def _by_name(
        self, given: dict[Any, Any], params: Mapping[str, Param], path: str
    ) -> tuple[tuple[Node, ...], tuple[Keyword, ...]]:
        args, kwargs = list[Node](), list[Keyword]()
        free = next((one for one in params.values() if one.free), None)
        for key, value in given.items():
            name, at = str(key), child_path(path, key)
            param = params.get(name)
            if param is not None and param.several and isinstance(value, list):
                args += [self.argument(one, child_path(at, place), param) for place, one in enumerate(value)]
            elif param is not None and param.several:
                args.append(self.argument(value, at, Param(name, "list")))
            elif param is None or param.free:
                kwargs.append(Keyword(name, self.argument(value, at, free), Place(at, at_key=True)))
            else:
                kwargs.append(Keyword(name, self.argument(value, at, param), Place(at, at_key=True)))
        return tuple(args), tuple(kwargs)

    def _in_order(self, values: list[Any], params: Mapping[str, Param], path: str) -> tuple[Node, ...]:
        order = [one for one in params.values() if one.form not in _BY_NAME]
        several = next((place for place, one in enumerate(order) if one.several), None)
        made = list[Node]()
        for place, value in enumerate(values):
            if several is not None and place >= several:
                param = order[several]
                at = child_path(child_path(path, param.name), place - several)
                made.append(self.argument(value, at, param))
            elif place < len(order):
                made.append(self.argument(value, child_path(path, order[place].name), order[place]))
            else:
                made.append(self.argument(value, path, None))
        return tuple(made)

    def argument(self, value: Any, path: str, param: Param | None) -> Node:
        """Return the tree of an argument, read as its kind requires.

        Args:
            value: the data.
            path: its config path.
            param: the parameter; None if the function or the parameter is unknown.
        """
        kind = "" if param is None else param.kind
        if isinstance(value, BadValue) or value is None or isinstance(value, bool):
            return self._plain(value, path)
        if kind == "schedule":
            return self.schedule(value, path)
        if isinstance(value, str):
            if kind == "curve" and "(" not in value:
                return Word(f"curves.{value.strip().removeprefix('curves.')}", Place(path))
            return Text(value, kind in _AS_TEXT or (not kind and "(" in value), Place(path))
        if kind == "any":
            return self._plain(value, path)
        if kind == "count" and isinstance(value, float) and value.is_integer():
            return Number(int(value), repr(int(value)), Place(path))
        if isinstance(value, dict) and len(value) == 1:
            return self._mapping_of_kind(value, path, kind)
        if isinstance(value, list):
            items = () if param is None else param.items
            of_items = items if len(items) == len(value) else items[:1] * len(value)
            nodes = (
                self.argument(one, child_path(path, place), of_items[place] if of_items else _ANY if kind else None)
                for place, one in enumerate(value)
            )
            return List(tuple(nodes), False, Place(path))
        return self._plain(value, path)

    def _mapping_of_kind(self, value: dict[Any, Any], path: str, kind: str) -> Node:
        ((key, given),) = value.items()
        name = str(key)
        if kind in ("curve", "rule"):
            space = f"{kind}s."
            last = name.removeprefix(space)
            return self._call(f"{space}{last}", (FAMILIES if kind == "curve" else RULES).get(last), given, path)
        if kind == "level" and certain_name(name, ["absolute"]):
            inner = given[0] if isinstance(given, list) and len(given) == 1 else given
            node = self._plain(inner, path)
            return Call(name, (node,), (), Place(path), Place(path))
        if not kind and (name in self.names or name in OPERATORS or name in WITH_A_NUMBER or name == "absolute"):
            return self._mapping(value, path)
        return self._plain(value, path)
