"""The base class of MMEngine's schedulers, and the optimizers that they take."""

import inspect
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol, Self, TypeAlias, final, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from torch.optim import Optimizer

from paramsched.base.pickles import Reduced, pickled_object
from paramsched.base.problem import Problem, warn_user
from paramsched.compat.group_values import ParamGroup, by_value, late_base, set_value, write_saved_values
from paramsched.core.calls.number_checks import finite_number, not_negative
from paramsched.core.groups.fields import Field, is_number
from paramsched.core.run import watch_updates
from paramsched.errors import AssertedArgument, CallSite, InvalidArgument, InvalidCall, StateError

_ABOUT_ORDER = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


@runtime_checkable
class Wrapper(Protocol):
    """A wrapper of an optimizer, such as our `OptimWrapper` or MMEngine's."""

    optimizer: Any

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...


OptimizerLike: TypeAlias = Optimizer | Wrapper
"""A torch optimizer, or a wrapper of one that has its `param_groups`."""


@final
class ValuesOnly(Optimizer):
    """An optimizer that has values in its groups, but no parameters, so that a step changes nothing.

    Args:
        groups: the values of each group.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]]) -> None:
        empty = [{**group, "params": [torch.nn.Parameter(torch.zeros(0))]} for group in groups]
        super().__init__(empty[:1], dict(groups[0]))
        # Not by `add_param_group`, because it compares the parameters of each group with those of all others.
        self.param_groups += [{**self.defaults, **group} for group in empty[1:]]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # there is no loss
        """Change nothing."""


def require_optimizer(call: str, optimizer: object) -> None:
    """Raise an error if the object is neither an optimizer nor a wrapper of one."""
    if not isinstance(optimizer, (Optimizer, Wrapper)):
        message = f"``optimizer`` should be an Optimizer, but got {type(optimizer).__name__}"
        example = "torch.optim.SGD(model.parameters(), lr=0.1), or an OptimWrapper of one"
        raise InvalidCall(CallSite(call, "optimizer"), message, example=example)


def inner_optimizer(optimizer: Any) -> Optimizer | None:
    """Return the wrapped torch optimizer; None if a wrapper contains another object."""
    depth = 0
    while isinstance(optimizer, Wrapper) and depth < 10:
        optimizer = optimizer.optimizer
        depth = depth + 1
    return optimizer if isinstance(optimizer, Optimizer) else None


def pseudo_group(optimizer: Any) -> ParamGroup | None:
    """Return the group that a wrapper appends for the lr without per-group factors; None if there is none."""
    return None if isinstance(optimizer, Optimizer) else getattr(optimizer, "base_param_settings", None)


def number_of(value: Any) -> Any:
    """Return a 0-d tensor as a float; other values are returned unchanged."""
    return float(value) if isinstance(value, torch.Tensor) else value


def field_of_group(group: Mapping[str, Any], name: str) -> Field:
    """Return the field that a scheduler of an entry writes in a group; Adam's momentum is `betas[0]`."""
    return Field.of("betas[0]" if name == "momentum" and "betas" in group else name)


def present_value(group: ParamGroup, name: str) -> Any:
    """Return the value of an entry of a group as a number; Adam's momentum is `betas[0]`."""
    return number_of(group["betas"][0] if name == "momentum" and "betas" in group else group[name])


# Weak dictionaries instead of attributes, because copies of the optimizer must not inherit them.
_has_stepped: WeakKeyDictionary[Optimizer, bool] = WeakKeyDictionary()  # since the last scheduler was built
_replaced_steps: WeakKeyDictionary[Optimizer, tuple[Any, ...]] = WeakKeyDictionary()  # at that time


def watch_steps(optimizer: Any) -> None:
    """Notice the steps of an optimizer from now on; `warn_of_order` ignores its earlier steps."""
    inner = inner_optimizer(optimizer)
    if inner is None:
        return
    if inner not in _has_stepped:

        def note_step(optimizer: Optimizer) -> None:
            _has_stepped[optimizer] = True

        watch_updates(inner, note_step, lambda _: None)
    _has_stepped[inner] = False
    _replaced_steps[inner] = _steps_of_objects(optimizer, inner)


