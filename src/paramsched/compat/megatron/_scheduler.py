"""OptimizerParamScheduler: Megatron's schedule of the learning rate and of weight decay, or a plan."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, final, get_args

from torch import Tensor

from paramsched.compat.megatron._plan_values import Counts, PlanValues
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.dropins.group_fields import ParamGroup, fill_tensor, groups_changed
from paramsched.core.fields import Field, is_number
from paramsched.core.plan import Plan
from paramsched.core.plan.diff import diff
from paramsched.core.plan.forms import PlanLike
from paramsched.core.time import Calendar
from paramsched.errors import AssertedArgument, CallSite, InvalidArgument, StateError, shown

_log = logging.getLogger("paramsched.compat")
_LR, _WEIGHT_DECAY = Field("lr", None), Field("weight_decay", None)

LrDecayStyle: TypeAlias = Literal["constant", "linear", "cosine", "inverse-square-root", "WSD"]
WsdDecayStyle: TypeAlias = Literal["linear", "cosine", "exponential", "minus_sqrt"]
WdIncrStyle: TypeAlias = Literal["constant", "linear", "cosine"]

# Written with `math` as in Megatron, because NumPy's cosine differs from it in the last bit.
_REMAINING: Final[Mapping[str, Callable[[float], float]]] = {
    "linear": lambda u: 1.0 - u,
    "cosine": lambda u: 0.5 * (math.cos(math.pi * u) + 1.0),
    "exponential": lambda u: 2.0 * math.pow(0.5, u) - 1.0,
    "minus_sqrt": lambda u: 1.0 - math.sqrt(u),
}
"""The share of the distance from the minimum to the maximum that remains at the fraction u of a decay."""

_STYLES: Final = {
    "lr_decay_style": LrDecayStyle,
    "wd_incr_style": WdIncrStyle,
    "lr_wsd_decay_style": WsdDecayStyle,
}
_NUMBERS: Final = {
    "init_lr": 0.0,
    "max_lr": 3e-4,
    "min_lr": 0.0,
    "lr_warmup_steps": 0,
    "lr_decay_steps": 1000,
    "start_wd": 0.01,
    "end_wd": 0.01,
    "wd_incr_steps": 1000,
    "wsd_decay_steps": 100,
}
"""The arguments that are numbers, each with an example."""

_BOUNDS: Final = ("max_lr", "min_lr", "start_wd", "end_wd")
"""The arguments that an entry of a group replaces for this group."""

_SAVED: Final[Mapping[str, tuple[str, ...]]] = {
    "max_lr": ("learning rate", "start_lr"),
    "min_lr": ("minimum learning rate",),
    "lr_warmup_steps": ("warmup iterations", "warmup_iter", "warmup_steps"),
    "lr_decay_steps": ("total number of iterations", "end_iter", "decay_steps"),
    "lr_decay_style": ("learning rate decay style", "decay_style"),
    "start_wd": ("start weight decay",),
    "end_wd": ("end weight decay",),
    "wd_incr_steps": ("total number of weight decay iterations",),
    "wd_incr_style": ("weight decay incr style",),
    "init_lr": ("initial learning rate",),
    "wsd_decay_steps": ("WSD decay steps",),
    "lr_wsd_decay_style": ("WSD decay style",),
}
"""For each argument in a state: its name in Megatron's messages, then its keys in states of older versions."""

_REQUIRED: Final = ("max_lr", "min_lr", "lr_warmup_steps", "lr_decay_steps", "lr_decay_style")


