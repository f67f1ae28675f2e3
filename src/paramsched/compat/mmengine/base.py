"""What MMEngine's schedulers share: the clock and the window (`_ParamScheduler`), and a row of its table as a rule."""

import inspect
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from paramsched.base.user_warnings import warn_user
from paramsched.compat.group_fields import KnownGroups, by_value, groups_changed, kept_positions, picked, put_entries
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.optimizers import OptimizerLike, PeerAwareMeta, SeenAsPeer
from paramsched.compat.step_engine import StepEngine
from paramsched.errors import StateError
from paramsched.peers.mmengine.table import INF, SchedulerRow, argument_cautions, arguments_in_iterations
from paramsched.schedules.rules import Rule

_ABOUT_ORDER = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
_log = logging.getLogger("paramsched")


class _ParamScheduler(SeenAsPeer, metaclass=PeerAwareMeta):
    """Schedule one entry of an optimizer's param groups; a subclass returns the values from `_get_value`.

    Constructing makes the first tick at once; each `step()` makes one more. Between `begin` and `end` a tick asks
    `_get_value()` for one value per group and writes them; outside nothing is touched.

    Args:
        optimizer: a torch optimizer, or a wrapper that holds one.
        param_name: the entry, `"lr"`, `"weight_decay"`, ….
        begin: first tick of the window, in epochs or iterations.
        end: where it stops; `begin <= t < end`.
        last_step: continue as if `last_step + 1` active ticks had been made; -1 begins.
        by_epoch: whether `step()` is called once an epoch.
        verbose: write a line for each group and change.

    Raises:
        TypeError: no optimizer, or an entry that is no number.
        ValueError: a window that ends before it begins.
        AssertionError: `last_step` is no integer from -1 on.
        KeyError: a group lacks the entry, or `initial_<entry>` where `last_step` is given.

    Source: MMEngine `_ParamScheduler`. Differs in rows 11, 19-22 and 31-34 of docs/compat/divergences.md.
    """

    # Slots are no part of `__dict__`, and so no part of the state.
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
            raise AssertionError(f"last_step={last_step!r} is not an integer from -1 on. Write -1 to begin")
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
        self._follow_groups()
        self.last_step = last_step
        if last_step >= 0:
            # Row 11: the ticks that were made before count for the window too.
            self._skipped = begin + last_step + 1
            self._entry = list(self.base_values)
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
                self._entry = present  # a rule may give back what its factor of 0 took away
            values = self._get_value()
            self._refuse_more_than_groups(len(values), "values")
            for index, (group, value) in enumerate(zip(self.optimizer.param_groups, values, strict=False)):
                optimizers.write_value(group, self.param_name, value)
                self.print_value(self.verbose, index, value)
        self._last_value = self._present_values()

    def _get_value(self) -> list[float]:
        """Return the value of each group at local tick `last_step`, from the present values."""
        raise NotImplementedError(
            f"{type(self).__name__} has no _get_value(). Define it in the subclass: it returns one value for each group"
        )

    def get_last_value(self) -> list[float]:
        """Return the values after the last tick, one for each group."""
        return self._last_value

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Print or log the value of a group."""
        if is_verbose:
            print_or_log(f"Adjusting parameter value of group {group} to {value:.4e}.")

    def __getstate__(self) -> Any:
        # Not the step engine, nor a function that stands in for the optimizer's step.
        state = object.__getstate__(self)
        if not isinstance(state, tuple):
            return state
        held, slots = state
        return held, {
            name: value for name, value in slots.items() if name not in ("_engine", "_known_groups", "_step_found")
        }

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer as plain data, and the name of the class."""
        state = {key: by_value(value) for key, value in vars(self).items() if key != "optimizer"}
        return {CLASS_KEY: type(self).__name__} | state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state, arguments included.

        Arguments that differ are told by a warning; `restore` decides about them. The state is not kept.

        Raises:
            StateError: the state of another class, or of another entry of the groups. Nothing is changed.
        """
        changed = compare_arguments(self, state_dict)
        if changed:
            told = ", ".join(f"{name}: {ours!r} -> {theirs!r}" for name, (ours, theirs) in changed.items())
            warn_user(
                f"{type(self).__name__}.load_state_dict: the saved arguments replace this scheduler's: {told}. "
                "Write paramsched.compat.mmengine.restore(…, on_change='new') to keep the new ones",
            )
        # What other versions of the peer kept, such as functions, is not ours.
        self._remember({key: value for key, value in state_dict.items() if not callable(value)})

    def _remember(self, state: Mapping[str, Any]) -> None:
        vars(self).update({key: by_value(value) for key, value in state.items() if key != CLASS_KEY})

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
        """Build a scheduler that ticks by iteration from arguments in epochs.

        `begin`, `end` and the class's own counts are multiplied by `epoch_length`; give those by keyword.

        Raises:
            AssertionError: `by_epoch` is false, or `epoch_length` is not above 0.
            TypeError: a count is missing, or not given by keyword.
        """
        if not by_epoch:
            raise AssertionError(
                f"{cls.__name__}.build_iter_from_epoch(by_epoch=False): only arguments in epochs can be converted. "
                "Leave by_epoch out"
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
        """Refuse, or warn of, what cannot be converted as meant."""

    @property
    def _window_tick(self) -> int:
        """Return the tick in the window's units."""
        skipped: int = vars(self).get("_skipped", 0)
        return self._global_step + skipped

    def _present_values(self) -> list[Any]:
        return [optimizers.present_value(group, self.param_name) for group in self.optimizer.param_groups]

    def _check_order(self) -> None:
        """At the first tick, warn if `optimizer.step` was not called, or was replaced."""
        if self._global_step != 0:
            return
        if optimizers.shadowing_steps(self.optimizer) != getattr(self, "_step_found", (None, None)):
            warn_user(
                "Seems like `optimizer.step()` has been overridden after parameter value scheduler initialization. "
                f"Please, make sure to call `optimizer.step()` before `scheduler.step()`. {_ABOUT_ORDER}",
            )
        elif not (optimizers.has_stepped(self.optimizer) or optimizers.may_step_later(self.optimizer)):
            warn_user(
                "Detected call of `scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
                "otherwise the first value of the schedule is skipped. " + _ABOUT_ORDER,
            )

    def _take_in_late_groups(self) -> None:
        """Take in groups that were added since (row 34 of docs/compat/divergences.md)."""
        self._follow_groups()
        groups = self.optimizer.param_groups
        bases = vars(self).get("base_values", groups)  # a subclass may do without
        self._refuse_more_than_groups(len(bases), "base_values")
        missing = len(groups) - len(bases)
        if missing <= 0:
            return
        # A wrapper's pseudo group stays the last one.
        at = len(self.base_values) - (1 if optimizers.pseudo_group(self.optimizer) is not None else 0)
        for index, group in enumerate(groups[at : at + missing], start=at):
            optimizers.require_number_field(group, self.param_name)
            self.base_values.insert(index, optimizers.initial_number(group, self.param_name))
            if "_entry" in vars(self):
                self._entry.insert(index, optimizers.present_value(group, self.param_name))
            self._replay_for_group(index)

    def _follow_groups(self) -> None:
        """Keep each entry with its group if groups were removed or reordered (row 39)."""
        groups = list(self.optimizer.param_groups)
        last = [groups.pop()] if optimizers.pseudo_group(self.optimizer) is not None else []
        known: KnownGroups = getattr(self, "_known_groups", (None, []))
        kept = kept_positions(type(self).__name__, known, self.optimizer, groups)
        if kept is not None:
            kept += [len(known[1])] if last else []
            for name in self._per_group:
                if len(vars(self).get(name, ())) == len(known[1]) + len(last):
                    vars(self)[name] = picked(vars(self)[name], kept)
        self._known_groups = self.optimizer, groups

    def _refuse_more_than_groups(self, count: int, what: str) -> None:
        """Refuse entries of groups that are not there, such as those of a state with more groups."""
        groups = len(self.optimizer.param_groups)
        if count > groups:
            raise groups_changed(type(self).__name__, f"{count} {what} for {groups} param groups")

    def _replay_for_group(self, index: int) -> None:
        """Give a new group the value that it would have by now."""