def warn_of_order(optimizer: Any) -> None:
    """Warn if no step of the optimizer was noticed since `watch_steps`, or if `optimizer.step` was replaced."""
    inner = inner_optimizer(optimizer)
    if inner is None:
        return
    if _steps_of_objects(optimizer, inner) != _replaced_steps.get(inner, (None, None)):
        message = "Seems like `optimizer.step()` has been overridden after parameter value scheduler initialization"
        advice = f"Please, make sure to call `optimizer.step()` before `scheduler.step()`. {_ABOUT_ORDER}"
    elif _has_stepped.get(inner, True) or _may_step_later(optimizer):
        return
    else:
        message = "Detected call of `scheduler.step()` before `optimizer.step()`"
        advice = (
            f"Call them in the opposite order: otherwise the first value of the schedule is skipped. {_ABOUT_ORDER}"
        )
    warn_user(Problem(found=message, advice=advice))


def _may_step_later(optimizer: Any) -> bool:
    """Return whether a wrapper accumulates gradients, or has a loss scaler, which skips updates."""
    return getattr(optimizer, "_accumulative_counts", 1) > 1 or getattr(optimizer, "loss_scaler", None) is not None


def _steps_of_objects(optimizer: Any, inner: Optimizer) -> tuple[Any, ...]:
    """Return the functions that were set as `step` on the wrapper and on the optimizer; None if there is none.

    Functions with `__wrapped__` call the method of the class: torch's schedulers set them.
    """
    steps = (vars(owner).get("step") for owner in (optimizer, inner))
    return tuple(None if getattr(step, "__wrapped__", None) is not None else step for step in steps)


INF: Final = 10**9
"""The default of `end`: a window without an end."""
CLASS_KEY: Final = "_class"
"""The key under which a state contains the name of the scheduler's class."""
GROUPS_KEY: Final = "_groups"
"""The key under which a state contains the present value of each group."""
AT_KEY: Final = "_groups_at"
"""The key under which a state contains `_global_step` and `last_step` at the time when the groups had these values.

MMEngine's classes keep the additional keys if they load such a state. The counts then differ from those of the state,
so the values are old. Validations of a plateau scheduler count only in `last_step`.
"""
ADDED_KEYS: Final = (CLASS_KEY, GROUPS_KEY, AT_KEY)
"""The keys that MMEngine's states lack."""

_log = logging.getLogger("paramsched.mmengine")


