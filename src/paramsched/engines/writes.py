"""Who writes to an optimizer beside the plan, which optimizer an engine trains, and writes of targets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any, NamedTuple, TypeAlias, final

from paramsched.engines.torch_required import torch
from paramsched.base.problem import Problem
from paramsched.base.words import did_you_mean
from paramsched.core.fields import Field
from paramsched.core.number_checks import is_real_number
from paramsched.core.run import EngineHandle, PlanHooks, Scheduler, hooks_on
from paramsched.errors import InvalidArgument, shown


@final
class Writer(NamedTuple):
    """A scheduler that writes a field of some groups."""

    name: str
    groups: Sequence[Any]
    field: Field = Field.of("lr")


def warn_of_other_schedulers(made: Scheduler, present: Iterable[Any], site: str) -> None:
    """Warn of each scheduler of torch that writes the lr of a group whose lr the plan writes.

    Another class may write any field, so it is reported when it has written a scheduled one.

    Args:
        made: the Scheduler of the plan.
        present: the schedulers of the engine.
        site: where the engine got them.
    """
    of_torch = [
        Writer(type(one).__name__, getattr(vars(one).get("optimizer"), "param_groups", ()))  # a wrapper may have none
        for one in present
        if isinstance(one, torch.optim.lr_scheduler.LRScheduler) and not isinstance(one, Scheduler)
    ]
    warn_of_writers(made.optimizers.values(), of_torch, site)


def warn_of_writers(optimizers: Iterable[Any], writers: Iterable[Writer], site: str) -> None:
    """Warn of each scheduler that writes a field of a group which a plan writes too.

    Args:
        optimizers: the optimizers, which may have plans.
        writers: the other schedulers.
        site: where the engine got them.
    """
    planned: dict[tuple[int, Field], PlanHooks] = {}
    for optimizer in optimizers:
        if (hooks := hooks_on(optimizer)) is not None:
            groups = optimizer.param_groups
            planned |= {
                (id(groups[index]), line.field): hooks for line in hooks.member.rows.lines for index in line.groups
            }
    for name, groups, written in writers:
        found = [hooks for group in groups if (hooks := planned.get((id(group), written))) is not None]
        if any(str(written) not in hooks.member.written_fields for hooks in found):
            for hooks in found:
                hooks.member.written_fields.add(str(written))  # so that its writes are not reported again
            text = (
                f"{name} also writes this optimizer. Remove it and its step(), because the plan writes the {written} "
                "of every update."
            )
            found[0].run.processes.warn(Problem(site=site, found=text))


_INSIDE = ("optimizer", "_optimizer", "base_optimizer", "_base_optimizer")
"""The attributes in which wrappers of engines have their optimizer."""


@final
class TrainedOptimizers:
    """Compares the optimizers of an engine with those of its Schedulers, whenever the engine has other objects.

    Args:
        call: the user's call, for the message.
        schedulers: those of the plan.
    """

    def __init__(self, call: str, schedulers: Sequence[Scheduler]) -> None:
        self._call, self._schedulers = call, schedulers
        self._seen: list[Any] = []
        self._has_warned = False

    def check(self, present: Iterable[Any]) -> None:
        """Warn once if the engine does not train an optimizer of the plan any more, and trains one without a plan.

        Args:
            present: the optimizers of the engine, or its wrappers of them; called before or after each update.
        """
        if self._has_warned:
            return
        trained = [one for wrapper in present for one in _inside(wrapper)]  # a wrapper may get another optimizer
        if len(trained) == len(self._seen) and all(map(is_, trained, self._seen)):
            return
        self._seen = trained
        groups = {id(group) for one in trained for group in getattr(one, "param_groups", ())}
        other = [one for one in trained if isinstance(one, torch.optim.Optimizer) and hooks_on(one) is None]
        for scheduler in self._schedulers:
            for optimizer in scheduler.optimizers.values():
                is_trained = any(one is optimizer for one in trained) or any(
                    id(group) in groups for group in optimizer.param_groups
                )
                if not is_trained and other and not EngineHandle(scheduler).is_manual:
                    self._warn(scheduler, optimizer, other[0])
                    return

    def _warn(self, scheduler: Scheduler, groups: Any, other: Any) -> None:
        self._has_warned, handle = True, EngineHandle(scheduler)
        handle.take_over_unmoved()  # that the plan does not move is a consequence
        one, planned = type(other).__name__, type(groups).__name__
        message = (
            f"from update {scheduler.t} on the engine trains another optimizer, {one}, than the plan's {planned}: no "
            "plan writes its values"
        )
        advice = f"Where it is constructed, write ps.Scheduler(optimizer, plan, t={scheduler.t})"
        handle.processes.warn(Problem(site=self._call, found=message, advice=advice))


def _inside(wrapper: Any) -> Iterator[Any]:
    """Yield a wrapper, and what is inside of it."""
    seen: list[Any] = []
    while wrapper is not None and not any(wrapper is one for one in seen):
        yield wrapper
        seen.append(wrapper)
        own = getattr(wrapper, "__dict__", {})
        wrapper = next((own[name] for name in _INSIDE if own.get(name) is not None), None)


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
            isinstance(name, str) and (isinstance(element, str) or (isinstance(element, Sequence) and element and all(
                isinstance(path, str) for path in element)))
            for name, element in given.items()
        ):  # fmt: skip
            message = "expected a dict from names of targets to paths"
            raise InvalidArgument(
                f"{self.call}(write={shown(given)})", message, 'For example: write={"entropy_coef": "entropy_coef"}'
            )

    def begin(self, root: Any, scheduler: Scheduler) -> None:
        """Find the attributes when training begins. All are checked before one is written.

        Raises:
            InvalidArgument: a name is not a target of the plan, a path does not exist, its value is not a number or
                cannot be written, or the trainer has a copy of the argument.
        """
        targets = [name for name, group in EngineHandle(scheduler).values() if group == ""]
        listed = [path for _, path in self._pairs()]
        attributes: list[Attribute] = []
        for target, path in self._pairs():
            site = f"{self.call}(write={{{target!r}: {path!r}}})"
            if target not in targets:
                text = f"{target!r} is not a target of the plan; {did_you_mean(target, targets)}"
                raise InvalidArgument(site, text)
            if listed.count(path) > 1:
                raise InvalidArgument(site, "the path is listed twice")
            attribute = self._attribute(site, target, path, root)
            arguments, _, name = path.rpartition(".")
            copy = getattr(root, name, _NONE) if arguments == "args" else _NONE
            if name not in listed and is_real_number(copy) and copy == attribute.written:
                both = f"write={{{target!r}: ({name!r}, {path!r})}}"
                text = f"the {self.root} has a copy of this argument, {self.root}.{name}, which would keep its value"
                raise InvalidArgument(site, text, f"Write {both}")
            attributes.append(attribute)
        self._attributes, self._has_warned = attributes, False

    def write(self, scheduler: Scheduler) -> None:
        """Write the values of the next update, before its forward pass."""
        values = EngineHandle(scheduler).values() if self._attributes else {}
        for attribute in self._attributes:
            value = values.get((attribute.target, ""))
            if value is None:  # the plan of a resume no longer has this target
                continue
            present = getattr(attribute.owner, attribute.name)
            if present != attribute.written and not self._has_warned:
                self._has_warned = True
                message = (
                    f"{self.root}.{attribute.path} is {shown(present)}, "
                    f"but the plan has written {shown(attribute.written)}. "
                    f"The value of the target {attribute.target!r} is written before each update"
                )
                advice = f"Delete the other write, or omit {attribute.path!r} in write="
                EngineHandle(scheduler).processes.warn(Problem(site=self.call, found=message, advice=advice))
            attribute.written = int(value) if attribute.whole and value.is_integer() else value
            setattr(attribute.owner, attribute.name, attribute.written)

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
                if name == path.rpartition(".")[2]:  # the attribute itself, which is a number
                    own = getattr(owner, "__dict__", {})
                    near = [one for one in near if is_real_number(own.get(one))]
                raise InvalidArgument(site, f"{text}; {did_you_mean(name, near)}" if name and near else text)
            where = f"{where}.{name}"
        if not is_real_number(value):
            raise InvalidArgument(site, f"expected {where} to be a number, got {shown(value)}")
        try:
            setattr(owner, name, value)
        except (AttributeError, TypeError) as error:
            raise InvalidArgument(site, f"{where} cannot be written: {error}") from None
        return Attribute(target, path, owner, name, isinstance(value, int), value)
