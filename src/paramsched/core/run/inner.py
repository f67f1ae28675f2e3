"""Optimizers inside of a wrapper: do their updates count, and do they use the planned values?"""

import re
from collections.abc import Iterator
from typing import Any, Final, final

from torch.optim import Optimizer

from paramsched.core.base.problem import Problem
from paramsched.core.fields import finite_or_none
from paramsched.core.run.groups import Groups
from paramsched.core.run.run import AfterStep
from paramsched.core.run.state import COUNT, Group
from paramsched.core.run.steps import UpdateHooks, is_hidden, mark_uncompiled, run_uncompiled

_MISSED: Final = 2  # steps of an inner optimizer at one update, outside of a step of the wrapper
_ENOUGH: Final = 2  # updates of a wrapper whose inner optimizers have its own group dicts


def inner_optimizers(optimizer: Any) -> list[tuple[str, Optimizer]]:
    """Return the optimizers among the attributes of another one that train some of its parameters, with their paths."""
    mine = {id(one) for group in optimizer.param_groups for one in group["params"]}
    seen = {id(optimizer)}

    def inside(owner: Any, path: str) -> Iterator[tuple[str, Optimizer]]:
        for name, value in list(getattr(owner, "__dict__", {}).items()):
            for place, one in _optimizers_in(name, value):
                if id(one) not in seen and "param_groups" in one.__dict__:
                    seen.add(id(one))
                    if any(id(each) in mine for group in one.param_groups for each in group["params"]):
                        yield path + place, one
                        yield from inside(one, f"{path}{place}.")

    return [*inside(optimizer, "")]


def _optimizers_in(name: str, value: Any) -> Iterator[tuple[str, Optimizer]]:
    """Yield the optimizers in the value of an attribute, which may be a list or a dict of some."""
    if isinstance(value, Optimizer):
        yield name, value
    elif isinstance(value, (list, tuple)) and len(value) <= _MOST:
        yield from ((f"{name}[{at}]", one) for at, one in enumerate(value) if isinstance(one, Optimizer))
    elif isinstance(value, dict) and len(value) <= _MOST:
        yield from ((f"{name}[{key!r}]", one) for key, one in value.items() if isinstance(one, Optimizer))


_MOST: Final = 64  # optimizers in one attribute; the state of a wrapper has an entry for each parameter


