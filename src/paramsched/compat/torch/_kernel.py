"""KernelLR: a scheduler that is a schedule and a rule of the kernel."""

from abc import abstractmethod
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, final

from torch import Tensor
from torch.optim import Optimizer

from paramsched.compat._stepping import Stepping
from paramsched.compat.torch import _groups, _members
from paramsched.compat.torch._base import LRScheduler, Verbose, warn_outside_step
from paramsched.compat.torch._groups import Number
from paramsched.schedules.base import Schedule
from paramsched.schedules.rules import Rule

_RATE = itemgetter("lr")


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """The closed form and the relative step, None where it is derived from the closed form; `unit` as in `Stepping`."""

    schedule: Schedule | None
    rule: Rule | None = None
    unit: float = 1.0


@final
@dataclass(slots=True)
class Run:
    """What a scheduler knows between two steps and needs in no state: it is made again from the options."""

    stepping: Stepping
    options: Any
    bases: list[Number]
    held: list[Number]  # base_lrs itself: another list is noticed at once, a change in place with the next block
    groups: list[dict[str, Any]]
    count: int
    floats: bool
    tick: int
    alone: bool
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
        # A user's subclass that says its own values is asked for them.
        own = any(name in cls.__dict__ for name in ("get_lr", "_get_closed_form_lr"))
        cls._own_get_lr = cls._own_get_lr or (own and not cls.__module__.startswith(__package__ or ""))

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self._run, self._lost, self._company = None, None, False
        self._shape()  # refuses its options before anything is written
        super().__init__(optimizer, last_epoch, verbose)

    @abstractmethod
    def _shape(self) -> Shape:
        """The kernel's schedule and rule for the options as they are now; `absolute(1.0)` stands for `_levels`."""

    def _levels(self) -> list[Any] | None:
        """What `absolute(1.0)` stands for, for each group."""
        return None

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is not None or self._is_initial or self._own_get_lr:
            self._elsewhere(epoch)
            return
        run, groups, tick = self._run, self.optimizer.param_groups, self.last_epoch + 1
        if (
            run is None
            or groups is not run.groups
            or len(groups) != run.count
            or self.base_lrs is not run.held
            or self._read_options(self) != run.options
        ):
            run = self._bound()
        on, run.tick, self.last_epoch = run.tick + 1 == tick, tick, tick
        if not (run.alone and on):
            self._move(run, tick)
            return
        table = run.stepping.table
        at = tick - table.begin
        row = table.rows[at] if 0 <= at < len(table.rows) and type(at) is int else table.row(tick)
        if run.floats:
            # Reading all at once and comparing lists costs less than looking at each (benchmarks/test_compat_torch.py).
            if list(map(_RATE, groups)) == self._written:
                for group, now in zip(groups, row):  # noqa: B905  # as many: counted above
                    group["lr"] = now
                self._written = row  # type: ignore[assignment]  # floats are numbers
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
        written = [_groups.number(_groups.like(w, g["lr"])) for w, g in zip(self._written, run.groups, strict=True)]
        ours = [value == w for value, w in zip(present, written, strict=True)]
        if all(ours):
            self._put(run, row)
            return
        run.alone = False
        found = [w if same else value for value, w, same in zip(present, written, ours, strict=True)]
        moved = run.stepping.moved(tick, found, self._lost)
        self._put(run, [now if same else m for now, m, same in zip(row, moved, ours, strict=True)])

    def _move(self, run: Run, tick: int) -> None:
        """The relative step from the present values."""
        run.alone = False
        change = run.stepping.change(tick)
        if not run.floats:
            self._move_tensors(run, change)
            return
        values = [group["lr"] for group in run.groups]
        if change == (1.0, 0.0, 0.0, 0.0):
            self._written = values
            return
        moved = self._scaled(run, tick, values)
        for group, value in zip(run.groups, moved):  # noqa: B905  # as many
            group["lr"] = value
        self._written = moved  # type: ignore[assignment]  # floats are numbers

    def _scaled(self, run: Run, tick: int, values: list[float]) -> list[float]:
        """The relative step; a subclass may know better where a factor of zero comes and goes."""
        if run.stepping.change(tick)[0] == 0.0:
            lost, self._lost = self._lost, list(values)
            return run.stepping.moved(tick, values, lost)
        return run.stepping.moved(tick, values)

    def _move_tensors(self, run: Run, change: tuple[float, float, float, float]) -> None:
        a, b, c, e = change
        if a == 0.0 or e or self._lost is not None:
            self._put(run, self._scaled(run, run.tick, [_groups.number(group["lr"]) for group in run.groups]))
        else:
            levels = run.stepping.levels or [0.0] * run.count
            for group, base, level in zip(run.groups, run.stepping.bases, levels, strict=True):
                added = b * base + c * level
                if isinstance(group["lr"], Tensor):  # in place and on its device: nothing is read
                    group["lr"].mul_(a).add_(added) if added else group["lr"].mul_(a)
                else:
                    group["lr"] = a * group["lr"] + added
        self._written = _groups.values(self.optimizer)

    def _first(self, tick: int) -> None:
        """The step of the constructor, and of a composition that begins this member."""
        self.last_epoch, self._lost, self._run = tick, None, None
        run = self._bound()
        row = run.stepping.row(tick)
        present = [_groups.number(group["lr"]) for group in run.groups]
        if tick == 0:
            self._lost = present if run.stepping.change(0)[0] == 0.0 else None
            new = run.stepping.moved(0, present)
        else:
            # The epoch before is done. A value that is still the first one was not restored (divergences, torch 3).
            firsts = [_groups.number(group["initial_lr"]) for group in run.groups]
            new = [r if value == first else value for r, value, first in zip(row, present, firsts, strict=True)]
        run.alone = _groups.close(new, row)
        for group, value, there in zip(run.groups, new, present, strict=True):
            if value != there:
                _groups.put(group, value)
        self._written = _groups.values(self.optimizer)
        run.stamps = [_stamp(group["lr"]) for group in run.groups]

    def _jump(self, epoch: int) -> None:
        """The closed form at an epoch."""
        self.last_epoch, self._lost = epoch, None
        run = self._bound()
        run.tick, run.alone = epoch, True
        self._put(run, run.stepping.row(epoch))

    def _put(self, run: Run, row: list[float]) -> None:
        for group, value in zip(run.groups, row, strict=True):
            _groups.put(group, value)
        self._written = list(row)
        if not run.floats:
            run.stamps = [_stamp(group["lr"]) for group in run.groups]

    def _untouched(self, run: Run) -> bool:
        """Whether the tensors (and floats) in the groups are as we left them, without reading any."""
        pairs = zip(run.groups, self._written, run.stamps, strict=True)
        return all(
            _stamp(group["lr"]) == stamp if isinstance(group["lr"], Tensor) else group["lr"] is written
            for group, written, stamp in pairs
        )

    def _bound(self) -> Run:
        """The run for the options, bases and groups as they are now."""
        before, groups = self._run, self.optimizer.param_groups
        if len(groups) > len(self.base_lrs):
            self._adopt(len(self.base_lrs), before)
        elif len(groups) < len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: {len(self.base_lrs)} base_lrs, but the optimizer has {len(groups)} groups. "
                "Build the scheduler anew where groups were taken away"
            )
        options = self._read_options(self)
        same = before is not None and before.options == options and before.bases == self.base_lrs[: before.count]
        if same and before is not None:
            stepping, alone = before.stepping, before.alone
        else:
            shape = self._shape()
            stepping, alone = Stepping(shape.schedule, shape.rule, unit=shape.unit), False
        stepping.bind([_groups.number(base) for base in self.base_lrs], self._levels())
        run = Run(
            stepping=stepping,
            options=options,
            bases=list(self.base_lrs),
            held=self.base_lrs,
            groups=groups,
            count=len(groups),
            floats=_groups.plain(self.optimizer),
            tick=self.last_epoch if before is None else before.tick,
            alone=alone,
        )
        if before is None and hasattr(self, "_written") and not self._is_initial:
            run.alone = _groups.close(self._written, stepping.row(self.last_epoch))
        run.stamps = [None] * run.count
        self._run = run
        return run

    def _adopt(self, known: int, run: Run | None) -> None:
        """Take in groups added since: their base is their lr, and they join in mid-course."""
        for group in self.optimizer.param_groups[known:]:
            lr = group["lr"]
            group.setdefault("initial_lr", _groups.copied(lr))
            self.base_lrs.append(_groups.copied(group["initial_lr"]))
            if run is not None and not (run.alone and _groups.number(lr) == _groups.number(self.base_lrs[-1])):
                stepping = self._shape_for(self.base_lrs[-1:])
                _groups.put(group, stepping.from_start(self.last_epoch, [_groups.number(lr)])[0])
            self._written = [*self._written, _groups.copied(group["lr"])]

    def _shape_for(self, bases: list[Number]) -> Stepping:
        shape, levels = self._shape(), self._levels()
        last = None if levels is None else levels[-1:]
        return Stepping(
            shape.schedule, shape.rule, unit=shape.unit, bases=[_groups.number(b) for b in bases], levels=last
        )

    def get_lr(self) -> list[Number]:
        """The relative step into `last_epoch` from the present values; `get_last_lr()` is what users want."""
        warn_outside_step(self)
        run = self._bound()
        present = [_groups.number(group["lr"]) for group in run.groups]
        still = self._is_initial and self.last_epoch > 0
        row = present if still else run.stepping.moved(self.last_epoch, present)
        return [_groups.like(value, group["lr"]) for value, group in zip(row, run.groups, strict=True)]

    def _get_closed_form_lr(self) -> list[Number]:
        run = self._bound()
        row = run.stepping.row(self.last_epoch)
        return [_groups.like(value, group["lr"]) for value, group in zip(row, run.groups, strict=True)]

    def value(self, t: float, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`, without stepping, where this is the only writer."""
        _members.only_lr(self, t, field)
        return list(self._bound().stepping.row(t))

    def _scales(self) -> list[float]:
        run = self._bound()
        return [run.stepping.change(self.last_epoch)[0]] * run.count

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        return state if self._lost is None else state | {"_lost": list(self._lost)}

    def _load(self, state: dict[str, Any]) -> None:
        self._lost = state.pop("_lost", None)
        super()._load(state)
        self._run = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._run, self._lost, self._company = None, None, False
        super().__setstate__(state)


def _stamp(value: Any) -> Any:
    """What changes when somebody writes into a tensor, be it in place."""
    if not isinstance(value, Tensor):
        return None
    try:
        return id(value), value._version
    except RuntimeError:  # tensors made in inference mode count no versions: they are compared by value
        return object()
