"""KernelLR: a scheduler that is a schedule and a rule of the kernel."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, final

from torch import Tensor
from torch.optim import Optimizer

from paramsched.compat._late_groups import base_on_curve
from paramsched.compat.step_engine import UNCHANGED, StepEngine, TickStep
from paramsched.compat.torch import _groups, _members
from paramsched.compat.torch._base import LRScheduler, Verbose, says_its_own, warn_outside_step
from paramsched.compat.torch._groups import Number
from paramsched.schedules.rules import Rule
from paramsched.user_warnings import warn_user

_RATE = itemgetter("lr")


@final
@dataclass(slots=True)
class Run:
    """What a scheduler knows between two steps and needs in no state: it is made again from the options."""

    engine: StepEngine
    options: Any
    bases: list[Number]
    held: list[Number]  # base_lrs itself: another list is noticed at once, a change in place with the next block
    groups: list[dict[str, Any]]
    count: int
    floats: bool
    tick: int
    alone: bool
    written: list[Number]  # what it wrote last: a row of the table, which is not to be changed
    stamps: list[Any] = field(default_factory=list)


class KernelLR(LRScheduler):
    """The closed form of a kernel schedule while this is the only writer, else the relative step of a kernel rule.

    `alone` says that the groups hold what the closed form gave; looking costs less than writing. Once
    somebody else has written, the steps stay relative until an epoch is asked for.
    """

    __slots__ = ("_company", "_lost", "_run")
    _read_options: Any = staticmethod(attrgetter("last_epoch"))
    _own_get_lr = False
    _loses = False  # whether a factor of zero may come and go

    _run: Run | None
    _lost: list[float] | None  # what a factor of zero swallowed
    _company: bool  # whether other schedulers of a chain scale the same values

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_option_names" in cls.__dict__ and "_read_options" not in cls.__dict__:
            cls._read_options = staticmethod(attrgetter(*cls._option_names))
        cls._own_get_lr = says_its_own(cls, "get_lr", "_get_closed_form_lr")

    def _forget(self) -> None:
        super()._forget()
        self._run, self._lost, self._company = None, None, False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self._rule()  # refuses its options before anything is written
        super().__init__(optimizer, last_epoch, verbose)

    @abstractmethod
    def _rule(self) -> Rule:
        """The kernel's rule for the options as they are now; `absolute(1.0)` in it stands for `_levels`."""

    def _levels(self) -> list[Any] | None:
        """What `absolute(1.0)` stands for, for each group."""
        return None

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is not None or self._is_initial or self._own_get_lr:
            self._elsewhere(epoch)
            return
        run, groups = self._run, self.optimizer.param_groups
        if (
            run is None
            or groups is not run.groups
            or len(groups) != run.count
            or self.base_lrs is not run.held
            or self._read_options(self) != run.options
        ):
            run = self._bound()
        self.last_epoch += 1
        tick = self.last_epoch  # a subclass may have made a property of it
        on, run.tick = run.tick + 1 == tick, tick
        if not (run.alone and on):
            self._move(run, tick)
            return
        table = run.engine.table
        at = tick - table.begin
        row = table.rows[at] if 0 <= at < len(table.rows) and type(at) is int else table.row(tick)
        if run.floats:
            # Reading all at once and comparing lists costs less than looking at each (benchmarks/test_compat_torch.py).
            if list(map(_RATE, groups)) == run.written:
                for group, now in zip(groups, row):  # noqa: B905  # as many: counted above
                    group["lr"] = now
                run.written = row  # type: ignore[assignment]  # floats are numbers
                self._last_lr = row.copy()  # type: ignore[assignment]  # as above
                return
        elif self._untouched(run):
            self._put(run, row)
            return
        self._meet(run, tick, row)

    def _elsewhere(self, epoch: int | None) -> None:
        """The first step, a jump, or one that a user's subclass says."""
        if self._own_get_lr:
            super()._update_lr(epoch)
            self._run = None
        elif self._is_initial:
            self._first(self.last_epoch + 1 if epoch is None else epoch)
        elif epoch is not None:
            self._jump(epoch)

    def _meet(self, run: Run, tick: int, row: list[float]) -> None:
        """Somebody else may have written: groups that hold what we wrote go on, the others take the relative step."""
        present = [_groups.number(group["lr"]) for group in run.groups]
        # What we wrote, as it reads in the dtype of a tensor.
        written = [_groups.number(_groups.like(w, g["lr"])) for w, g in zip(run.written, run.groups, strict=True)]
        ours = [value == w for value, w in zip(present, written, strict=True)]
        if all(ours):
            self._put(run, row)
            return
        run.alone = False
        found = [w if same else value for value, w, same in zip(present, written, ours, strict=True)]
        moved = run.engine.stepped(tick, found, self._lost)
        self._put(run, [now if same else m for now, m, same in zip(row, moved, ours, strict=True)])

    def _move(self, run: Run, tick: int) -> None:
        """The relative step from the present values."""
        run.alone = False
        step = self._step_into(run, tick)
        if not run.floats:
            self._move_tensors(run, step)
            return
        values = [group["lr"] for group in run.groups]
        if step == UNCHANGED:
            run.written, self._last_lr = values, values.copy()
            return
        moved = self._scaled(run, tick, values)
        for group, value in zip(run.groups, moved):  # noqa: B905  # as many
            group["lr"] = value
        run.written, self._last_lr = moved, moved.copy()  # type: ignore[assignment]  # floats are numbers

    def _step_into(self, run: Run, tick: int) -> TickStep:
        """What a tick does to the present values."""
        if tick == 0 and not self._is_initial:
            return self._entered(run.engine.step_into(0))
        return run.engine.step_into(tick)

    def _entered(self, step: TickStep) -> TickStep:
        """What epoch 0 does where a step or a question comes to it, not the constructor or a composition."""
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

    def _scaled(self, run: Run, tick: int, values: list[float]) -> list[float]:
        """The relative step; a subclass may know better where a factor of zero comes and goes."""
        step = self._step_into(run, tick)
        if step[0] == 0.0:
            lost, self._lost = self._lost, list(values)
            return run.engine.apply_step(step, values, lost)
        return run.engine.apply_step(step, values)

    def _move_tensors(self, run: Run, step: TickStep) -> None:
        a, b, c, e = step
        if a == 0.0 or e or self._lost is not None:
            self._put(run, self._scaled(run, run.tick, [_groups.number(group["lr"]) for group in run.groups]))
        else:
            levels = run.engine.levels
            for group, base, level in zip(run.groups, run.engine.bases, levels, strict=True):
                added = b * base + c * level
                if isinstance(group["lr"], Tensor):  # in place and on its device: nothing is read
                    group["lr"].mul_(a).add_(added) if added else group["lr"].mul_(a)
                else:
                    group["lr"] = a * group["lr"] + added
        run.written = _groups.values(self.optimizer)
        self._last_lr = run.written.copy()

    def _first(self, tick: int) -> None:
        """The step of the constructor, and of a composition that begins this member."""
        self.last_epoch, self._lost, self._run = tick, None, None
        run = self._bound()
        row = run.engine.values_at(tick)
        present = [_groups.number(group["lr"]) for group in run.groups]
        if tick == 0:
            self._lost = present if run.engine.step_into(0)[0] == 0.0 else None
            new = run.engine.stepped(0, present)
        else:
            # The epoch before is done. A value that is still the first one was not restored (divergences, torch 3).
            firsts = [_groups.number(group["initial_lr"]) for group in run.groups]
            new = [r if value == first else value for r, value, first in zip(row, present, firsts, strict=True)]
        run.alone = _groups.close(new, row)
        for group, value, there in zip(run.groups, new, present, strict=True):
            if value != there:
                _groups.put(group, value)
        run.written = _groups.values(self.optimizer)
        self._last_lr = run.written.copy()
        run.stamps = [_stamp(group["lr"]) for group in run.groups]

    def _jump(self, epoch: int) -> None:
        """The closed form at an epoch."""
        self._take_in_late_groups()  # by where it stands, not by where it goes
        self.last_epoch, self._lost = epoch, None
        run = self._bound()
        run.tick, run.alone = epoch, True
        self._put(run, run.engine.values_at(epoch))

    def _put(self, run: Run, row: list[float]) -> None:
        for group, value in zip(run.groups, row, strict=True):
            _groups.put(group, value)
        run.written = list(row)
        if run.floats:
            self._last_lr = list(row)
        else:
            self._last_lr = _groups.values(self.optimizer)
            run.stamps = [_stamp(group["lr"]) for group in run.groups]

    def _untouched(self, run: Run) -> bool:
        """Whether the tensors (and floats) in the groups are as we left them, without reading any."""
        pairs = zip(run.groups, run.written, run.stamps, strict=True)
        return all(
            _stamp(group["lr"]) == stamp if isinstance(group["lr"], Tensor) else group["lr"] is written
            for group, written, stamp in pairs
        )

    def _bound(self) -> Run:
        """The run for the options, bases and groups as they are now."""
        self._take_in_late_groups()
        before, groups = self._run, self.optimizer.param_groups
        if len(groups) < len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: {len(self.base_lrs)} base_lrs, but the optimizer has {len(groups)} groups. "
                "Build the scheduler anew where groups were taken away"
            )
        options = self._read_options(self)
        if before is not None and before.options == options and before.bases == self.base_lrs[: before.count]:
            engine, alone = before.engine, before.alone
        else:
            engine, alone = self._engine(), False
        engine.bind([_groups.number(base) for base in self.base_lrs], self._levels())
        known = self._last_lr if before is None else before.written
        run = Run(
            engine=engine,
            options=options,
            bases=list(self.base_lrs),
            held=self.base_lrs,
            groups=groups,
            count=len(groups),
            floats=_groups.plain(self.optimizer),
            tick=self.last_epoch if before is None else before.tick,
            alone=alone,
            written=[*known, *(_groups.copied(group["lr"]) for group in groups[len(known) :])],
        )
        if not self._is_initial and (before is None or len(groups) > before.count):
            run.alone = (before is None or alone) and _groups.close(run.written, engine.values_at(self.last_epoch))
        run.stamps = [None] * run.count
        self._run = run
        return run

    def _engine(self) -> StepEngine:
        return StepEngine(self._rule())

    def _base_of(self, value: float) -> float:
        share, level = self._engine().shares_at(self.last_epoch)
        return base_on_curve(value, share, level * self._last_level())

    def _last_level(self) -> float:
        levels = self._levels()
        return _groups.number(levels[-1]) if levels else 0.0

    def _take_in(self, bases: Sequence[float]) -> None:
        super()._take_in(bases)
        if self._lost is not None:
            engine = self._engine()
            self._lost = [*self._lost, *(self._lost_of(base, engine) for base in bases)]

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        engine = self._engine()
        share, level = engine.shares_at(self.last_epoch)
        if share != 0.0:
            return
        # Nothing of a base is in the curve now. As in torch a group keeps its lr while the others keep their nothing;
        # where they come back it comes back with them.
        if engine.step_into(self.last_epoch + 1) != UNCHANGED:
            for group in late:
                _groups.put(group, level * self._last_level())
        elif self._run is not None:
            self._run.alone = False

    def _lost_of(self, base: float, engine: StepEngine) -> float:  # a subclass looks at it
        """What a factor of zero would have taken from a late group."""
        return base

    def get_lr(self) -> list[Number]:
        """The relative step into `last_epoch` from the present values; `get_last_lr()` is what users want."""
        warn_outside_step(self)
        run = self._bound()
        present = [_groups.number(group["lr"]) for group in run.groups]
        still = self._is_initial and self.last_epoch > 0
        row = present if still else run.engine.apply_step(self._step_into(run, self.last_epoch), present)
        return [_groups.like(value, group["lr"]) for value, group in zip(row, run.groups, strict=True)]

    def _get_closed_form_lr(self) -> list[Number]:
        run = self._bound()
        row = run.engine.values_at(self.last_epoch)
        return [_groups.like(value, group["lr"]) for value, group in zip(row, run.groups, strict=True)]

    def value(self, t: float, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`, without stepping, where this is the only writer."""
        _members.only_lr(self, t, field)
        return list(self._bound().engine.values_at(t))

    def _scales(self) -> list[float]:
        run = self._bound()
        return [run.engine.step_into(self.last_epoch)[0]] * run.count

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        return state if self._lost is None else state | {"_lost": list(self._lost)}

    def _load(self, state: dict[str, Any]) -> None:
        self._lost = state.pop("_lost", None)
        super()._load(state)
        self._run = None


def _stamp(value: Any) -> Any:
    """What changes when somebody writes into a tensor, be it in place."""
    if not isinstance(value, Tensor):
        return None
    try:
        return id(value), value._version
    except RuntimeError:  # tensors made in inference mode count no versions: they are compared by value
        return object()