class _ParamScheduler:
    """Schedule one entry of an optimizer's param groups; a subclass returns the values from `_get_value`.

    The constructor makes step 0, and each `step()` the next one. A step in the window [begin, end) writes the values of
    `_get_value()` into the groups; other steps change nothing. `last_step` is the index of the step in the window. The
    values start from those in the groups, so that several schedulers of one entry combine.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"` or `"weight_decay"`.
        begin: the first step of the window, in epochs or iterations, at least 0.
        end: the step at which the window ends, exclusive; greater than `begin`.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidCall: a TypeError if `optimizer` is not an optimizer, or the entry is not a number.
        InvalidArgument: a ValueError if the window ends before it begins.
        AssertedArgument: an AssertionError if `last_step` is not an integer of at least -1.
        KeyError: if a group lacks the entry, or lacks `initial_<entry>` and `last_step` is at least 0.

    Source: MMEngine `_ParamScheduler`. docs/reference/divergences.md lists the differences.

    >>> import torch
    >>> class Halving(_ParamScheduler):
    ...     def _get_value(self):
    ...         return [base * 0.5**self.last_step for base in self.base_values]
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = Halving(optimizer, "lr", end=3)
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     optimizer.step()
    ...     scheduler.step()
    0.8
    0.4
    0.2
    0.2
    """

    _counts: ClassVar[tuple[str, ...]] = ()  # the arguments besides `begin` and `end` that count epochs or iterations
    _skipped: int = 0  # the steps before the construction, if `last_step` was passed
    _overrides_print: bool = False  # True in a subclass with its own `print_value`, which is called at each change

    optimizer: OptimizerLike
    param_name: str
    base_values: list[float] | tuple[()] = ()  # empty if a subclass skips this class's constructor
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
        require_optimizer(type(self).__name__, optimizer)
        self._window_length(begin, end)
        if not isinstance(last_step, int) or isinstance(last_step, bool) or last_step < -1:
            message = f"expected an integer of at least -1, got last_step={last_step!r}"
            raise AssertedArgument(self._site("last_step"), message, "Use -1 to start")
        self.optimizer = optimizer
        self.param_name = param_name
        self.begin = begin
        self.end = end
        self.by_epoch = by_epoch
        self.verbose = verbose
        self._check_groups(resumes=last_step >= 0)
        initial = f"initial_{param_name}"
        for group in optimizer.param_groups:
            group.setdefault(initial, number_of(group[param_name]))
        self.base_values = [number_of(group[initial]) for group in optimizer.param_groups]
        self.last_step = last_step
        if last_step >= 0:
            self._skipped = begin + last_step + 1
        self._begin_run()

    def __reduce__(self) -> Reduced:
        package = "mmengine.engine" if type(self).__module__ == "paramsched.mmengine.engine" else "mmengine"
        return pickled_object(self, package, self.__getstate__())

    def _begin_run(self) -> None:
        """Make the first step."""
        watch_steps(self.optimizer)
        if type(self).print_value is not _ParamScheduler.print_value:
            self._overrides_print = True
        self._global_step = -1
        self.step()

    def step(self) -> None:
        """Make one step: in the window, write the values of `_get_value`."""
        if self._global_step == 0:
            warn_of_order(self.optimizer)
        self._global_step += 1
        groups = self.optimizer.param_groups
        name = self.param_name
        if len(groups) > len(self.base_values):
            self._include_added_groups()
        if self.begin <= self._global_step + self._skipped < self.end:
            self.last_step += 1
            values = self._get_value()
            for group, value in zip(groups, values):  # noqa: B905  # `strict=False` costs 10 % of a step
                if type(group[name]) is float:
                    group[name] = value
                else:
                    set_value(group, value, name)
            if self.verbose or self._overrides_print:
                for index, value in enumerate(values[: len(groups)]):
                    self.print_value(self.verbose, index, value)
        self._last_value = [group[name] for group in groups]

    def _get_value(self) -> list[float]:
        """Return the value of each group at `last_step`."""
        raise NotImplementedError(
            f"{type(self).__name__} has no _get_value(). Define it in the subclass and return one value for each group"
        )

    def get_last_value(self) -> list[float]:
        """Return the values after the last step, one for each group."""
        return self._last_value

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Print or log the value of a group, if `is_verbose` is true."""
        if is_verbose:
            print_or_log(f"Adjusting parameter value of group {group} to {value:.4e}.")

    def _present_values(self) -> list[Any]:
        """Return the value of each group."""
        name = self.param_name
        return [group[name] for group in self.optimizer.param_groups]

    def _scaled_values(self, factor: float) -> list[Any]:
        """Return the value of each group times a factor."""
        name = self.param_name
        return [group[name] * factor for group in self.optimizer.param_groups]

    def _write_values(self, values: Sequence[Any]) -> None:
        """Write a value into each group: a tensor is filled in place."""
        for group, value in zip(self.optimizer.param_groups, values, strict=False):
            set_value(group, value, self.param_name)

    def _include_added_groups(self) -> None:
        """Include groups that were added since the last step; they continue from their own values.

        The base of such a group has the ratio to its value that the last group has. A wrapper's pseudo group remains
        the last one.
        """
        if not isinstance(self.base_values, list):
            return
        groups = self.optimizer.param_groups
        bases = list(self.base_values)
        first = len(bases) - (pseudo_group(self.optimizer) is not None)
        for index, group in enumerate(groups[first : first + len(groups) - len(bases)], start=first):
            base = late_base(group[self.param_name], bases, self._last_value)
            self.base_values.insert(index, number_of(group.setdefault(f"initial_{self.param_name}", base)))

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer as plain data, with the class and the values of the groups."""
        state = {key: by_value(value) for key, value in vars(self).items() if key != "optimizer"}
        has_field = {"optimizer", "param_name"} <= vars(self).keys()  # a subclass may skip this class's constructor
        values = {GROUPS_KEY: by_value(self._present_values()), AT_KEY: _counts_of(state)} if has_field else {}
        return {CLASS_KEY: type(self).__name__} | values | state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a state that `state_dict()` returned, including the saved arguments of the constructor.

        The saved values are written into the groups, so that the optimizer may be loaded before or after the scheduler
        is built; a state that MMEngine saved has none. If a saved argument differs from this scheduler's, a warning
        lists both. Use `restore` to keep the new arguments. The state is copied.

        Raises:
            StateError: if the state belongs to another class or to another entry of the groups. The scheduler stays
                unchanged.
        """
        changed = changed_arguments(self, state_dict)
        if changed:
            listed = ", ".join(f"{name}: {new!r} -> {saved!r}" for name, (new, saved) in changed.items())
            advice = "To use the new ones, write PlanScheduler in a Runner of MMEngine, or restore(…) in your own loop"
            message = f"the saved arguments replace this scheduler's: {listed}"
            warn_user(Problem(site=f"{type(self).__name__}.load_state_dict", found=message, advice=advice))
        self._set_state(state_dict, state_dict)

    def _set_state(self, state: Mapping[str, Any], names: Sequence[str] | Mapping[str, Any]) -> None:
        """Set the named attributes to those of a state, and write its values into the groups."""
        kept = {name: state[name] for name in names if name in state and name not in ADDED_KEYS}
        # A state of MMEngine's OneCycle contains a function.
        vars(self).update({name: by_value(value) for name, value in kept.items() if not callable(value)})
        if GROUPS_KEY in state and "optimizer" in vars(self):
            self._write_saved_values(state[GROUPS_KEY], is_old=state.get(AT_KEY) != _counts_of(state))

    def _write_saved_values(self, values: Sequence[Any], *, is_old: bool) -> None:
        inner = inner_optimizer(self.optimizer)
        name = self.param_name
        if inner is not None:

            def present() -> list[Any]:
                return [present_value(group, name) for group in self.optimizer.param_groups]

            write_saved_values(self, inner, name, values, is_old=is_old, read=present, write=self._write_values)
        elif not is_old:
            self._write_values(values)

    def _write_arguments(self) -> None:
        """Write the entries of the groups again that depend on the constructor's arguments."""

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
            begin: the first step of the window, in epochs.
            end: the step at which the window ends, in epochs.
            by_epoch: must be True.
            epoch_length: iterations per epoch, greater than 0.
            kwargs: arguments of the constructor, by keyword; counts in epochs.

        Raises:
            AssertedArgument: an AssertionError if `by_epoch` is false or `epoch_length` is not greater than 0.
            InvalidCall: a TypeError if a count is missing or is passed by position.
        """
        call = f"{cls.__name__}.build_iter_from_epoch"
        if not by_epoch:
            message = "only arguments in epochs can be converted"
            raise AssertedArgument(CallSite(call, "by_epoch", repr(by_epoch)), message, "Omit by_epoch")
        if epoch_length is None or not epoch_length > 0:
            message = "`epoch_length` must be a positive integer"
            example = "epoch_length=len(train_dataloader)"
            raise AssertedArgument(CallSite(call, "epoch_length", repr(epoch_length)), message, example=example)
        signature = inspect.signature(cls)
        by_position = signature.bind_partial(*args).arguments
        for name in cls._counts:
            parameter = signature.parameters.get(name)
            is_missing = parameter is not None and parameter.default is parameter.empty and name not in kwargs
            if is_missing or name in by_position:
                message = f"pass {name} by keyword, so that it can be converted"
                raise InvalidCall(CallSite(call, name), message, f"Pass {name}=…")
            if kwargs.get(name) is not None:
                kwargs[name] = _times(kwargs[name], epoch_length)
        kwargs["begin"] = int(begin * epoch_length)
        kwargs["end"] = end if end in (INF, math.inf) else int(end * epoch_length)
        kwargs["by_epoch"] = False
        return cls(*args, **kwargs)

    def _site(self, argument: str) -> CallSite:
        return CallSite(type(self).__name__, argument)

    def _check(self, check: Callable[..., object], **arguments: Any) -> None:
        """Check arguments by a function of `paramsched.core.calls.number_checks`."""
        for name, value in arguments.items():
            check(self._site(name), value)

    def _window_length(self, begin: int, end: int) -> int:
        """Return the number of steps in the window; raise if it ends before it begins."""
        self._check(not_negative, begin=begin)
        if end != math.inf:
            self._check(finite_number, end=end)
        if end <= begin:
            message = f"end should be larger than begin, but got begin={begin}, end={end}"
            raise InvalidArgument(self._site("end"), message, example=f"end={begin + 1}")
        return end - begin

    def _check_groups(self, *, resumes: bool) -> None:
        """Raise if a group lacks the entry, or if the entry is not a number."""
        name = self.param_name
        for index, group in enumerate(self.optimizer.param_groups):
            if not is_number(group[name]):
                message = f"the group has {name}={group[name]!r}, which is not a number"
                raise InvalidCall(
                    self._site("param_name"), message, example="LinearMomentum(optimizer) for Adam's betas[0]"
                )
            if resumes and f"initial_{name}" not in group:
                raise KeyError(
                    f"param 'initial_{name}' is not specified in param_groups[{index}] when resuming an optimizer"
                )


class LRSchedulerMixin(_ParamScheduler):
    """Mixin for a `…ParamScheduler` class that schedules the learning rate."""

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, "lr", *args, **kwargs)


class MomentumSchedulerMixin(_ParamScheduler):
    """Mixin for a `…ParamScheduler` class that schedules SGD's `momentum` or Adam's `betas[0]`.

    A group of Adam gets an entry `momentum` with the value that was last written to `betas[0]`.

    Raises:
        InvalidArgument: if the optimizer has neither `momentum` nor `betas`.
    """

    use_betas: bool

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        require_optimizer(type(self).__name__, optimizer)
        defaults = optimizer.defaults  # type: ignore[union-attr]  # wrappers also have `defaults`
        self.use_betas = "momentum" not in defaults
        if self.use_betas and "betas" not in defaults:
            message = f"optimizer must support momentum when using momentum scheduler: it has {', '.join(defaults)}"
            raise InvalidArgument(self._site("optimizer"), message, "Use SGD with momentum, or Adam")
        if self.use_betas:
            self.optimizer = optimizer
            self._read_betas()
        super().__init__(optimizer, "momentum", *args, **kwargs)

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Make one step from the present values."""
        if self.use_betas:
            self._read_betas()
        super().step(*args, **kwargs)
        if self.use_betas:
            self._write_betas()

    def _write_values(self, values: Sequence[Any]) -> None:
        if self.use_betas:
            self._read_betas()
        super()._write_values(values)
        if self.use_betas:
            self._write_betas()

    def _read_betas(self) -> None:
        for group in self.optimizer.param_groups:
            group["momentum"] = number_of(group["betas"][0])  # the loaded state of an optimizer may lack it

    def _write_betas(self) -> None:
        for group in self.optimizer.param_groups:
            set_value(group, group["momentum"], "betas[0]")


