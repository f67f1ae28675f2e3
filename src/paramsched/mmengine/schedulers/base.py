"""Base classes of MMEngine's schedulers.

`_ParamScheduler` counts the steps and contains the window in which values change. `RuleScheduler` computes the values.
"""

import inspect
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.dropins.group_fields import (
    KnownGroups,
    by_value,
    groups_changed,
    kept_positions,
    select,
    set_entries,
)
from paramsched.core.dropins.step_engine import StepEngine
from paramsched.core.schedules.rules import Rule
from paramsched.errors import StateError
from paramsched.mmengine.reader.arguments import INF, SchedulerRow, argument_warnings, arguments_in_iterations
from paramsched.mmengine.schedulers import optimizers
from paramsched.mmengine.schedulers.optimizers import OptimizerLike, PeerAwareMeta, SeenAsPeer

_ABOUT_ORDER = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
_log = logging.getLogger("paramsched.mmengine")


class _ParamScheduler(SeenAsPeer, metaclass=PeerAwareMeta):
    """Schedule one entry of an optimizer's param groups; a subclass returns the values from `_get_value`.

    A tick is one step of the scheduler. The constructor makes tick 0, and each `step()` makes the next one. A tick
    inside the window [begin, end) writes the values of `_get_value()` into the groups. Other ticks change no value.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"` or `"weight_decay"`.
        begin: the first tick of the window, an epoch or iteration; 0 by default.
        end: the tick at which the window ends (exclusive); unlimited by default.
        last_step: continue as if `last_step + 1` ticks inside the window had been made; -1 starts at the beginning.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log a line for each group at each change.

    Raises:
        TypeError: if `optimizer` is not an optimizer, or the entry is not a number.
        ValueError: if the window ends before it begins.
        AssertionError: if `last_step` is not an integer of at least -1.
        KeyError: if a group lacks the entry, or lacks `initial_<entry>` and `last_step` is passed.

    Source: MMEngine `_ParamScheduler`. The differences are rows 11, 19-22 and 31-34 of docs/reference/divergences.md.
    """

    # Slots are not in `__dict__`, and therefore not in the state.
    __slots__ = ("__dict__", "__weakref__", "_engine", "_known_groups", "_step_found")

    _per_group: ClassVar[tuple[str, ...]] = ("base_values", "_entry", "_last_value", "min_values")
    _counted: ClassVar[tuple[str, ...]] = ()
    _configured: ClassVar[tuple[str, ...]] = ("param_name", "begin", "end", "by_epoch", "verbose")

    optimizer: OptimizerLike
    param_name: str
    begin: int
    end: int
    by_epoch: bool
    verbose: bool
    base_values: list[float]
    last_step: int

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        optimizers.require_optimizer(optimizer)
        if end <= begin:
            raise ValueError(
                f"end should be larger than begin, but got begin={begin}, end={end}. Write end={begin + 1}"
            )
        if not isinstance(last_step, int) or isinstance(last_step, bool) or last_step < -1:
            raise AssertionError(f"last_step={last_step!r}: expected an integer of at least -1. Use -1 to start")
        self.optimizer, self.param_name = optimizer, param_name
        self.begin, self.end, self.by_epoch, self.verbose = begin, end, by_epoch, verbose
        self.base_values = []
        initial = f"initial_{param_name}"
        for index, group in enumerate(optimizer.param_groups):
            optimizers.require_number_field(group, param_name)
            if last_step != -1 and initial not in group:
                raise KeyError(
                    f"param '{initial}' is not specified in param_groups[{index}] when resuming an optimizer"
                )
            self.base_values.append(optimizers.initial_number(group, param_name))
        self._follow_groups()  # a plateau makes no first step, which would do it
        self.last_step = last_step
        if last_step >= 0:
            # The ticks made earlier also count for the window (docs/reference/divergences.md, MMEngine 11).
            self._skipped = begin + last_step + 1
        self._begin_run()

    def _begin_run(self) -> None:
        """Make the first tick."""
        optimizers.start_counting(self.optimizer)
        self._step_found = optimizers.shadowing_steps(self.optimizer)
        self._global_step = -1
        self.step()

    def step(self) -> None:
        """Make one tick."""
        self._check_order()
        self._global_step += 1
        self._take_in_late_groups()
        if self.begin <= self._window_tick < self.end:
            self.last_step += 1
            present = self._present_values()
            if self.last_step == 0:
                self._entry = present  # a rule may restore this value after a factor of 0
            values = self._get_value()
            self._check_entry_count(len(values), "values")
            for index, (group, value) in enumerate(zip(self.optimizer.param_groups, values, strict=False)):
                optimizers.write_value(group, self.param_name, value)
                self.print_value(self.verbose, index, value)
        self._last_value = self._present_values()

    def _get_value(self) -> list[float]:
        """Return the value of each group at `last_step`, the index of the present tick in the window."""
        raise NotImplementedError(
            f"{type(self).__name__} has no _get_value(). Define it in the subclass and return one value for each group"
        )

    def get_last_value(self) -> list[float]:
        """Return the values after the last tick, one for each group."""
        return self._last_value

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Print or log the value of a group, if `is_verbose` is true."""
        if is_verbose:
            print_or_log(f"Adjusting parameter value of group {group} to {value:.4e}.")

    def __getstate__(self) -> Any:
        self._follow_groups()
        # Omit the step engine and any function that replaces the optimizer's `step`.
        state = object.__getstate__(self)
        if not isinstance(state, tuple):
            return state
        held, slots = state
        return held, {
            name: value for name, value in slots.items() if name not in ("_engine", "_known_groups", "_step_found")
        }

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer as plain data, with the class and the values of the groups."""
        self._follow_groups()
        state = {key: by_value(value) for key, value in vars(self).items() if key != "optimizer"}
        known = {"optimizer", "param_name"} <= vars(self).keys()  # a subclass may skip this class's constructor
        values = {GROUPS_KEY: by_value(self._present_values())} if known else {}
        return {CLASS_KEY: type(self).__name__} | values | state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a state that `state_dict()` returned, including the saved arguments of the constructor.

        The saved values are written into the groups, so that the optimizer may be loaded before or after the scheduler
        is built. If a saved argument differs from this scheduler's, a warning lists both. Use `restore` to keep the
        new arguments. The state is copied.

        Raises:
            StateError: if the state belongs to another class or to another entry of the groups. The scheduler stays
                unchanged.
        """
        changed = compare_arguments(self, state_dict)
        if changed:
            listed = ", ".join(f"{name}: {ours!r} -> {theirs!r}" for name, (ours, theirs) in changed.items())
            instead = "Use paramsched.mmengine.schedulers.restore(…, on_change='new') to keep the new ones"
            found = f"the saved arguments replace this scheduler's: {listed}"
            site = f"{type(self).__name__}.load_state_dict"
            warn_user(Problem(site=site, found=found, advice=instead))
        # Some versions of MMEngine also saved functions, which are skipped here.
        self._remember({key: value for key, value in state_dict.items() if not callable(value)})
        self._write_saved_values(state_dict)

    def _remember(self, state: Mapping[str, Any]) -> None:
        self._follow_groups()
        vars(self).update({key: by_value(value) for key, value in state.items() if key not in (CLASS_KEY, GROUPS_KEY)})

    def _write_saved_values(self, state: Mapping[str, Any]) -> None:
        """Write the values of a state into the groups; states of MMEngine have none."""
        if "optimizer" not in vars(self):
            return
        for group, value in zip(self.optimizer.param_groups, state.get(GROUPS_KEY, ()), strict=False):
            optimizers.write_value(group, self.param_name, value)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        begin: float = 0,
        end: float = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Build a scheduler that is stepped once per iteration, from arguments in epochs.

        `begin`, `end` and the class's own counts of epochs, such as `step_size`, are multiplied by `epoch_length`. Pass
        the counts by keyword.

        Args:
            args: arguments of the constructor, by position.
            begin: first tick of the window, in epochs.
            end: the tick at which the window ends, in epochs.
            by_epoch: must be True.
            epoch_length: iterations per epoch, greater than 0.
            kwargs: arguments of the constructor, by keyword; counts in epochs.

        Raises:
            AssertionError: if `by_epoch` is false or `epoch_length` is not greater than 0.
            TypeError: if a count is missing or is passed by position.
        """
        if not by_epoch:
            raise AssertionError(
                f"{cls.__name__}.build_iter_from_epoch(by_epoch=False): only arguments in epochs can be converted. "
                "Omit by_epoch"
            )
        if epoch_length is None or not epoch_length > 0:
            raise AssertionError(
                f"{cls.__name__}.build_iter_from_epoch(epoch_length={epoch_length!r}): `epoch_length` must be a "
                "positive integer. Write epoch_length=len(train_dataloader)"
            )
        cls._check_conversion(args, kwargs)
        given = arguments_in_iterations(cls._counted, {"begin": begin, "end": end, **kwargs}, epoch_length)
        return cls(*args, **given)

    @classmethod
    def _check_conversion(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raise an error or warn if the arguments cannot be converted as intended."""

    @property
    def _window_tick(self) -> int:
        """The number of the present tick, to compare with `begin` and `end`."""
        skipped: int = vars(self).get("_skipped", 0)
        return self._global_step + skipped

    def _present_values(self) -> list[Any]:
        return [optimizers.present_value(group, self.param_name) for group in self.optimizer.param_groups]

    def _check_order(self) -> None:
        """At the first tick, warn if `optimizer.step` was not called, or was replaced."""
        if self._global_step != 0:
            return
        if optimizers.shadowing_steps(self.optimizer) != getattr(self, "_step_found", (None, None)):
            found = "Seems like `optimizer.step()` has been overridden after parameter value scheduler initialization"
            instead = f"Please, make sure to call `optimizer.step()` before `scheduler.step()`. {_ABOUT_ORDER}"
            warn_user(Problem(found=found, advice=instead))
        elif not (optimizers.has_stepped(self.optimizer) or optimizers.may_step_later(self.optimizer)):
            found = "Detected call of `scheduler.step()` before `optimizer.step()`"
            instead = (
                f"Call them in the opposite order: otherwise the first value of the schedule is skipped. {_ABOUT_ORDER}"
            )
            warn_user(Problem(found=found, advice=instead))

    def _take_in_late_groups(self) -> None:
        """Include groups that were added since the last tick (docs/reference/divergences.md, MMEngine 34)."""
        self._follow_groups()
        groups = self.optimizer.param_groups
        bases = vars(self).get("base_values", groups)  # a subclass may have no bases
        self._check_entry_count(len(bases), "base_values")
        missing = len(groups) - len(bases)
        if missing <= 0:
            return
        # The pseudo group, which a wrapper appends, remains the last one.
        at = len(self.base_values) - (1 if optimizers.pseudo_group(self.optimizer) is not None else 0)
        for index, group in enumerate(groups[at : at + missing], start=at):
            optimizers.require_number_field(group, self.param_name)
            self.base_values.insert(index, optimizers.initial_number(group, self.param_name))
            if "_entry" in vars(self):
                self._entry.insert(index, optimizers.present_value(group, self.param_name))
            self._replay_for_group(index)

    def _follow_groups(self) -> None:
        """Update the lists of values per group if groups were removed or reordered.

        A state is saved and loaded with lists in the order of the groups. See docs/reference/divergences.md, torch 43.
        """
        if "optimizer" not in vars(self):  # a subclass may skip this class's constructor
            return
        groups = list(self.optimizer.param_groups)
        last = [groups.pop()] if optimizers.pseudo_group(self.optimizer) is not None else []
        known: KnownGroups = getattr(self, "_known_groups", (None, []))
        kept = kept_positions(type(self).__name__, known, self.optimizer, groups)
        if kept is not None:
            kept += [len(known[1])] if last else []
            for name in self._per_group:
                if len(vars(self).get(name, ())) == len(known[1]) + len(last):
                    vars(self)[name] = select(vars(self)[name], kept)
        self._known_groups = self.optimizer, groups

    def _check_entry_count(self, count: int, what: str) -> None:
        """Raise an error if `count`, the length of the list named `what`, exceeds the number of groups.

        This can happen after loading a state that was saved with more groups.
        """
        groups = len(self.optimizer.param_groups)
        if count > groups:
            raise groups_changed(type(self).__name__, f"{count} {what} for {groups} param groups")

    def _replay_for_group(self, index: int) -> None:
        """Set a new group to the value it would have if it had been there from the start."""

    def _write_arguments(self) -> None:
        """Write the entries of the groups again that depend on arguments which differ from those of a checkpoint."""


class RuleScheduler(_ParamScheduler):
    """Base class of MMEngine's own schedulers, whose values follow a rule of `paramsched.core.schedules.rules`.

    Each step starts from the present value of the group, so that several schedulers of one field combine.
    """

    table_row: ClassVar[SchedulerRow]
    _argument_signature: ClassVar[inspect.Signature]

    def __init__(self, optimizer: OptimizerLike, param_name: str, *args: Any, **kwargs: Any) -> None:
        """Keep the attributes of a subclass that skips its parent's constructor, and add the defaults of the others."""
        own = dict(vars(self))
        given = {name: value for name, value in (own | kwargs).items() if name in self.table_row.arguments}
        vars(self).update(self.table_row.complete(given) | own)
        super().__init__(optimizer, param_name, *args, **kwargs)

    def _construct(self, optimizer: OptimizerLike, param_name: str, *args: Any, **kwargs: Any) -> None:
        """Check and store the arguments of a class of the table, and make the first tick."""
        optimizers.require_optimizer(optimizer)
        bound = self._argument_signature.bind(*args, **kwargs)
        given = self.table_row.defaulted(bound.arguments)
        for wrong in self.table_row.check(given):
            raise wrong.kind(f"{type(self).__name__}: {wrong.problem.found}")
        arguments = self.table_row.complete(given)
        for caution in argument_warnings(self.table_row, arguments):
            warn_user(Problem(site=type(self).__name__, found=caution))
        tail = {name: arguments.pop(name) for name in ("begin", "end", "last_step", "by_epoch", "verbose")}
        vars(self).update(arguments)
        self._write_into_groups(optimizer, param_name, tail["last_step"])
        super().__init__(optimizer, param_name, **tail)

    def _write_into_groups(self, optimizer: OptimizerLike, param_name: str, last_step: int) -> None:
        """Write the param-group entries that this scheduler reads, before the first tick."""

    def _get_value(self) -> list[float]:
        """Return the present values after step `last_step` of the rule."""
        present, held = self._present_values(), vars(self)
        # Users may change them between two steps.
        given = tuple([held.get(name) for name in (*self._configured, "total_iters")])
        kept: tuple[Any, StepEngine] | None = getattr(self, "_engine", None)
        if kept is None or kept[0] != given:
            # The copy reveals milestones that were changed in place.
            self._engine = kept = by_value(given), StepEngine(self._rule_now())
        engine, bases = kept[1], list(self.base_values)
        if engine.bases != bases:
            engine.bind(bases)
        # A state saved by MMEngine, and a scheduler that is built to resume, lack the values at the first tick, so the
        # bases replace them.
        entries: list[float] | None = held.get("_entry")
        return engine.stepped(self.last_step, present, entries)

    def _rule_now(self) -> Rule:
        held = vars(self)
        length = held.get("total_iters")
        if length is not None:  # a subclass or the user may have set it
            held = held | {"end": held["begin"] + length + 1}
        return self.table_row.rule(held)

    def _replay_for_group(self, index: int) -> None:
        """Make all ticks up to the present one, for this group only."""
        group = self.optimizer.param_groups[index]
        engine = StepEngine(self._rule_now(), bases=[self.base_values[index]])
        entry = reached = [optimizers.present_value(group, self.param_name)]
        for tick in range(self.last_step + 1):
            reached = engine.stepped(tick, reached, entry)
        optimizers.write_value(group, self.param_name, reached[0])

    @classmethod
    def _check_conversion(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raise an error for counts passed by position, and warn if a factor per epoch would act in each iteration."""
        row = cls.table_row
        absent = [name for name in row.counted if row.arguments[name].default is ... and name not in kwargs]
        before = 1 if issubclass(cls, (LRSchedulerMixin, MomentumSchedulerMixin)) else 2
        positional = [name for name in list(row.arguments)[: max(len(args) - before, 0)] if name in row.counted]
        if absent or positional:
            name = (absent or positional)[0]
            raise TypeError(
                f"{cls.__name__}.build_iter_from_epoch: pass {name} by keyword, so that it can be converted. "
                f"Pass {name}=…"
            )
        if row.name == "Exponential":
            arguments = row.defaulted({"gamma": None, **kwargs})
            for caution in argument_warnings(row, {**arguments, "end": INF}, converted_from_epochs=True):
                warn_user(Problem(site=cls.__name__, found=caution))


class LRSchedulerMixin:
    """Mixin for a `…ParamScheduler` class that schedules the learning rate."""

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, "lr", *args, **kwargs)  # type: ignore[call-arg]  # the class it is mixed into


class MomentumSchedulerMixin:
    """Mixin for a `…ParamScheduler` class that schedules SGD's `momentum` or Adam's `betas[0]`.

    A group of Adam gets an entry `momentum` that always equals `betas[0]`, the value Adam uses (row 31 of
    docs/reference/divergences.md).

    Raises:
        ValueError: if the optimizer has neither `momentum` nor `betas`.
    """

    use_betas: bool

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        optimizers.require_optimizer(optimizer)
        defaults = optimizer.defaults  # type: ignore[union-attr]  # wrappers also have `defaults`
        self.use_betas = "momentum" not in defaults
        if self.use_betas:
            if "betas" not in defaults:
                raise ValueError(
                    "optimizer must support momentum when using momentum scheduler: "
                    f"{type(optimizer).__name__} has {', '.join(defaults)}. Use SGD with momentum, or Adam"
                )
            copy_beta_to_momentum(optimizer)
        super().__init__(optimizer, "momentum", *args, **kwargs)  # type: ignore[call-arg]  # as above

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Make one tick."""
        if self.use_betas:
            copy_beta_to_momentum(self.optimizer)  # type: ignore[attr-defined]  # of the class it is mixed into
        super().step(*args, **kwargs)  # type: ignore[misc]  # as above


def copy_beta_to_momentum(optimizer: OptimizerLike) -> None:
    """Set every group's `momentum` to `betas[0]`."""
    momenta = [optimizers.present_value(group, "momentum") for group in optimizer.param_groups]
    set_entries(optimizer.param_groups, momentum=momenta)


def print_or_log(line: str) -> None:
    """Log a line if logger `paramsched` has a handler, else print it."""
    if _log.isEnabledFor(logging.INFO) and _log.hasHandlers():
        _log.info(line)
    else:
        print(line)  # noqa: T201  # as MMEngine does; print ignores a closed standard output


CLASS_KEY = "_class"
"""The key under which a state contains the name of the scheduler's class."""
GROUPS_KEY = "_groups"
"""The key under which a state contains the present value of each group."""
_NOT_IN_STATES_OF_MMENGINE = ("pct_start", "anneal_strategy", "three_phase", "min_value")


def compare_arguments(scheduler: Any, state: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return a dict from each argument that differs from the saved one to the pair (present value, saved value).

    Raises:
        StateError: if `state` is not a state, or belongs to another class or another field.
    """
    own, ours = type(scheduler).__name__, vars(scheduler)
    if not isinstance(state, Mapping):
        raise StateError(f"{own}: expected a state, got {type(state).__name__}. Pass the result of state_dict()")
    field = ours.get("param_name")
    whose, name = state.get(CLASS_KEY, own), state.get("param_name", field)
    if whose != own or (field is not None and name != field):
        found = f"of {whose}" if whose != own else f"of a scheduler of {name!r}, not of {field!r}"
        raise StateError(
            f"{own}.load_state_dict: this is the state {found}. "
            "Pass the schedulers in the order in which they were saved"
        )
    arguments = (name for name in scheduler._configured if name not in _NOT_IN_STATES_OF_MMENGINE)
    needed = (*arguments, "last_step", "_global_step")
    # A subclass that skips the constructor of its base class lacks some of these attributes.
    lacking = [one for one in needed if one in ours and one not in state]
    if lacking:
        raise StateError(f"{own}.load_state_dict: the state lacks {', '.join(lacking)}; it belongs to another class")
    return {
        name: (ours[name], state[name])
        for name in scheduler._configured
        if name != "verbose" and name in ours and name in state and _comparable(ours[name]) != _comparable(state[name])
    }


def _comparable(argument: Any) -> Any:
    return list(argument) if isinstance(argument, tuple) else argument  # a list may be saved and loaded as a tuple
