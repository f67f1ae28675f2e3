"""A scheduler that is a row of the table: parameters for a rule of the kernel."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

from paramsched.compat._copies import by_value
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.step_engine import StepEngine
from paramsched.config.dialects.mmengine.table import (
    CURVES,
    INF,
    SchedulerRow,
    argument_cautions,
    meaning_of_class,
    row_of_class,
)
from paramsched.schedules.rules import Rule
from paramsched.user_warnings import warn_user

# `last_step` is the clock; the others MMEngine's own states do not tell, and these are read too.
_UNTOLD = ("last_step", "pct_start", "anneal_strategy", "three_phase", "min_value")
_AnyClass = TypeVar("_AnyClass", bound=type)


class RuleScheduler(_ParamScheduler):
    """At local tick k the value v becomes `a(k) v + b(k) base + c(k)`, with the coefficients of a kernel rule.

    An edit of the value from outside is therefore respected and carried on, and schedulers of one entry combine.
    """

    curve: ClassVar[SchedulerRow]

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
        """What a curve writes into the groups before the first tick."""

    def _checked_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The curve's arguments by name, checked, with what follows from them."""
        bound = _signature_of_curve(self.curve).bind(*args, **kwargs)
        given = self.curve.defaulted(bound.arguments)
        for fault in self.curve.check(given):
            raise fault.kind(f"{type(self).__name__}: {fault.message}")
        arguments = self.curve.complete(given)
        for caution in argument_cautions(self.curve, arguments):
            warn_user(f"{type(self).__name__}: {caution}")
        return arguments

    def _get_value(self) -> list[float]:
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
        assert self.curve.rule is not None
        return self.curve.rule(vars(self))

    def _replay_for_group(self, index: int) -> None:
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
        required = [one.name for one in cls.curve.arguments if one.counted and one.required]
        absent = [name for name in required if name not in kwargs]
        before = 1 if issubclass(cls, (LRSchedulerMixin, MomentumSchedulerMixin)) else 2
        positional = [one.name for one in cls.curve.arguments[: max(len(args) - before, 0)] if one.counted]
        if absent or positional:
            name = (absent or positional)[0]
            raise TypeError(
                f"{cls.__name__}.build_iter_from_epoch: {name} has to be given by keyword, so that it is converted. "
                f"Write {name}=…"
            )
        if cls.curve.name == "Exponential":
            arguments = cls.curve.defaulted({"gamma": None, **kwargs})
            for caution in argument_cautions(cls.curve, {**arguments, "end": INF}, converted_from_epochs=True):
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


def set_up_from_table(cls: _AnyClass) -> _AnyClass:
    """Give a class of the table its row, its signature and its docstring.

    The docstring is the row's sentence, what the class itself remarks, and the list of the arguments.
    """
    found = row_of_class(cls.__name__)
    assert found is not None, cls
    curve, family = found
    cls.curve = curve  # type: ignore[attr-defined]  # what this decorator is for
    cls._counted = curve.counted  # type: ignore[attr-defined]
    names = (one.name for one in curve.arguments if one.name not in _UNTOLD)
    cls._configured = ("param_name", *names)  # type: ignore[attr-defined]
    first = [("optimizer", ..., "a torch optimizer, or a wrapper that holds one")]
    if family == "ParamScheduler":
        first.append(("param_name", ..., "the entry of the param groups"))
    rows = [*first, *((one.name, one.default, one.meaning) for one in curve.arguments)]
    if "__init__" not in vars(cls):
        cls.__init__ = _constructor_of(cls)  # type: ignore[misc]  # so that the signature is its own, not its subclasses'
    cls.__init__.__signature__ = inspect.Signature(  # type: ignore[misc]  # as above
        [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
        + [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if default is ... else default,
            )
            for name, default, _ in rows
        ]
    )
    described = "\n    ".join(f"{name}: {meaning}." for name, _, meaning in rows)
    remarks = [inspect.cleandoc(cls.__doc__)] if cls.__doc__ else []
    cls.__doc__ = "\n\n".join([meaning_of_class(curve, family), *remarks, f"Args:\n    {described}\n"])
    return cls


def _constructor_of(cls: Any) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # it becomes one
        super(cls, self).__init__(*args, **kwargs)

    return __init__


@cache
def _signature_by_name(name: str) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter(
                one.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if one.required else one.default,
            )
            for one in CURVES[name].arguments
        ]
    )


def _signature_of_curve(curve: SchedulerRow) -> inspect.Signature:
    return _signature_by_name(curve.name)