def print_or_log(line: str) -> None:
    """Log a line if logger `paramsched` has a handler, else print it."""
    if _log.isEnabledFor(logging.INFO) and _log.hasHandlers():
        _log.info(line)
    else:
        print(line)  # noqa: T201  # as MMEngine does; print ignores a closed standard output


def is_scheduler(value: object) -> bool:
    """Return whether an object is a scheduler of this package, of MMEngine, or of a class derived from them."""
    return any(cls.__name__ == "_ParamScheduler" for cls in type(value).__mro__)


def argument_names(cls: type[Any], package: str = "") -> list[str]:
    """Return the arguments of a class and its bases, or of those in a package, that a loaded state is compared with."""
    bases = [base for base in cls.__mro__[:-1] if base.__module__.startswith(package)]
    names = dict.fromkeys(name for base in bases for name in inspect.signature(base).parameters)
    return [name for name in names if name not in ("optimizer", "last_step", "verbose", "args", "kwargs")]


def changed_arguments(scheduler: _ParamScheduler, state: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return a dict from each argument that differs from the saved one to the pair (present value, saved value).

    Raises:
        StateError: if `state` is not a state, or belongs to another class or another entry.
    """
    cls = type(scheduler).__name__
    attributes = vars(scheduler)
    if not isinstance(state, Mapping):
        raise StateError(f"{cls}: expected a state, got {type(state).__name__}. Pass the result of state_dict()")
    field = attributes.get("param_name")
    saved_class = state.get(CLASS_KEY, cls)
    saved_field = state.get("param_name", field)
    if saved_class != cls or (field is not None and saved_field != field):
        owner = f"of {saved_class}" if saved_class != cls else f"of a scheduler of {saved_field!r}, not of {field!r}"
        raise StateError(
            f"{cls}.load_state_dict: this is the state {owner}. "
            "Pass the schedulers in the order in which they were saved"
        )
    # A user's class may have more arguments than the class that saved the state.
    needed = [*argument_names(type(scheduler), __name__.rpartition(".")[0]), "last_step", "_global_step"]
    missing = [
        name for name in needed if name in attributes and name not in state and name not in _NOT_SAVED_BY_MMENGINE
    ]
    if missing:
        raise StateError(f"{cls}.load_state_dict: the state lacks {', '.join(missing)}; it belongs to another class")
    compared = (name for name in argument_names(type(scheduler)) if name in attributes and name in state)
    pairs = {name: (attributes[name], state[name]) for name in compared}
    return {name: pair for name, pair in pairs.items() if _as_saved(pair[0]) != _as_saved(pair[1])}


_NOT_SAVED_BY_MMENGINE = ("pct_start", "anneal_strategy", "three_phase", "min_value")


def _counts_of(state: Mapping[str, Any]) -> list[Any]:
    """Return the counts of a state, one of which changes whenever its scheduler writes values."""
    return [state.get("_global_step"), state.get("last_step")]


def _as_saved(argument: Any) -> Any:
    return list(argument) if isinstance(argument, tuple) else argument  # a file may turn a tuple into a list


def _times(count: Any, epoch_length: int) -> Any:
    """Return a count of epochs, or a list of them, as iterations."""
    return [number * epoch_length for number in count] if isinstance(count, (list, tuple)) else count * epoch_length
