"""RuleScheduler: a row of MMEngine's table, whose ticks the step engine makes."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from paramsched.compat.group_fields import by_value
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.step_engine import StepEngine
from paramsched.config.dialects.mmengine.table import INF, SchedulerRow, argument_cautions
from paramsched.schedules.rules import Rule
from paramsched.user_warnings import warn_user


class RuleScheduler(_ParamScheduler):
    """A class of MMEngine's table: its arguments are those of a kernel rule, and the step engine makes its steps.

    Each step starts from the value that is in the group. A value that somebody else wrote is therefore carried on, and
    several schedulers of one entry combine.
    """

    table_row: ClassVar[SchedulerRow]
    _argument_signature: ClassVar[inspect.Signature]

    def __init__(self, optimizer: OptimizerLike, param_name: str, *args: Any, **kwargs: Any) -> None:
        optimizers.require_optimizer(optimizer)
        arguments = self._checked_arguments(args, kwargs)
        tail = {name: arguments.pop(name) for name in ("begin", "end", "last_step", "by_epoch", "verbose")}
        vars(self).update(arguments)
        self._write_into_groups(optimizer, param_name, tail["last_step"])
        self._start_scheduler(optimizer, param_name, tail)

    def _start_scheduler(self, optimizer: OptimizerLike, param_name: str, tail: Mapping[str, Any]) -> None:
        super().__init__(optimizer, param_name, **tail)

    def _write_into_groups(self, optimizer: OptimizerLike, param_name: str, last_step: int) -> None:
        """What a class writes into the groups before the first tick."""

    def _checked_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The row's arguments by name, checked, with what follows from them."""
        bound = self._argument_signature.bind(*args, **kwargs)
        given = self.table_row.defaulted(bound.arguments)
        for fault in self.table_row.check(given):
            raise fault.kind(f"{type(self).__name__}: {fault.message}")
        arguments = self.table_row.complete(given)
        for caution in argument_cautions(self.table_row, arguments):
            warn_user(f"{type(self).__name__}: {caution}")
        return arguments

    def _get_value(self) -> list[float]:
        """What the rule makes of the present values at local tick `last_step`."""
        present = self._present_values()
        engine = self._engine_now()
        bases = self.base_values[: len(present)]  # there are more where groups were taken away
        if engine.bases != bases:
            engine.bind(bases)
        # A foreign state does not tell what the groups held at the first tick. Their bases stand in for it.
        entries: list[float] | None = vars(self).get("_entry")
        return engine.stepped(self.last_step, present, None if entries is None else entries[: len(present)])

    def _engine_now(self) -> StepEngine:
        """The engine for the arguments as they are at present: they may be changed between two steps."""
        held = vars(self)
        given = tuple([held.get(name) for name in self._configured])
        kept: tuple[Any, StepEngine] | None = getattr(self, "_engine", None)
        if kept is None or kept[0] != given:
            # A copy, so that milestones changed in place are noticed.
            self._engine = kept = by_value(given), StepEngine(self._rule_now())
        return kept[1]

    def _rule_now(self) -> Rule:
        assert self.table_row.rule is not None
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
        """Refuse counts by position, which would stay in epochs; warn of a factor that would act in each iteration."""
        required = [one.name for one in cls.table_row.arguments if one.counted and one.required]
        absent = [name for name in required if name not in kwargs]
        before = 1 if issubclass(cls, (LRSchedulerMixin, MomentumSchedulerMixin)) else 2
        positional = [one.name for one in cls.table_row.arguments[: max(len(args) - before, 0)] if one.counted]
        if absent or positional:
            name = (absent or positional)[0]
            raise TypeError(
                f"{cls.__name__}.build_iter_from_epoch: {name} has to be given by keyword, so that it is converted. "
                f"Write {name}=…"
            )
        if cls.table_row.name == "Exponential":
            arguments = cls.table_row.defaulted({"gamma": None, **kwargs})
            for caution in argument_cautions(cls.table_row, {**arguments, "end": INF}, converted_from_epochs=True):
                warn_user(f"{cls.__name__}: {caution}")


class LRSchedulerMixin:
    """Before a `…ParamScheduler` class: the same for the learning rate."""

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, "lr", *args, **kwargs)  # type: ignore[call-arg]  # the class that is mixed in


class MomentumSchedulerMixin:
    """Before a `…ParamScheduler` class: the same for SGD's `momentum` or Adam's `betas[0]`.

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
    """Let every group's `momentum` say what `betas[0]` is."""
    for group in optimizer.param_groups:
        group["momentum"] = optimizers.present_value(group, "momentum")
