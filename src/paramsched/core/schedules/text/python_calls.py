"""Correct a wrong call of a function in Python that is not a shape: `Calendar`, `Scheduler`, `trace`, `plan.change`."""

import inspect
from ast import literal_eval
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from numbers import Real
from typing import Any, Final, final

from paramsched.core.advice.calls import CODE, EXAMPLE_ARGUMENTS, example_call
from paramsched.core.advice.peer_words import (
    DROPPED,
    LENGTHS_OF_RUN,
    has_same_value,
    instead_of,
    is_warmup_length,
    line_in_code,
    own_name,
)
from paramsched.core.base.advise import Mend, promise
from paramsched.core.base.near_names import certain_name, did_you_mean, joined_clauses, shortened_text
from paramsched.core.base.node import Call, Keyword, Node, Number, Text, Word
from paramsched.core.base.params import params_of
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.text.arguments import fits, leaf_of, node_of, numbers_of, scalar_of
from paramsched.core.schedules.text.parsing import meant_line, parse
from paramsched.core.time.calendar import Calendar, Facts, example_of_fact
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, MissingFact, shown

_LONGEST = 120  # characters of a call that is written for the user
_FACTS: Final = tuple(Facts.__annotations__)
_UNIT_FACT_NAMES: Final = tuple(Facts.__annotations__)
_UNIT_FACTS: Final = {
    "epochs": ("steps_per_epoch", "batches_per_epoch"),
    "tokens": ("tokens_per_step",),
    "samples": ("batch_size",),
}


