"""Which value is given for which argument of a shape: by name, in order, or one value alone."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, final

from paramsched._fault_codes import WRONG_ARGUMENT
from paramsched._vocabulary import NOWHERE, our_word
from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.near_names import closest, did_you_mean


def assign_arguments(
    name: str, parameters: Mapping[str, inspect.Parameter], given: Any, path: str, faults: Faults
) -> dict[str, Any]:
    """Each argument's value, unread, by its parameter's name.

    Args:
        name: of the shape, for messages.
        parameters: what it takes.
        given: `{argument: value}`, `[values]`, one value, or nothing.
        path: where it stands.
        faults: takes the arguments that are unknown, too many or missing.
    """
    return _Assignment(name, parameters, path, faults).of_given(given)


@final
class _Assignment:
    def __init__(self, name: str, parameters: Mapping[str, inspect.Parameter], path: str, faults: Faults) -> None:
        self.name, self.parameters, self.path, self.faults = name, parameters, path, faults
        self.meant: set[str | None] = set()  # the arguments that unknown ones were probably written for

    def of_given(self, given: Any) -> dict[str, Any]:
        if isinstance(given, dict):
            values = self.by_name(given)
        else:
            values = {} if given is None else self.in_order(given if isinstance(given, list) else [given])
        self.note_missing(values)
        return values

    def by_name(self, given: dict[Any, Any]) -> dict[str, Any]:
        """From a mapping; a function that takes any name has the unknown ones together."""
        extra = next((key for key, one in self.parameters.items() if one.kind is one.VAR_KEYWORD), None)
        values: dict[str, Any] = {}
        for key, value in given.items():
            if key in self.parameters and key != extra:
                values[key] = value
            elif extra is not None:
                values.setdefault(extra, {})[key] = value
            else:
                near, advice = nearest_argument(str(key), self.parameters, self.name)
                self.meant.add(near)
                found = f'{self.name} has no argument "{key}"; {advice}'
                replace = (str(key), near) if near else None
                self.faults.add(child_path(self.path, key), found, at_key=True, code=WRONG_ARGUMENT, replace=replace)
        return values

    def in_order(self, given: list[Any]) -> dict[str, Any]:
        """From a list; one that takes any number has the rest together."""
        places = [one for one in self.parameters.values() if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
        values: dict[str, Any] = {}
        for index, one in enumerate(places):
            if one.kind is one.VAR_POSITIONAL:
                return values | {one.name: given[index:]}
            if index < len(given):
                values[one.name] = given[index]
        if len(given) > len(places):
            names = ", ".join(one.name for one in places)
            found = f"{self.name} takes at most {len(places)} values, {names}; found {len(given)}"
            mapping = f"{{{self.name}: {{{places[0].name}: …}}}}"
            instead = f"A list goes in brackets of its own, or write {mapping}"
            self.faults.add(self.path, found, instead, code=WRONG_ARGUMENT)
        return values

    def note_missing(self, values: dict[str, Any]) -> None:
        """Tell of each argument that has to be there, but of none that an unknown one was written for."""
        for key, one in self.parameters.items():
            required = one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            if required and key not in values and key not in self.meant:
                instead = f"Write {{{self.name}: {{{key}: …}}}}"
                found = f'{self.name} needs the argument "{key}"'
                self.faults.add(self.path, found, instead, code=WRONG_ARGUMENT)


def nearest_argument(key: str, parameters: Iterable[str], function: str) -> tuple[str | None, str]:
    """The argument that an unknown one probably means, by a peer's word or by its spelling, and the advice."""
    ours = our_word(key, parameters, function)
    if ours is not None:
        return ours, f'here it is "{ours}"'
    if key in NOWHERE:
        return None, NOWHERE[key]
    return closest(key, parameters), did_you_mean(key, parameters)