@final
class InnerUpdates:
    """Watches the optimizers inside of a wrapper during the first updates, and those after a load.

    Most wrappers are right: `step` of the wrapper calls that of the inner one, which has the same group dicts. Only the
    steps show it. The plan does not reach an inner one whose `step` is called elsewhere, or whose groups are copies.

    Args:
        planned: the groups of the wrapper.
        outer: the class of the wrapper.
        found: the inner optimizers with their paths, as `inner_optimizers` returns them.
        after: the function of the post-hook of the wrapper.
    """

    def __init__(self, planned: Groups, outer: str, found: list[tuple[str, Optimizer]], after: AfterStep) -> None:
        self._planned, self._outer, self._after = planned, outer, after
        self._found, self._paths = [one for _, one in found], {id(one): path for path, one in found}
        self._hooks: UpdateHooks | None = None  # of the wrapper
        self._handles: list[Any] = []
        self._is_told = False
        self._shared: dict[int, bool] = {}  # by inner one: whether it had the group dicts of the wrapper
        self._begin()

    def _begin(self) -> None:
        self._missed: dict[int, tuple[int, int]] = {}  # by inner one: an update, and its steps outside of the wrapper's
        self._first: dict[int, tuple[Any, Any]] = {}  # by inner one: the planned lr and its own, at its first step
        self._updates, self._undecided = 0, set[int]()

    def watch(self, hooks: UpdateHooks) -> list[Any]:
        """Register the hooks on the inner optimizers; return the handles that remove them."""
        mark_uncompiled(InnerUpdates.after_inner_step, InnerUpdates.after_update)
        self._hooks = hooks
        for one in self._found:
            pairs = list(self._pairs(one))
            self._shared[id(one)] = bool(pairs) and all(outer is inner for outer, inner in pairs)
        self._handles = [one.register_step_post_hook(self.after_inner_step) for one in self._found]
        return self._handles + [one.register_load_state_dict_post_hook(self.begin_again) for one in self._found]

    def begin_again(self, _optimizer: Any = None) -> None:
        """Watch again, after a state was loaded: torch replaces the group dicts."""
        if self._hooks is None or self._is_told or self._planned.run.released:
            return
        self._begin()
        if not self._handles:
            self._handles = [one.register_step_post_hook(self.after_inner_step) for one in self._found]
            self._hooks.replace_after(self.after_update)

    def end(self) -> None:
        """Remove the hooks on the steps; an update executes then what it does without a wrapper."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._hooks is not None:
            self._hooks.replace_after(self._after)

    def after_update(self, optimizer: Any) -> None:
        """Count an update of the wrapper, and stop watching if its inner optimizers are right."""
        self._after(optimizer)
        self._updates += 1
        if self._is_told or (self._updates >= _ENOUGH and not self._undecided):
            run_uncompiled(InnerUpdates.end)(self)

    def after_inner_step(self, inner: Any, args: Any, kwargs: Any) -> None:
        """Look at a step of an inner optimizer: torch calls this after it."""
        if not self._is_told:
            run_uncompiled(InnerUpdates._look)(self, inner)

    def _look(self, inner: Any) -> None:
        assert self._hooks is not None
        pairs, is_inside = list(self._pairs(inner)), self._hooks.is_open
        copied = [(outer, mine) for outer, mine in pairs if outer is not mine]
        if is_inside:
            if copied:
                self._compare(inner, *copied[0])
        elif pairs and not is_hidden(inner) and (not copied or self._is_copy(inner, *copied[0])):
            t = self._planned.clock.t
            at, steps = self._missed.get(id(inner), (t, 0))
            self._missed[id(inner)] = t, 1 if at != t else steps + 1
            if self._missed[id(inner)][1] == _MISSED:
                path = f"{self._paths[id(inner)]} makes updates outside of {self._outer}.step()"
                self._planned.run.processes.warn(self._problem(f"its {path}, so the plan stays at update {t}"))

    def _pairs(self, inner: Any) -> Iterator[tuple[Group, Group]]:
        """Yield the groups of the wrapper and of an inner optimizer that have a parameter in common."""
        groups = self._planned.bound
        of_parameter = {id(one): group for group in groups for one in group["params"]}
        for group in inner.param_groups:
            outer = next((of_parameter[id(one)] for one in group["params"] if id(one) in of_parameter), None)
            if outer is not None:
                yield outer, group

    def _is_copy(self, inner: Any, outer: Group, group: Group) -> bool:
        """Return whether a group was meant to be that of the wrapper, and not one with an lr of its own."""
        if self._shared[id(inner)] or COUNT in group:
            return True
        lr = finite_or_none(group.get("lr"))
        return lr is not None and lr in (finite_or_none(outer.get("lr")), finite_or_none(outer.get("initial_lr")))

    def _compare(self, inner: Any, outer: Group, group: Group) -> None:
        """Note whether the lr of an inner group follows the planned one of the wrapper."""
        now = finite_or_none(outer.get("lr")), finite_or_none(group.get("lr"))
        if id(inner) not in self._first:
            if self._is_copy(inner, outer, group):
                self._first[id(inner)] = now
                self._undecided.add(id(inner))
            return
        (before, own), (planned, lr) = self._first[id(inner)], now
        if id(inner) in self._undecided and planned != before:
            self._undecided.discard(id(inner))
            if lr is not None and lr == own and lr != planned:
                path = f"{self._paths[id(inner)]} has param_groups of its own, which the plan does not write"
                problem = self._problem(f"its {path}: lr is {lr:g} there, and {planned:g} is planned")
                self._planned.run.unreported.append(problem)  # after this update is counted

    def _problem(self, found: str) -> Problem:
        self._is_told = self._planned.run.warned_of_unseen = True
        paths = [path for path in self._paths.values() if "." not in path]  # not those inside of inner ones
        names = [re.sub(r"\W+", "_", path).strip("_") for path in paths]
        several = ", ".join(f'"{name}": optimizer.{path}' for name, path in zip(names, paths, strict=True))
        line = f"optimizer.{paths[0]}" if len(paths) == 1 else f"{{{several}}}"
        return Problem(site=f"Scheduler({self._outer}, …)", found=found, advice=f"Write ps.Scheduler({line}, plan)")