def corrected(
    error: InvalidArgument, builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidArgument:
    """Return the error of a call, with the corrected call if there is one, else with an example.

    Args:
        error: the error of the function: an InvalidCall if the arguments do not match its signature.
        builder: the function or the class.
        name: its name in messages.
        positional, named: the arguments.
    """
    call = _PythonCall(builder, name, [*positional], named)
    if isinstance(error, InvalidCall) and error.code == InvalidCall.default_code and not error.problem.advice:
        return call.refusal(error)  # with an advice, it is about another call, such as one in the text of a schedule
    return call.with_value(error)


@final
class _PythonCall:
    """A call, and the corrected one. Names, types and doubled arguments are corrected; numbers are kept."""

    def __init__(self, builder: Callable[..., Any], name: str, positional: list[Any], named: Mapping[str, Any]) -> None:
        self.builder, self.name = builder, name
        self.params = params_of(builder)
        self.positional, self.named = positional, named
        self.places = [one for one in self.params if self.params[one].form in _IN_ORDER]
        self.several = any(one.several for one in self.params.values())
        self.new: dict[str, str] = {}
        self.values: dict[str, Node] = {}
        self.built: dict[str, Any] = {}
        self.mends: list[Mend] = []
        self.advice: dict[str, str] = {}
        self.renamed: tuple[str, str] | None = None
        self.facts: dict[str, Any] = {}
        self.is_clear, self.is_invented = True, False

    # ---- a value of another type

    def with_value(self, error: InvalidArgument) -> InvalidArgument:
        """Return the error about a value; with the call if the value means one that the argument takes."""
        if line := self._swapped():
            return error.changed(write=line)
        given = {**dict(zip(self.places, self.positional, strict=False)), **self.named}
        argument = _argument_of(error, given)
        if argument not in self.params:
            return error
        param, own = self.params[argument], error.call
        site = own or CallSite(self.name, argument, "…", shown(given[argument]))
        error = error.changed(site=replace(site, call=self.name, argument=argument))
        if own is None and error.write and self.name == self.builder.__name__:
            length = error.sample if type(error.sample) is int else 10_000
            error = error.changed(write=f"{argument}={length}", is_example=True)
        value = given[argument]
        meant = None if fits(param, value) else leaf_of(param, value, node_of(value), {}, shares=False)
        if meant is None:
            return error
        self._keep(given)
        self.values[argument], self.new[argument] = meant[0], self._text(meant[0])
        self.built[argument] = _value_of(meant[0])
        self.mends.append(meant[1])
        line = self._promised()
        return error.changed(write=line) if line else error

    def _swapped(self) -> str:
        """Return the call with the plan at its place if it was passed at the place of another argument, else ""."""
        at = self.places.index("plan") if "plan" in self.places else len(self.positional)
        plans = [index for index, one in enumerate(self.positional) if type(one).__name__ == "Plan"]
        if not plans and any(map(_is_optimizer, self.positional[at : at + 1])):
            plans = [index for index, one in enumerate(self.positional) if isinstance(one, (str, Schedule))]
        if len(plans) != 1 or at >= len(self.positional) or at in plans or isinstance(self.positional[at], Real):
            return ""
        self.positional[at], self.positional[plans[0]] = self.positional[plans[0]], self.positional[at]
        self._place_positional()
        self._keep(self.named)
        self.mends.append(Mend("order"))
        return self._promised()

    # ---- arguments that do not match the signature

    def refusal(self, error: InvalidArgument) -> InvalidArgument:
        """Return the error of a call whose arguments do not match the signature."""
        self._place_positional()
        for key, value in self.named.items():
            self._place(key, value)
        self._add_facts()
        missing = [one.name for one in self.params.values() if one.required and one.name not in self.new]
        line = "" if missing else self._promised()
        found = joined_clauses(f'unknown argument "{shortened_text(key)}"; {one}' for key, one in self.advice.items())
        error = error.changed(found=found or error.found)
        if line:
            return error.changed(write=line, replace=self.renamed if len(self.advice) == 1 else None)
        is_clear = self.is_clear or (bool(self.advice) and bool(self.new) and not missing)  # the rest is an example
        if is_clear and (self.new or self.name.startswith(CODE)) and (self.positional or self.named):
            self.new |= {one: EXAMPLE_ARGUMENTS.get(one, "") for one in missing}
            if "total" in self.new and "plan" in missing:
                self.new["plan"] = 'ps.Plan(lr="cosine()")'
            line = self._line() if (self._is_valid_with(missing) if missing else self._is_valid()) else ""
        complete = line and "" not in self.new.values() and len(line) <= _LONGEST
        return error.changed(write=line if complete else example_call(self.builder, self.name), is_example=True)

    def _place_positional(self) -> None:
        """Place the positional values. One too many may be the calendar or the length of the run."""
        self._keep(dict(zip(self.places, self.positional, strict=False)))
        more = [] if self.several else self.positional[len(self.places) :]
        for value in more:
            free = [one for one in self.params if one not in self.new and one not in self.named]
            if type(value).__name__ == "Calendar" and "calendar" in free:
                self._put("calendar", value, Mend("order", (), ("calendar",)))
                self.is_clear = self.is_clear and self.named.keys().isdisjoint(_FACTS)  # which are passed once
            elif "total" in free and fits(self.params["total"], value):
                self._put("total", value, Mend("order", (), ("total",)))
            else:
                self.is_clear = False

    def _place(self, key: str, value: Any) -> None:
        """Place a keyword: as it is, under the name that is meant, or as a fact of the calendar."""
        if key in self.params and key not in self.new:
            self._put(key, value)
            return
        if key in self.params:  # a positional value has the same name
            first = self.positional[self.places.index(key)]
            self.is_clear = self.is_clear and (first is value or shown(first) == shown(value))
            self.mends.append(Mend("form"))
            return
        if any(one.free for one in self.params.values()):
            self._put(key, value)
            return
        free = [one for one in self.params if one not in self.new and one not in self.named]
        if not self._place_unknown(key, value, free):
            self.advice.setdefault(key, self._unknown(key))
            self.is_clear = False

    def _place_unknown(self, key: str, value: Any, free: list[str]) -> bool:
        """Place an unknown keyword; return whether its meaning is clear."""
        total = next((one for one in ("total", "horizon") if one in free), None)
        takes_facts = "calendar" in self.params and self.params.keys().isdisjoint(_UNIT_FACT_NAMES)
        unit = LENGTHS_OF_RUN.get(key)
        is_count = isinstance(value, (int, float)) and not isinstance(value, bool)
        if unit == "epochs" and is_count and "epochs" in free:  # of an adapter
            self.advice[key], self.renamed = 'use "epochs"', (key, "epochs")
            self._put("epochs", value, Mend("other", (key,), ("epochs",)))
            return True
        if unit is not None and is_count and (total or (takes_facts and "total" not in self.facts)):
            length = f"{value} {unit}" if unit else value
            name: str = total or "total"
            self.advice[key] = f'use "{name}"' if total else f"it is a run fact: Calendar({name}=…)"
            mend = Mend("other", (key,), (name, unit) if unit else (name,))
            if total:
                self._put(name, length, mend)
            else:
                self.facts[name] = length
                self.mends.append(mend)
            return True
        if key in ("lr", "weight_decay", "momentum") and self._place_field(key, value, free):
            return True
        near = certain_name(key, free)
        ours = near if near is not None and _letters(near) == _letters(key) else own_name(key, free, self.name)
        if ours in free and (
            has_same_value(key, ours, self.name) or (key.endswith("_per_epoch") and ours.endswith("_per_epoch"))
        ):
            self.advice[key] = f'did you mean "{ours}"?' if ours == near else f'use "{ours}"'
            self.renamed = key, ours
            self._put(ours, value, Mend("other", (key,), (ours,)))
            return True
        if takes_facts and (fact := own_name(key, _UNIT_FACT_NAMES) or certain_name(key, _UNIT_FACT_NAMES)) is not None:
            self.advice[key] = f"it is a run fact: Calendar({fact}=…)"
            self.facts[fact] = value
            self.mends.append(Mend("other", (key,), (fact,)))
            return True
        if near is not None and instead_of(key) is None:
            self.advice[key] = f'did you mean "{near}"?'
            self.renamed = key, near
            self._put(near, value, Mend("name", (key,), (near,)))
            return True
        if key == "last_epoch" and "t" in free and isinstance(value, int) and value >= 0:
            self.advice[key] = 't is the number of completed updates, one more than "last_epoch" of torch'
            self.new["t"], self.is_invented = str(value + 1), True
            return True
        if key in DROPPED and (value is None or isinstance(value, bool) or value == -1):
            self.advice[key] = self._unknown(key)
            self.mends.append(Mend("other", (key, str(value))))
            return True
        return False

    def _place_field(self, key: str, value: Any, free: list[str]) -> bool:
        """Place a field: with its schedule, or with its base."""
        if self.name == "Binding" and {"field", "schedule"} <= {*free}:
            self.advice[key] = 'use "field"'
            self._put("field", key, Mend("other", (), ("field",)))
            self._put("schedule", value, Mend("other", (), ("schedule",)))
            return True
        if "plan" in free and isinstance(value, (str, Schedule)):
            self.advice[key] = did_you_mean(key, self.params) if "total" not in self.params else "a plan has the fields"
            if isinstance(value, str) and meant_line(value) != value:
                self.is_clear = False
                return True
            self.new["plan"] = f"ps.Plan({key}={self._text(node_of(value), key, value)})"
            self.values["plan"] = Call("Plan", (), (Keyword(key, node_of(value)),))
            self.mends.append(Mend("form", (), ("plan", "Plan")))
            return True
        if "optimizer" in free and isinstance(value, (int, float)) and not isinstance(value, bool):
            self.advice[key] = 'use "optimizer"'
            self.new["optimizer"] = repr({key: value})
            self.values["optimizer"] = Call("", (), (Keyword(key, node_of(value)),))
            self.mends.append(Mend("form", (), ("optimizer",)))
            return True
        return False

    def _unknown(self, key: str) -> str:
        if is_warmup_length(key) and "plan" in self.params:
            return "a warmup is a stage of the plan: warmup(500) >> cosine()"
        if key in ("lr", "base_lr", "max_lr", "learning_rate") and "plan" in self.params:
            return "the base is the optimizer's own lr"
        return instead_of(key) or did_you_mean(key, self.params)

    def _add_facts(self) -> None:
        """Add a Calendar with the run facts to the corrected call, and the fact that the unit of `total` requires."""
        length = self.facts.get("total", self.named.get("total"))
        known = {*self.facts, *self.new}
        if "total" in self.values and isinstance(self.values["total"], Text):
            length = self.values["total"].value
        for unit, names in _UNIT_FACTS.items():
            if str(length).endswith(f" {unit}") and known.isdisjoint(names) and (self.mends or self.facts):
                example = example_of_fact(names[0])
                if self.facts:
                    self.facts[names[0]] = literal_eval(example)
                else:
                    self.new[names[0]], self.built[names[0]] = example, literal_eval(example)
                self.is_invented = True
        for key in [one for one, value in self.facts.items() if not _is_fact(one, value)]:
            del self.facts[key]
            self.is_clear = False
        if self.facts:
            self.new.pop("calendar", None)
            inside = ", ".join(f"{key}={self._text(node_of(value))}" for key, value in self.facts.items())
            self.new["calendar"] = f"ps.Calendar({inside})"
            facts = tuple(Keyword(key, node_of(value)) for key, value in self.facts.items())
            self.values["calendar"] = Call("Calendar", (), facts)
            self.mends.append(Mend("form", (), ("calendar", "Calendar")))

    # ---- the corrected call

    def _keep(self, given: Mapping[str, Any]) -> None:
        for key, value in given.items():
            self._put(key, value)

    def _put(self, key: str, value: Any, mend: Mend | None = None) -> None:
        """Keep an argument. A value of another type becomes the one that is meant."""
        param, node = self.params.get(key), node_of(value)
        if param is not None and param.kind in _SIMPLE and not fits(param, value):
            meant = leaf_of(param, value, node, {}, shares=False)
            node, value = (node, value) if meant is None else (meant[0], _value_of(meant[0]))
            self.mends += [] if meant is None else [meant[1]]
        if param is not None and param.choices and isinstance(value, str) and value not in param.choices:
            self.is_clear = False
        self.values[key], self.new[key], self.built[key] = node, self._text(node, key, value), value
        if mend is not None:
            self.mends.append(mend)

    def _text(self, node: Node, key: str = "", value: Any = None) -> str:
        """Return the Python code of a value; empty if there is none."""
        if isinstance(node, Number):
            return node.written
        if isinstance(node, Text):
            return f"ps.parse({node.value!r})" if (self.name, key) == ("ps.resolve", "plan") else repr(node.value)
        if isinstance(node, Word):
            return node.name
        return code_of(value, key, self.name)

    def _line(self) -> str:
        in_order = [name for name in self.places[: len(self.positional)] if name in self.new]
        texts = [self.new[name] for name in in_order]
        texts += [f"{name}={text}" for name, text in self.new.items() if name not in in_order]
        return f"{self.name}({', '.join(texts)})"

    def _promised(self) -> str:
        """Return the corrected call; empty if it loses or invents a number, or is not valid."""
        line = self._line()
        if not self.is_clear or self.is_invented or self.several or "" in self.new.values() or len(line) > _LONGEST:
            return ""
        given = tuple(Keyword(key, _plain(value)) for key, value in self.named.items())
        doubled = [one for one in self.named if one in self.places[: len(self.positional)]]
        given = tuple(one for one in given if one.name not in doubled)
        written = Call(self.name, tuple(map(_plain, self.positional)), given)
        in_order = self.places[: len(self.positional)]
        args = tuple(self.values.get(one, Word(one)) for one in in_order)
        others = tuple(Keyword(one, node) for one, node in self.values.items() if one not in in_order)
        meant = Call(self.name, args, others)
        return promise(written, meant, self.mends, line, lambda _: meant if self._is_valid() else None)

    def _is_valid_with(self, missing: list[str]) -> bool:
        """Return whether the call has no known error with the example values of missing arguments.

        The lines of its fields are read; the call itself is tried if it makes a value.
        """
        try:
            for line in (one for key, one in self.named.items() if key not in self.params and isinstance(one, str)):
                parse(line)
        except InvalidArgument:
            return False
        try:
            self.built |= {one: literal_eval(self.new[one]) for one in missing}
        except (ValueError, SyntaxError):
            return True
        return self._is_valid()

    def _is_valid(self) -> bool:
        """Return whether the corrected call has no known error.

        Only the call of a class of values is tried, because other calls may have effects.
        """
        kind: Any = self.builder
        try:
            if isinstance(text := self.built.get("plan"), str) and self.name == "ps.resolve":
                parse(text)  # as in the corrected call
            if not is_dataclass(self.builder):
                return True
            # not `kind(…)`, because the wrapper would correct this call too
            kind.__init__.__wrapped__(object.__new__(kind), **self.built)
        except (InvalidArgument, TypeError):
            return False
        return True


def _is_fact(name: str, value: Any) -> bool:
    """Return whether a Calendar takes a value of a fact, if it has the other facts that it needs."""
    try:
        Calendar(**{"total": 100, name: value})
    except MissingFact:
        return True
    except InvalidArgument:
        return False
    return True


_IN_ORDER: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_SIMPLE: Final = ("length", "count", "number", "choice", "bool")


def _argument_of(error: InvalidArgument, given: Mapping[str, Any]) -> str:
    """Return the argument whose value an error is about; empty if it is about another call inside."""
    if error.refused is not None:
        same = [key for key, one in given.items() if type(one) is type(error.refused)]
        same = [key for key in same if shown(given[key]) == shown(error.refused)]
        return same[0] if len(same) == 1 else ""
    site = error.call
    return site.argument if site and shown(given.get(site.argument, "")) in (site.got, site.value) else ""


def _is_optimizer(value: Any) -> bool:
    """Return whether a value is an optimizer, or a mapping from names to several."""
    return any(hasattr(one, "param_groups") for one in (value.values() if isinstance(value, Mapping) else [value]))


def _letters(name: str) -> str:
    return name.lower().replace("_", "")


def _plain(value: Any) -> Node:
    """Return the node of a value that a user wrote: the numbers of an array."""
    return scalar_of(value) or numbers_of(value) or node_of(value)


def _value_of(node: Node) -> Any:
    return (
        {"True": True, "False": False, "None": None}[node.name]
        if isinstance(node, Word)
        else getattr(node, "value", node)
    )


def code_of(value: object, key: str, name: str) -> str:
    """Return the Python code of a value: for foreign objects, the name of the argument; empty if there is none."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (list, tuple, dict)):
        plain = value.values() if isinstance(value, dict) else value
        return repr(value) if all(isinstance(one, (bool, int, float, str)) for one in plain) else key
    if type(value).__name__ == "Calendar" and is_dataclass(value):
        facts = {one.name: getattr(value, one.name) for one in fields(value)}
        texts = [f"{fact}={code_of(one, fact, name)}" for fact, one in facts.items() if one is not None]
        return f"ps.Calendar({', '.join(texts)})"
    if isinstance(value, Schedule):
        return line_in_code(str(value)) if name.startswith(CODE) else str(value)
    if type(value).__name__ == "Duration":
        return f'"{value}"'
    return key