class RuleScheduler(_ParamScheduler):
    """A class of MMEngine's table, whose arguments are those of a kernel rule.

    Each step starts from the value that is in the group, so that several schedulers of one entry combine.
    """

    table_row: ClassVar[SchedulerRow]
    _argument_signature: ClassVar[inspect.Signature]

    def __init__(self, optimizer: OptimizerLike, param_name: str, *args: Any, **kwargs: Any) -> None:
        optimizers.require_optimizer(optimizer)
        bound = self._argument_signature.bind(*args, **kwargs)
        given = self.table_row.defaulted(bound.arguments)
        for fault in self.table_row.check(given):
            raise fault.kind(f"{type(self).__name__}: {fault.message}")
        arguments = self.table_row.complete(given)
        for caution in argument_cautions(self.table_row, arguments):
            warn_user(f"{type(self).__name__}: {caution}")
        tail = {name: arguments.pop(name) for name in ("begin", "end", "last_step", "by_epoch", "verbose")}
        vars(self).update(arguments)
        self._write_into_groups(optimizer, param_name, tail["last_step"])
        super().__init__(optimizer, param_name, **tail)

    def _write_into_groups(self, optimizer: OptimizerLike, param_name: str, last_step: int) -> None:
        """Write what a class needs in the groups before the first tick."""

    def _get_value(self) -> list[float]:
        """Apply the rule to the present values at local tick `last_step`."""
        present, held = self._present_values(), vars(self)
        given = tuple([held.get(name) for name in self._configured])  # users may change them between two steps
        kept: tuple[Any, StepEngine] | None = getattr(self, "_engine", None)
        if kept is None or kept[0] != given:
            # A copy, so that milestones changed in place are noticed.
            self._engine = kept = by_value(given), StepEngine(self._rule_now())
        engine, bases = kept[1], list(self.base_values)
        if engine.bases != bases:
            engine.bind(bases)
        # A foreign state does not tell what the groups held at the first tick. Their bases stand in for it.
        entries: list[float] | None = held.get("_entry")
        return engine.stepped(self.last_step, present, entries)

    def _rule_now(self) -> Rule:
        return self.table_row.rule(vars(self))

    def _replay_for_group(self, index: int) -> None:
        """Make all ticks up to the present one for this group alone."""
        if self.last_step < 0:
            return
        group = self.optimizer.param_groups[index]
        engine = StepEngine(self._rule_now(), bases=[self.base_values[index]])
        entry = reached = [optimizers.present_value(group, self.param_name)]
        for tick in range(self.last_step + 1):
            reached = engine.stepped(tick, reached, entry)
        optimizers.write_value(group, self.param_name, reached[0])

    @classmethod
    def _check_conversion(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Refuse counts by position; warn of a factor that would act in each iteration."""
        row = cls.table_row
        absent = [name for name in row.counted if row.arguments[name].default is ... and name not in kwargs]
        before = 1 if issubclass(cls, (LRSchedulerMixin, MomentumSchedulerMixin)) else 2
        positional = [name for name in list(row.arguments)[: max(len(args) - before, 0)] if name in row.counted]
        if absent or positional:
            name = (absent or positional)[0]
            raise TypeError(
                f"{cls.__name__}.build_iter_from_epoch: {name} has to be given by keyword, so that it is converted. "
                f"Write {name}=…"
            )
        if row.name == "Exponential":
            arguments = row.defaulted({"gamma": None, **kwargs})
            for caution in argument_cautions(row, {**arguments, "end": INF}, converted_from_epochs=True):
                warn_user(f"{cls.__name__}: {caution}")


class LRSchedulerMixin:
    """Mixed in before a `…ParamScheduler` class: the same for the learning rate."""

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, "lr", *args, **kwargs)  # type: ignore[call-arg]  # the class that is mixed in


class MomentumSchedulerMixin:
    """Mixed in before a `…ParamScheduler` class: the same for SGD's `momentum` or Adam's `betas[0]`.

    A group of Adam gets an entry `momentum` that always equals `betas[0]`; the latter is what counts (row 31 of
    docs/compat/divergences.md).

    Raises:
        ValueError: the optimizer has neither.
    """

    use_betas: bool

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        optimizers.require_optimizer(optimizer)
        defaults = optimizer.defaults  # type: ignore[union-attr]  # a wrapper has it as an optimizer has
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
            copy_beta_to_momentum(self.optimizer)  # type: ignore[attr-defined]  # of the class that is mixed in
        super().step(*args, **kwargs)  # type: ignore[misc]  # as above


def copy_beta_to_momentum(optimizer: OptimizerLike) -> None:
    """Set every group's `momentum` to `betas[0]`."""
    momenta = [optimizers.present_value(group, "momentum") for group in optimizer.param_groups]
    put_entries(optimizer.param_groups, momentum=momenta)


def print_or_log(line: str) -> None:
    """Write a line to the library's log if it has a handler, else to standard output."""
    if _log.isEnabledFor(logging.INFO) and _log.hasHandlers():
        _log.info(line)
    else:
        print(line)  # noqa: T201  # as MMEngine does; it writes nothing if standard output is closed


CLASS_KEY = "_class"
"""The key of a state that says whose it is; no attribute of a scheduler."""


def compare_arguments(scheduler: Any, state: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the arguments that differ in a state, by name: ours and theirs.

    Raises:
        StateError: it is not a state, or the state of another class or of another field.
    """
    own, ours = type(scheduler).__name__, vars(scheduler)
    if not isinstance(state, Mapping):
        raise StateError(f"{own}: expected a state, got {type(state).__name__}. Give what state_dict() returned")
    field = ours.get("param_name")
    whose, name = state.get(CLASS_KEY, own), state.get("param_name", field)
    if whose != own or (field is not None and name != field):
        found = f"of {whose}" if whose != own else f"of a scheduler of {name!r}, not of {field!r}"
        raise StateError(
            f"{own}.load_state_dict: this is the state {found}. "
            "Give the schedulers in the order in which they were saved"
        )
    needed = (*scheduler._configured, "last_step", "_global_step")
    # A subclass that does not construct its base has not all of them.
    lacking = [one for one in needed if one in ours and one not in state]
    if lacking:
        raise StateError(f"{own}.load_state_dict: it has no {', '.join(lacking)}: it is the state of another class")
    return {
        name: (ours[name], state[name])
        for name in scheduler._configured
        if name != "verbose" and name in ours and _comparable(ours[name]) != _comparable(state[name])
    }


def _comparable(argument: Any) -> Any:
    return list(argument) if isinstance(argument, tuple) else argument  # a saved list may come back as a tuple
