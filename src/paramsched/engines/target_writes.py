"""TargetWrites: writes the values of a plan's targets into attributes of a trainer or a module."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, TypeAlias, final

from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.problem import Problem
from paramsched.core.run.engine_handle import EngineHandle
from paramsched.core.run.scheduler import Scheduler
from paramsched.errors import InvalidArgument, shown

Write: TypeAlias = Mapping[str, str | Sequence[str]]
"""A dict from the name of a target to the path of an attribute, or to several, such as `"args.epsilon_high"`."""

_NONE = object()


@final
@dataclass(slots=True)
class Attribute:
    """An attribute that follows a target.

    Args:
        target: the name of the target.
        path: the path from the root.
        owner: the object that has the attribute.
        name: the attribute.
        whole: True if its value was an int.
        written: the value at present.
    """

    target: str
    path: str
    owner: Any
    name: str
    whole: bool
    written: Any


@final
@dataclass(slots=True)
class TargetWrites:
    """Writes values of targets into attributes before each update.

    Args:
        call: the user's call, for messages, such as `PlanCallback`.
        root: what the paths start at, for messages: `trainer` or `module`.
        paths: the paths by target, as in `Write`.

    Raises:
        InvalidArgument: `paths` is not a mapping from names to paths.
    """

    call: str
    root: str
    paths: Write
    _attributes: list[Attribute] = field(default_factory=list, init=False)
    _has_warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        given = self.paths
        if not isinstance(given, Mapping) or not all(
            isinstance(name, str) and (isinstance(one, str) or (isinstance(one, Sequence) and one and all(
                isinstance(path, str) for path in one)))
            for name, one in given.items()
        ):  # fmt: skip
            found = "expected a dict from names of targets to paths"
            raise InvalidArgument(
                f"{self.call}(write={shown(given)})", found, 'For example: write={"entropy_coef": "entropy_coef"}'
            )

    def begin(self, root: Any, scheduler: Scheduler) -> None:
        """Find the attributes when training begins. All are checked before one is written.

        Raises:
            InvalidArgument: a name is not a target of the plan, a path does not exist, its value is not a number or
                cannot be written, or the trainer has a copy of the argument.
        """
        targets = [name for name, group in EngineHandle(scheduler).values() if group == ""]
        listed = [path for _, path in self._pairs()]
        found: list[Attribute] = []
        for target, path in self._pairs():
            site = f"{self.call}(write={{{target!r}: {path!r}}})"
            if target not in targets:
                text = f"{target!r} is not a target of the plan; {did_you_mean(target, targets)}"
                raise InvalidArgument(site, text)
            if listed.count(path) > 1:
                raise InvalidArgument(site, "the path is listed twice")
            one = self._attribute(site, target, path, root)
            arguments, _, name = path.rpartition(".")
            copy = getattr(root, name, _NONE) if arguments == "args" else _NONE
            if name not in listed and _is_number(copy) and copy == one.written:
                both = f"write={{{target!r}: ({name!r}, {path!r})}}"
                text = f"the {self.root} has a copy of this argument, {self.root}.{name}, which would keep its value"
                raise InvalidArgument(site, text, f"Write {both}")
            found.append(one)
        self._attributes, self._has_warned = found, False

    def write(self, scheduler: Scheduler) -> None:
        """Write the values of the next update, before its forward pass."""
        if not self._attributes:
            return
        values = EngineHandle(scheduler).values()
        for one in self._attributes:
            value = values.get((one.target, ""))
            if value is None:  # the plan of a resume no longer has this target
                continue
            present = getattr(one.owner, one.name)
            if present != one.written and not self._has_warned:
                self._has_warned = True
                found = (
                    f"{self.root}.{one.path} is {shown(present)}, but the plan has written {shown(one.written)}. "
                    f"The value of the target {one.target!r} is written before each update"
                )
                advice = f"Delete the other write, or omit {one.path!r} in write="
                EngineHandle(scheduler).processes.warn(Problem(site=self.call, found=found, advice=advice))
            one.written = int(value) if one.whole and value.is_integer() else value
            setattr(one.owner, one.name, one.written)

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Yield each target with each of its paths."""
        for target, paths in self.paths.items():
            for path in (paths,) if isinstance(paths, str) else paths:
                yield target, path

    def _attribute(self, site: str, target: str, path: str, root: Any) -> Attribute:
        """Return the attribute at a path, or raise."""
        owner, value, where = root, root, self.root
        for name in path.split("."):
            owner, value = value, getattr(value, name, _NONE)
            if value is _NONE:
                text = f"{where} has no attribute {name!r}"
                near = [one for one in dir(owner) if not one.startswith("_")]
                raise InvalidArgument(site, f"{text}; {did_you_mean(name, near)}" if name else text)
            where = f"{where}.{name}"
        if not _is_number(value):
            raise InvalidArgument(site, f"expected {where} to be a number, got {shown(value)}")
        try:
            setattr(owner, name, value)
        except (AttributeError, TypeError) as error:
            raise InvalidArgument(site, f"{where} cannot be written: {error}") from None
        return Attribute(target, path, owner, name, isinstance(value, int), value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