class OptimizerParamScheduler:
    """Write the learning rate and the weight decay of Megatron into every param group.

    With n = `num_steps`, W = `lr_warmup_steps`, D = `lr_decay_steps`, S = `wsd_decay_steps`, M = `max_lr` and
    m = `min_lr`, the first rule that applies defines the lr:

    W > 0 and n <= W         init_lr + (M - init_lr) n / W
    constant                 M
    n > D                    m
    inverse-square-root      max(m, M sqrt(max(W, 1) / max(n, 1)))
    linear, cosine           m + (M - m) c(r),   r = (n - W) / (D - W)
    WSD, n <= D - S          M
    WSD                      m + (M - m) c(u),   u = (n - D + S) / S

    c is 1 - u (linear), (cos(pi u) + 1) / 2 (cosine), 2 * 0.5^u - 1 (exponential) or 1 - sqrt(u) (minus_sqrt). The
    weight decay rises from `start_wd` to `end_wd` until n = `wd_incr_steps`. It is multiplied by a group's `wd_mult`,
    and the lr by its `lr_mult`. A group's own `max_lr`, `min_lr`, `start_wd` and `end_wd` replace the arguments.

    All arguments are attributes that are read at each step. The constructor writes the values of n = 0.

    Differs from Megatron (`docs/reference/divergences.md`); the main difference: loading a state restores n, where
    Megatron adds it, and every value is restored before the groups are written.

    Args:
        optimizer: any object with `param_groups`. The list is read again at each step.
        init_lr: the lr at n = 0 of a warmup; at most `max_lr`.
        max_lr: the lr at the end of the warmup.
        min_lr: the lr at the end of the decay; at least 0.
        lr_warmup_steps: W, in the unit of `step(increment)`, integer or fractional; less than D.
        lr_decay_steps: D, which includes the warmup; greater than 0.
        lr_decay_style: the style of the decay.
        start_wd: the weight decay at n = 0; at least 0.
        end_wd: the weight decay at the end; at least `start_wd`.
        wd_incr_steps: the length of the rise of weight decay.
        wd_incr_style: the style of the rise.
        use_checkpoint_opt_param_scheduler: if True, `load_state_dict` takes the arguments from the state.
        override_opt_param_scheduler: if True, `load_state_dict` keeps the arguments of the constructor. If both are
            False, the arguments and the state must be equal.
        wsd_decay_steps: S, required for WSD.
        lr_wsd_decay_style: the style of the decay of WSD, required for WSD.

    Raises:
        AssertedArgument: an argument is missing or invalid; no group was written.

    >>> group = {"lr": 0.0, "weight_decay": 0.1}
    >>> class Optimizer:
    ...     param_groups = [group]
    >>> scheduler = OptimizerParamScheduler(
    ...     Optimizer(), 0.0, 1.0, 0.1, 10, 100, "cosine", 0.1, 0.1, 100, "constant"
    ... )
    >>> scheduler.step(increment=55)
    >>> round(group["lr"], 12), group["weight_decay"]
    (0.55, 0.1)
    """

    def __init__(
        self,
        optimizer: Any,
        init_lr: float,
        max_lr: float,
        min_lr: float,
        lr_warmup_steps: float,
        lr_decay_steps: float,
        lr_decay_style: LrDecayStyle,
        start_wd: float,
        end_wd: float,
        wd_incr_steps: float,
        wd_incr_style: WdIncrStyle,
        use_checkpoint_opt_param_scheduler: bool | None = True,
        override_opt_param_scheduler: bool | None = False,
        wsd_decay_steps: float | None = None,
        lr_wsd_decay_style: WsdDecayStyle | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.init_lr = init_lr
        self.max_lr = max_lr
        self.min_lr = min_lr
        self.lr_warmup_steps = lr_warmup_steps
        self.lr_decay_steps = lr_decay_steps
        self.lr_decay_style = lr_decay_style
        self.start_wd = start_wd
        self.end_wd = end_wd
        self.wd_incr_steps = wd_incr_steps
        self.wd_incr_style = wd_incr_style
        self.use_checkpoint_opt_param_scheduler = use_checkpoint_opt_param_scheduler
        self.override_opt_param_scheduler = override_opt_param_scheduler
        self.wsd_decay_steps = wsd_decay_steps
        self.lr_wsd_decay_style = lr_wsd_decay_style
        self.num_steps: float = 0
        self._require_computable()
        self._require_ordered()
        self.max_lr = float(max_lr)
        groups = list(optimizer.param_groups)
        for index, group in enumerate(groups):
            for key in _BOUNDS:
                if key in group and not is_number(group[key]):
                    found = f"expected a number, got {type(group[key]).__name__}"
                    raise AssertedArgument(f'param_groups[{index}]["{key}"]', found, f"Leave {key} out of the group")
        # A checkpoint of the optimizer replaces these entries, so an override must put them back.
        self._group_bounds = [{key: group[key] for key in _BOUNDS if key in group} for group in groups]
        weight_decays = [group.get("weight_decay") for group in groups]
        self.step(0)
        self._warn_of_traps(groups, weight_decays)

    @staticmethod
    def of_plan(
        optimizer: Any, plan: PlanLike, calendar: Calendar | None = None, *, counts: Counts = "samples"
    ) -> "OptimizerParamScheduler":
        """Return a scheduler with Megatron's methods that writes the values of a plan.

        The position of the run is a function of `num_steps` alone, so `num_steps` may be set, followed by `step(0)`.
        The base of lr is a group's `max_lr`, read at each step, or its lr at construction. The base of any other field
        is its value at construction. `lr_mult` and `wd_mult` of a group multiply the planned values. Fields that are
        not in the plan are not written.

        Args:
            optimizer: any object with `param_groups`.
            plan: the plan in any form, on the clock of samples, tokens or updates, without metric rules.
            calendar: the run facts that convert units. Tokens need `sequence_length`. If the clock of the plan differs
                from what `step` counts, `batch_size` is needed.
            counts: what `step(increment)` counts: `"samples"` (Megatron-LM, Megatron-Bridge, slime) or `"updates"`
                (verl, NeMo Automodel).

        Raises:
            MissingFact: a run fact is missing.
            InvalidArgument: the plan has a metric rule or another clock, or `counts` is unknown.
            PlanError: the optimizer lacks a group or a field of the plan.

        >>> group = {"lr": 0.5, "weight_decay": 0.1}
        >>> class Optimizer:
        ...     param_groups = [group]
        >>> plan = Plan(lr="warmup('64 samples') >> constant()", clock="samples")
        >>> scheduler = OptimizerParamScheduler.of_plan(Optimizer(), plan)
        >>> scheduler.step(increment=32)
        >>> group["lr"], group["weight_decay"]
        (0.25, 0.1)
        """
        return PlannedParamScheduler(optimizer, PlanValues.of(plan, calendar or Calendar(), counts))

    def get_lr(self, param_group: Mapping[str, Any]) -> float:
        """Return the lr of a group at `num_steps`, without its `lr_mult`."""
        n, warmup, end = self.num_steps, self.lr_warmup_steps, self.lr_decay_steps
        top: float = param_group.get("max_lr", self.max_lr)
        floor: float = param_group.get("min_lr", self.min_lr)
        if warmup > 0 and n <= warmup:
            return self.init_lr + (top - self.init_lr) * float(n) / float(warmup)
        if self.lr_decay_style == "constant":
            return top
        if n > end:
            return floor
        if self.lr_decay_style == "inverse-square-root":
            decayed: float = top * max(warmup, 1) ** 0.5 / max(n, 1) ** 0.5
            return max(floor, decayed)
        elapsed = self._fraction(n - warmup, end - warmup)
        if self.lr_decay_style != "WSD":
            return floor + _REMAINING[self.lr_decay_style](elapsed) * (top - floor)
        assert self.wsd_decay_steps is not None
        assert self.lr_wsd_decay_style is not None
        start = end - self.wsd_decay_steps
        if n <= start:
            return floor + (top - floor)  # top, rounded as in Megatron
        elapsed = float(n - start) / float(self.wsd_decay_steps)
        return floor + _REMAINING[self.lr_wsd_decay_style](elapsed) * (top - floor)

    def get_wd(self, param_group: Mapping[str, Any] | None = None) -> float:
        """Return the weight decay of a group at `num_steps`, without its `wd_mult`; without a group, the default."""
        group = {} if param_group is None else param_group
        start: float = group.get("start_wd", self.start_wd)
        end: float = group.get("end_wd", self.end_wd)
        if self.num_steps > self.wd_incr_steps:
            return end
        if self.wd_incr_style == "constant":
            if start != end:
                found = f"start_wd={start!r} and end_wd={end!r} must be equal with it"
                raise _asserted("wd_incr_style", "constant", found, 'Use wd_incr_style="cosine"')
            return end
        risen = self._fraction(self.num_steps, self.wd_incr_steps)
        if self.wd_incr_style == "cosine":
            risen = _REMAINING["cosine"](1 - risen)
        return start + risen * (end - start)

    def step(self, increment: float) -> None:
        """Add `increment` to `num_steps`, and write the values into every group. If it raises, nothing is changed."""
        groups, before = list(self.optimizer.param_groups), self.num_steps
        self.num_steps = before + increment
        try:
            rows = self._rows(groups)
        except BaseException:
            self.num_steps = before
            raise
        _write_rows(groups, rows)

    def state_dict(self) -> dict[str, Any]:
        """Return Megatron's state, and the arguments that it lacks: `init_lr` and those of WSD."""
        return {"num_steps": self.num_steps, **{name: getattr(self, name) for name in _SAVED}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state of this class or of Megatron's, and write the values into every group.

        If it raises, nothing is changed.

        Raises:
            AssertedArgument: the arguments and the state differ, or an argument that the state needs is missing.
            StateError: the state is not a mapping, or a required key is missing.
        """
        if not isinstance(state_dict, Mapping):
            found = f"expected a mapping, got {type(state_dict).__name__}"
            raise StateError(f"OptimizerParamScheduler.load_state_dict(…): {found}. Pass a state of Megatron")
        saved = {
            name: state_dict[key]
            for name, (_, *older) in _SAVED.items()
            for key in [next((key for key in (*older, name) if key in state_dict), None)]
            if key is not None
        }
        steps = saved_steps(state_dict)
        if missing := [name for name in _REQUIRED if name not in saved]:
            instead = "Pass a state of Megatron"
            if "plan" in state_dict:
                instead = "It is the state of a plan: build the scheduler by OptimizerParamScheduler.of_plan"
            raise StateError(f"OptimizerParamScheduler.load_state_dict(…): {', '.join(missing)} missing. {instead}")
        groups, before = list(self.optimizer.param_groups), dict(vars(self))
        bounded = groups
        if self.override_opt_param_scheduler and len(groups) == len(self._group_bounds):
            entries = ({key: value for key, value in group.items() if key not in _BOUNDS} for group in groups)
            bounded = [{**entry, **bounds} for entry, bounds in zip(entries, self._group_bounds, strict=True)]
        try:
            for name, value in saved.items():
                setattr(self, name, self._chosen(name, getattr(self, name), value))
            self.num_steps = steps
            self._require_computable()
            rows = self._rows(bounded)
        except BaseException:
            vars(self).update(before)
            raise
        for group, wanted in zip(groups, bounded, strict=True):
            for key in _BOUNDS:
                if key in wanted:
                    group[key] = wanted[key]
                else:
                    group.pop(key, None)
        _write_rows(groups, rows)
        acting = ["init_lr"] if 0 <= steps < self.lr_warmup_steps else []
        if self.lr_decay_style == "WSD" and steps <= self.lr_decay_steps:
            acting += ["wsd_decay_steps", "lr_wsd_decay_style"]
        lacking = [name for name in acting if name not in saved]
        if lacking and not self.override_opt_param_scheduler:
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in lacking)
            found = f"the state lacks {', '.join(lacking)}: the values of the constructor are used, {values}"
            warn_user(Problem(found=found))

    def _chosen(self, name: str, own: Any, saved: Any) -> Any:
        """Return the value of an argument after loading: the present one, or that of the state."""
        what = _SAVED[name][0]
        if self.override_opt_param_scheduler:
            _log.info(" > overriding %s value to %s", what, own)
            return own
        if not self.use_checkpoint_opt_param_scheduler and own != saved:
            # Megatron's text, which its users' tests compare.
            found = f"class input value {own} and checkpointvalue {saved} for {what} do not match"
            raise AssertedArgument(
                "OptimizerParamScheduler", found, f"Use {name}={saved!r}, or override_opt_param_scheduler=True"
            )
        _log.info(" > using checkpoint value %s for %s", saved, what)
        return saved

    def _rows(self, groups: Sequence[Mapping[str, Any]]) -> list[Mapping[Field, float]]:
        """Return the values of each group at `num_steps`, by field."""
        rows: list[Mapping[Field, float]] = []
        for group in groups:
            rate = self.get_lr(group)
            rate = rate * group["lr_mult"] if "lr_mult" in group else rate
            rows.append({_LR: rate, _WEIGHT_DECAY: self.get_wd(group) * group.get("wd_mult", 1.0)})
        return rows

    def _fraction(self, elapsed: float, length: float) -> float:
        """Return the elapsed fraction of a length, which is at most 1."""
        fraction = float(elapsed) / float(length)
        if fraction < 0.0:
            raise _asserted("num_steps", self.num_steps, "it must not be negative", "Pass a smaller decrement to step")
        return fraction

    def _require_computable(self) -> None:
        """Raise if an argument is missing or has the wrong type, so that a value could not be computed."""
        wsd = self.lr_decay_style == "WSD"
        for name, example in _NUMBERS.items():
            if (name != "wsd_decay_steps" or wsd) and not is_number(value := getattr(self, name)):
                found = f"expected a number, got {type(value).__name__}"
                raise _asserted(name, value, found, f"For example: {name}={example}")
        for name, choices in _STYLES.items():
            style, known = getattr(self, name), get_args(choices)
            if (name != "lr_wsd_decay_style" or wsd) and (not isinstance(style, str) or style not in known):
                raise _asserted(name, style, did_you_mean(str(style), known), f'For example: {name}="{known[-1]}"')
        if self.wd_incr_steps == 0 and self.wd_incr_style != "constant":
            instead = f"Write wd_incr_steps={self.lr_decay_steps}"
            raise _asserted("wd_incr_steps", 0, "it must be greater than 0", instead)

    def _require_ordered(self) -> None:
        """Raise for arguments that Megatron's constructor rejects with `assert`."""
        least_lr, least_wd = "For example: min_lr=0.0", "For example: start_wd=0.0"
        one_flag = "Use use_checkpoint_opt_param_scheduler=False"
        longer = f"it must be less than lr_decay_steps={self.lr_decay_steps}, which includes the warmup"
        both = self.override_opt_param_scheduler and self.use_checkpoint_opt_param_scheduler
        for holds, name, found, instead in (
            (self.min_lr >= 0.0, "min_lr", "it must be at least 0", least_lr),
            (self.max_lr >= self.min_lr, "max_lr", f"it must be at least min_lr={self.min_lr}", least_lr),
            (
                self.init_lr <= self.max_lr,
                "init_lr",
                f"it must be at most max_lr={self.max_lr}",
                "For example: init_lr=0.0",
            ),
            (
                self.lr_decay_steps > 0,
                "lr_decay_steps",
                "it must be greater than 0",
                "For example: lr_decay_steps=1000",
            ),
            (self.lr_warmup_steps < self.lr_decay_steps, "lr_warmup_steps", longer, "For example: lr_warmup_steps=0"),
            (self.start_wd >= 0.0, "start_wd", "it must be at least 0", least_wd),
            (self.end_wd >= self.start_wd, "end_wd", f"it must be at least start_wd={self.start_wd}", least_wd),
            (not both, "override_opt_param_scheduler", "both override and use-checkpoint are set.", one_flag),
        ):
            if not holds:
                raise _asserted(name, getattr(self, name), found, instead)

    def _warn_of_traps(self, groups: Sequence[Mapping[str, Any]], weight_decays: Sequence[Any]) -> None:
        """Warn of arguments and groups that Megatron accepts although they are probably a mistake."""
        tops = [group.get("max_lr", self.max_lr) for group in groups]
        floors = [group.get("min_lr", self.min_lr) for group in groups]
        if falling := [i for i, top in enumerate(tops) if self.lr_warmup_steps > 0 and top < self.init_lr]:
            found = f"max_lr is less than init_lr={self.init_lr} in {_groups_at(falling)}: the warmup falls"
            warn_user(Problem(found=found))
        if rising := [i for i, (top, floor) in enumerate(zip(tops, floors, strict=True)) if floor > top]:
            warn_user(Problem(found=f"min_lr is greater than max_lr in {_groups_at(rising)}: the decay rises"))
        if self.lr_decay_style == "WSD" and self.wsd_decay_steps is not None:
            start = self.lr_decay_steps - self.wsd_decay_steps
            if start < self.lr_warmup_steps:
                found = (
                    f"the decay of WSD begins at {start}, inside the warmup of {self.lr_warmup_steps}: the lr jumps at "
                    "its end"
                )
                instead = f"Write wsd_decay_steps={self.lr_decay_steps - self.lr_warmup_steps} or less"
                warn_user(Problem(found=found, advice=instead))
        if scaled := [i for i, group in enumerate(groups) if group.get("lr_mult", 1.0) != 1.0]:
            found = f"lr_mult multiplies the lr of {_groups_at(scaled)}; Megatron ignores it since 2025-11"
            instead = "To train as Megatron, remove lr_mult from the group (docs/reference/divergences.md, Megatron 16)"
            warn_user(Problem(found=found, advice=instead))
        exempt = [
            i
            for i, (group, before) in enumerate(zip(groups, weight_decays, strict=True))
            if before == 0 and "wd_mult" not in group and group.get("end_wd", self.end_wd) > 0
        ]
        if exempt:
            found = f"weight_decay was 0 in {_groups_at(exempt)} and is now scheduled, as in Megatron"
            instead = 'To exempt a group, write "wd_mult": 0.0 into it'
            warn_user(Problem(found=found, advice=instead))


@final
class PlannedParamScheduler(OptimizerParamScheduler):
    """A scheduler with Megatron's methods that writes the values of a plan, built by `of_plan`.

    Args:
        optimizer: any object with `param_groups`.
        values: the values of the plan.
    """

    def __init__(self, optimizer: Any, values: PlanValues) -> None:
        self.optimizer, self._values = optimizer, values
        self.num_steps = 0
        self._planned = values.bind(optimizer.param_groups)
        self.step(0)

    def get_lr(self, param_group: Mapping[str, Any]) -> float:
        """Return the planned lr of a group at `num_steps`, without its `lr_mult`; its present lr if none is planned."""
        return self._value_of(_LR, param_group)

    def get_wd(self, param_group: Mapping[str, Any] | None = None) -> float:
        """Return the planned weight decay of a group, by default the first, at `num_steps`, without its `wd_mult`.

        If none is planned, return the present weight decay of the group.
        """
        return self._value_of(_WEIGHT_DECAY, self.optimizer.param_groups[0] if param_group is None else param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return `num_steps` and the text of the plan."""
        return {"num_steps": self.num_steps, "plan": self._values.plan.text}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore `num_steps` of a state of this class or of Megatron's, and write the planned values.

        The plan of the code applies. If the state is of another plan, a warning shows the differences.

        Raises:
            StateError: `num_steps` is missing.
            InvalidArgument: `num_steps` is not a position of this plan; nothing is changed.
        """
        self.step(saved_steps(state_dict) - self.num_steps)
        own, saved = self._values.plan, state_dict.get("plan")
        if "plan" not in state_dict:
            found = "the state is of Megatron's scheduler: num_steps is restored, and the plan of the code applies"
            warn_user(Problem(found=found))
        elif isinstance(saved, str) and saved != own.text:
            changes = diff(Plan.of_text(saved), own)
            found = f"the plan has changed since the checkpoint; the plan of the code applies:\n{changes}"
            warn_user(Problem(found=found))

    def _value_of(self, field: Field, group: Mapping[str, Any]) -> float:
        index = next((i for i, one in enumerate(self.optimizer.param_groups) if one is group), None)
        if index is None:
            raise InvalidArgument(
                "get_lr(…)", "the group is not in the optimizer", "Pass one of optimizer.param_groups"
            )
        planned = self._planned[index].values(group, self._values.times(self.num_steps))
        return planned[field] if field in planned else float(field.read(group))

    def _rows(self, groups: Sequence[Mapping[str, Any]]) -> list[Mapping[Field, float]]:
        if len(groups) != len(self._planned):
            found = f"{len(groups)} param groups instead of {len(self._planned)}"
            raise groups_changed("OptimizerParamScheduler.of_plan(…)", found)
        times = self._values.times(self.num_steps)
        rows: list[Mapping[Field, float]] = []
        for planned, group in zip(self._planned, groups, strict=True):
            values = planned.values(group, times)
            for field, multiplier in ((_LR, "lr_mult"), (_WEIGHT_DECAY, "wd_mult")):
                if field in values and multiplier in group:
                    values[field] *= group[multiplier]
            rows.append(values)
        return rows


def saved_steps(state_dict: Mapping[str, Any]) -> float:
    """Return the number of steps in a state, also of an older version of Megatron."""
    steps = next((state_dict[key] for key in ("num_iters", "num_steps") if key in state_dict), None)
    if steps is None or not is_number(steps):
        raise StateError("OptimizerParamScheduler.load_state_dict(…): num_steps missing. Pass a state of Megatron")
    return steps  # type: ignore[no-any-return]  # is_number has checked it


def _write_rows(groups: Sequence[ParamGroup], rows: Sequence[Mapping[Field, float]]) -> None:
    """Write the values of each group. A tensor is filled in place; a missing entry is created."""
    for group, values in zip(groups, rows, strict=True):
        for field, value in values.items():
            if field.index is None and isinstance(group.get(field.key), Tensor):
                fill_tensor(group[field.key], value)
            else:
                field.fill(group, value)  # type: ignore[arg-type]  # a group is a dict


def _asserted(name: str, value: object, found: str, instead: str) -> AssertedArgument:
    return AssertedArgument(CallSite("OptimizerParamScheduler", name, shown(value)), found, instead)


def _groups_at(indices: Sequence[int]) -> str:
    return ", ".join(f"param_groups[{index}]" for index in indices)
