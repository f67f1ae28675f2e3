"""RuleLR: a scheduler that is a rule of the kernel, stepped by the engine of all drop-ins."""

from abc import abstractmethod
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, ClassVar

from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import base_on_curve, picked, same_groups
from paramsched.compat.step_engine import UNCHANGED, StepEngine, TickStep
from paramsched.compat.torch import _groups, saved_state
from paramsched.compat.torch._groups import Number, as_floats, length_in_epochs, real_number
from paramsched.compat.torch._stepped_lr import Seen, SteppedLR, stamp_of, warn_below_zero
from paramsched.compat.torch.base import Verbose, warn_outside_step
from paramsched.errors import Asked
from paramsched.schedules.rules import Rule

_RATE = itemgetter("lr")


class RuleLR(SteppedLR):
    """The closed form of a rule while this is the only writer, else its relative step from the values that are there.

    Once somebody else has written, the steps stay relative until an epoch is asked for.
    """

    __slots__ = ("_before_zero", "_engine", "_last_tick", "_only_writer")
    _hooks = ("get_lr", "_get_closed_form_lr")
    _sets_values = False
    _may_reach_zero: ClassVar[bool] = False  # whether a share of 0 may come and go

    _engine: StepEngine
    _last_tick: float  # the tick of the last step
    _only_writer: bool  # whether the groups hold what the closed form gave at the last step
    _before_zero: list[float] | None  # what the groups held before a share of 0 took it away

    def _forget_steps(self) -> None:
        super()._forget_steps()
        self._before_zero, self._only_writer, self._last_tick = None, False, -1

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self._make_rule()  # refuses its options before anything is written
        super().__init__(optimizer, last_epoch, verbose)

    @abstractmethod
    def _make_rule(self) -> Rule:
        """The kernel's rule for the options as they are now; `absolute(1.0)` in it stands for `_level_per_group`."""

    def _number(self, option: str) -> float:
        return real_number(Asked(saved_state.drop_in_name(self), option), getattr(self, option))

    def _epochs(self, option: str, least: int) -> float:
        return length_in_epochs(Asked(saved_state.drop_in_name(self), option), getattr(self, option), least)

    def _level_per_group(self) -> list[Any] | None:
        """What `absolute(1.0)` stands for in each group."""
        return None

    def _prepare_values(self, before: Seen | None, written: list[Any]) -> None:
        """Bind the engine to the groups; options or bases that have changed make a new engine."""
        groups = self.optimizer.param_groups
        known = before is not None and before.options == self._read_options(self)
        if before is None or not known or before.bases != self.base_lrs[: len(before.members)]:
            self._engine, self._only_writer = StepEngine(self._make_rule()), before is None
        self._engine.bind(as_floats(self.base_lrs), self._level_per_group())
        if before is None:
            self._last_tick = self.last_epoch
        if not self._is_initial and (before is None or len(groups) > len(before.members)):
            as_written = _groups.nearly_equal(written, self._engine.values_at(self.last_epoch))
            self._only_writer = self._only_writer and as_written

    def _values_at(self, tick: float) -> Sequence[float]:
        return self._engine.values_at(tick)

    def _update_lr(self, epoch: float | None = None) -> None:
        """A step; the usual one, to the next epoch with floats in the groups, takes the short way."""
        if self._is_initial:  # a composition may begin it anew
            self._seen = None
        seen, groups = self._seen, self.optimizer.param_groups
        # Without a call: calls would cost as much as the rest (benchmarks/test_compat_torch.py).
        if (
            epoch is None
            and seen is not None
            and seen.floats
            and groups is seen.groups
            and same_groups(groups, seen.members)
            and self.base_lrs is seen.held
            and self.base_lrs == seen.bases
            and self._read_options(self) == seen.options
        ):
            self.last_epoch += 1
            tick = self.last_epoch  # a subclass may have made a property of it
            # Comparing lists costs less than looking at each.
            if self._only_writer and tick == self._last_tick + 1 and list(map(_RATE, groups)) == seen.written:
                table = self._engine.table
                at = tick - table.begin
                row = table.rows[at] if 0 <= at < len(table.rows) and type(at) is int else table.row(tick)
                for group, value in zip(groups, row):  # noqa: B905  # as many: counted above
                    group["lr"] = value
                self._last_tick, seen.written, self._last_lr = tick, row, row.copy()  # type: ignore[assignment]  # floats are numbers
            else:
                self._step_to(seen, tick, None)
            return
        super()._update_lr(epoch)

    def _next_row(self, seen: Seen, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """The closed form while this is the only writer, or where an epoch is asked for; else the relative step."""
        goes_on, self._last_tick = self._last_tick + 1 == tick, tick
        if self._is_initial:
            self._begin_values(seen, tick)
            return None
        if epoch is not None:
            self._before_zero, self._only_writer = None, True
            return self._closed_row(tick)
        if not (self._only_writer and goes_on):
            self._only_writer = False
            return self._step_relative(seen, tick)
        row = self._engine.values_at(tick)
        return row if self._untouched(seen) else self._step_after_foreign_write(seen, tick, row)

    def _begin_values(self, seen: Seen, tick: float) -> None:
        """The first step, also where a composition begins this member."""
        self._before_zero = None
        row = self._engine.values_at(tick)
        present = as_floats(group["lr"] for group in seen.groups)
        if tick == 0:
            self._before_zero = present if self._engine.step_into(0)[0] == 0.0 else None
            new = self._engine.stepped(0, present)
        else:
            # A value that is still the first one was not restored (divergences, torch 3).
            firsts = as_floats(group["initial_lr"] for group in seen.groups)
            new = [r if value == first else value for r, value, first in zip(row, present, firsts, strict=True)]
        self._only_writer = _groups.nearly_equal(new, row)
        for group, value, there in zip(seen.groups, new, present, strict=True):
            if value != there:
                group_fields.put_value(group, value)

    def _untouched(self, seen: Seen) -> bool:
        """Whether the groups hold what the last step wrote; tensors are not read for it."""
        if seen.floats:
            return list(map(_RATE, seen.groups)) == seen.written
        pairs = zip(seen.groups, seen.written, seen.stamps, strict=True)
        return all(
            stamp_of(group["lr"]) == stamp if isinstance(group["lr"], Tensor) else group["lr"] is written
            for group, written, stamp in pairs
        )

    def _step_after_foreign_write(self, seen: Seen, tick: float, row: Sequence[float]) -> Sequence[float]:
        """Groups that hold what we wrote go on along the closed form; the others take the relative step."""
        present = as_floats(group["lr"] for group in seen.groups)
        # What we wrote, as it reads in the dtype of a tensor.
        written = as_floats(_groups.like_entry(w, g["lr"]) for w, g in zip(seen.written, seen.groups, strict=True))
        ours = [value == w for value, w in zip(present, written, strict=True)]
        if all(ours):
            return row
        self._only_writer = False
        found = [w if same else value for value, w, same in zip(present, written, ours, strict=True)]
        stepped = self._engine.stepped(int(tick), found, self._before_zero)
        return [now if same else s for now, s, same in zip(row, stepped, ours, strict=True)]

    def _step_relative(self, seen: Seen, tick: float) -> Sequence[float] | None:
        """The relative step; tensors are scaled in place."""
        step = a, b, c, e = self._step_into(tick)
        if seen.floats:
            if b == c == e == 0.0 and a not in (0.0, 1.0):
                return [a * group["lr"] for group in seen.groups]
            values = [group["lr"] for group in seen.groups]
            return values if step == UNCHANGED else self._apply_relative(step, values)
        if a == 0.0 or e or self._before_zero is not None:
            return self._apply_relative(step, as_floats(group["lr"] for group in seen.groups))
        for group, base, level in zip(seen.groups, self._engine.bases, self._engine.levels, strict=True):
            added = b * base + c * level
            if isinstance(group["lr"], Tensor):  # on its device: nothing is read
                group["lr"].mul_(a).add_(added) if added else group["lr"].mul_(a)
            else:
                group["lr"] = a * group["lr"] + added
        return None

    def _step_into(self, tick: float) -> TickStep:
        if tick == 0 and not self._is_initial:
            return self._step_into_zero(self._engine.step_into(0))
        return self._engine.step_into(tick)  # type: ignore[arg-type]  # whole, where nobody asked for an epoch

    def _step_into_zero(self, step: TickStep) -> TickStep:
        """What epoch 0 does where a step or a question comes to it."""
        theirs = self._theirs_at_zero()
        if theirs is not None and theirs != 1.0:
            warn_user(
                f"{type(self).__name__} comes to epoch 0 by step() or get_lr(), not by being built. torch divides by "
                f"the value of epoch -1 there, which multiplies the lr by {theirs:.6g}; here it stays as it is "
                "(docs/compat/divergences.md, torch 40).",
            )
        return step

    def _theirs_at_zero(self) -> float | None:
        """By what torch multiplies there, where its recursion looks at epoch -1 (divergences, torch 40)."""
        return None

    def _apply_relative(self, step: TickStep, values: list[float]) -> list[float]:
        if step[0] == 0.0:
            lost, self._before_zero = self._before_zero, list(values)
            return self._engine.apply_step(step, values, lost)
        return self._engine.apply_step(step, values)

    def shares_at(self, tick: float) -> tuple[float, float]:
        return StepEngine(self._make_rule()).shares_at(tick)

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        if self._before_zero is not None:
            self._before_zero = picked(self._before_zero, kept)

    def _base_from(self, value: float) -> float:
        share, level = self.shares_at(self.last_epoch)
        return base_on_curve(value, share, level * self._last_level())

    def _last_level(self) -> float:
        levels = self._level_per_group()
        return float(levels[-1]) if levels else 0.0

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        super()._take_in_bases(bases)
        if self._before_zero is not None:
            self._before_zero = [*self._before_zero, *map(self._taken_from, bases)]

    def _taken_from(self, base: float) -> float:
        """What a share of 0 took from a late group."""
        return base

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        """Take a late group to 0 with the others, where they will come back from it."""
        share, level = self.shares_at(self.last_epoch)
        if share != 0.0:
            return
        # As in torch a group keeps its lr while the others keep their nothing; where they come back it does too.
        if StepEngine(self._make_rule()).step_into(self.last_epoch + 1) != UNCHANGED:
            for group in late:
                group_fields.put_value(group, level * self._last_level())
        elif self._seen is not None:
            self._only_writer = False

    def get_lr(self) -> list[Number]:
        """The relative step into `last_epoch` from the present values; `get_last_lr()` is what users want."""
        warn_outside_step(self)
        seen = self._look_once()
        present = as_floats(group["lr"] for group in seen.groups)
        still = self._is_initial and self.last_epoch > 0
        return self._as_held(present if still else self._engine.apply_step(self._step_into(self.last_epoch), present))

    def _get_closed_form_lr(self) -> list[Number]:
        self._look_once()
        return self._as_held(self._closed_row(self.last_epoch))

    def _closed_row(self, tick: float) -> Sequence[float]:
        """The closed form where an epoch is asked for; below 0 it is that of epoch 0."""
        row = self._engine.values_at(tick)
        torchs_formula = getattr(super(), "_get_closed_form_lr", None)
        if tick < 0 and torchs_formula is not None:
            theirs = as_floats(torchs_formula())
            if not _groups.nearly_equal(theirs, row):
                warn_below_zero(self, tick, f", which makes the lr of the first group {theirs[0]:.6g}")
        return row

    def _last_factors(self) -> list[float]:
        self._look_once()
        return [self._engine.step_into(self.last_epoch)[0]] * len(self.optimizer.param_groups)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        return state if self._before_zero is None else state | {saved_state.LOST: list(self._before_zero)}

    def _load_checked(self, state: dict[str, Any]) -> None:
        self._before_zero = state.pop(saved_state.LOST, None)
        super()._load_checked(state)
