"""Who writes to an optimizer beside the plan, which optimizer an engine trains, and writes of targets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any, NamedTuple, TypeAlias, final

from paramsched.engines.torch_required import torch
from paramsched.core.calls.number_checks import is_real_number
from paramsched.core.groups.fields import Field
from paramsched.core.run import EngineHandle, PlanHooks, Scheduler, hooks_on
from paramsched.engines.messages import events as messages


@final
class FieldWriter(NamedTuple):
    """A scheduler that writes a field of some groups."""

    name: str
    groups: Sequence[Any]
    field: Field = Field.of("lr")


def warn_of_other_schedulers(attached: Scheduler, schedulers: Iterable[Any], site: str) -> None:
    """Warn of each scheduler of torch that writes the lr of a group whose lr the plan writes.

    Another class may write any field, so it is reported when it has written a scheduled one.

    Args:
        attached: the Scheduler of the plan.
        schedulers: the schedulers of the engine.
        site: where the engine got them.
    """
    of_torch = [
        # A wrapper may have no optimizer.
        FieldWriter(type(scheduler).__name__, getattr(vars(scheduler).get("optimizer"), "param_groups", ()))
        for scheduler in schedulers
        if isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler) and not isinstance(scheduler, Scheduler)
    ]
    warn_of_writers(attached.optimizers.values(), of_torch, site)


def warn_of_writers(optimizers: Iterable[Any], writers: Iterable[FieldWriter], site: str) -> None:
    """Warn of each scheduler that writes a field of a group which a plan writes too.

    Args:
        optimizers: the optimizers, which may have plans.
        writers: the other schedulers.
        site: where the engine got them.
    """
    hooks_by_field: dict[tuple[int, Field], PlanHooks] = {}
    for optimizer in optimizers:
        hooks = hooks_on(optimizer)
        if hooks is None:
            continue
        for line in hooks.attached.table.lines:
            hooks_by_field |= {(id(optimizer.param_groups[index]), line.field): hooks for index in line.groups}
    for name, groups, written_field in writers:
        keys = [(id(group), written_field) for group in groups]
        overwritten = [hooks_by_field[key] for key in keys if key in hooks_by_field]
        if any(str(written_field) not in hooks.attached.written_fields for hooks in overwritten):
            for hooks in overwritten:
                hooks.attached.written_fields.add(str(written_field))  # so that its writes are not reported again
            overwritten[0].run.processes.warn(messages.other_writer(site, name, written_field))


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
        self._call = call
        self._schedulers = schedulers
        self._seen: list[Any] = []
        self._has_warned = False

    def check(self, present: Iterable[Any]) -> None:
        """Warn once if the engine does not train an optimizer of the plan any more, and trains one without a plan.

        Args:
            present: the optimizers of the engine, or its wrappers of them; called before or after each update.
        """
        if self._has_warned:
            return
        trained = [item for wrapper in present for item in _inside(wrapper)]  # a wrapper may get another optimizer
        if len(trained) == len(self._seen) and all(map(is_, trained, self._seen)):
            return
        self._seen = trained
        without_plan = [item for item in trained if isinstance(item, torch.optim.Optimizer) and hooks_on(item) is None]
        if not without_plan:
            return
        for scheduler in self._schedulers:
            for optimizer in scheduler.optimizers.values():
                if not _is_trained(optimizer, trained) and not EngineHandle(scheduler).is_manual:
                    self._warn(scheduler, optimizer, without_plan[0])
                    return

    def _warn(self, scheduler: Scheduler, planned: Any, trained: Any) -> None:
        self._has_warned = True
        handle = EngineHandle(scheduler)
        handle.take_over_unmoved()  # that the plan does not move is a consequence
        handle.processes.warn(messages.other_optimizer(self._call, scheduler.t, trained, planned))


def _is_trained(optimizer: Any, trained_optimizers: Sequence[Any]) -> bool:
    """Return whether an optimizer, or one with a group of it, is one of those that an engine trains."""
    if any(trained is optimizer for trained in trained_optimizers):
        return True
    groups = {id(group) for trained in trained_optimizers for group in getattr(trained, "param_groups", ())}
    return any(id(group) in groups for group in optimizer.param_groups)


def _inside(wrapper: Any) -> Iterator[Any]:
    """Yield a wrapper, and what is inside of it."""
    seen: list[Any] = []
    while wrapper is not None and not any(wrapper is item for item in seen):
        yield wrapper
        seen.append(wrapper)
        attributes = getattr(wrapper, "__dict__", {})
        wrapper = next((attributes[name] for name in _INSIDE if attributes.get(name) is not None), None)


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
        if not isinstance(self.paths, Mapping) or not all(map(_are_paths, self.paths.items())):
            raise messages.not_paths(self.call, self.paths)

    def begin(self, root: Any, scheduler: Scheduler) -> None:
        """Find the attributes when training begins. All are checked before one is written.

        Raises:
            InvalidArgument: a name is not a target of the plan, a path does not exist, its value is not a number or
                cannot be written, or the trainer has a copy of the argument.
        """
        targets = [name for name, group in EngineHandle(scheduler).values() if group == ""]
        paths = [path for _, path in self._pairs()]
        attributes: list[Attribute] = []
        for target, path in self._pairs():
            site = f"{self.call}(write={{{target!r}: {path!r}}})"
            if target not in targets:
                raise messages.unknown_target(site, target, targets)
            if paths.count(path) > 1:
                raise messages.path_twice(site)
            attribute = self._attribute(site, target, path, root)
            arguments, _, name = path.rpartition(".")
            copy = getattr(root, name, _NONE) if arguments == "args" else _NONE
            if name not in paths and is_real_number(copy) and copy == attribute.written:
                raise messages.copied_argument(site, self.root, name, target, path)
            attributes.append(attribute)
        self._attributes = attributes
        self._has_warned = False

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
                problem = messages.written_by_others(
                    self.call, self.root, attribute.path, present, attribute.written, attribute.target
                )
                EngineHandle(scheduler).processes.warn(problem)
            attribute.written = int(value) if attribute.whole and value.is_integer() else value
            setattr(attribute.owner, attribute.name, attribute.written)

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Yield each target with each of its paths."""
        for target, paths in self.paths.items():
            for path in (paths,) if isinstance(paths, str) else paths:
                yield target, path

    def _attribute(self, site: str, target: str, path: str, root: Any) -> Attribute:
        """Return the attribute at a path, or raise."""
        owner = root
        value = root
        where = self.root
        for name in path.split("."):
            owner = value
            value = getattr(owner, name, _NONE)
            if value is _NONE:
                is_last = name == path.rpartition(".")[2]
                raise messages.no_attribute(site, where, name, _names_like_attribute(owner, are_numbers=is_last))
            where = f"{where}.{name}"
        if not is_real_number(value):
            raise messages.attribute_not_a_number(site, where, value)
        try:
            setattr(owner, name, value)
        except (AttributeError, TypeError) as error:
            raise messages.attribute_not_writable(site, where, error) from None
        return Attribute(target, path, owner, name, isinstance(value, int), value)


def _are_paths(entry: tuple[object, object]) -> bool:
    """Return whether an entry is a name with a path or with several paths."""
    name, paths = entry
    if not isinstance(name, str):
        return False
    if isinstance(paths, str):
        return True
    return isinstance(paths, Sequence) and bool(paths) and all(isinstance(path, str) for path in paths)


def _names_like_attribute(owner: Any, *, are_numbers: bool) -> list[str]:
    """Return the public attributes of an object; with `are_numbers` those of its own that are numbers."""
    names = [name for name in dir(owner) if not name.startswith("_")]
    if not are_numbers:
        return names
    attributes = getattr(owner, "__dict__", {})
    return [name for name in names if is_real_number(attributes.get(name))]
