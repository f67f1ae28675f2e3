"""Ask a user's scheduler class, tick by tick, what it does to a value, and write it down as a rule."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from paramsched.compat.mmengine.message_hub import run_progress
from paramsched.config.dialects.mmengine.table import INF
from paramsched.config.schedule_text import UserScheduler
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.schedules.rules import table

_MOST_TICKS = 500_000
_LARGE, _SMALL = 2.0**60, 2.0**-60
# The value and the base of each group. In the first both are tiny, so that only c is seen. In the second the value is
# huge, which shows a; in the third the base is, which shows b. Powers of two are not rounded, so every digit counts.
# Nothing is 0: a class may treat 0 in a way of its own.
_SOLVED = ((_SMALL, _SMALL), (_LARGE, _SMALL), (_SMALL, _LARGE))
_CHECKED = ((0.75, 0.5), (3.0, 5.0))
_POINTS = (*_SOLVED, *_CHECKED)
_TOLERANCE = 1e-9
_ROUNDING = 1e-15

Length = Callable[[bool], int | None]


def rule_of_user_class(
    cls: type, arguments: Mapping[str, Any], epoch_length: int | None, length: Length
) -> UserScheduler:
    """What a scheduler of a user's class does.

    Args:
        cls: the class, of MMEngine's base or ours.
        arguments: those of the config.
        epoch_length: iterations in an epoch where the arguments are to be converted; None leaves them.
        length: the run's length by epochs (True) or iterations (False); None where it is unknown.

    Raises:
        InvalidArgument: the class refuses its arguments; or its values are not `a v + b base + c` at each tick.
        MissingFact: nothing says how long it ticks.
    """
    optimizer = _probing_optimizer()
    by_epoch = True
    try:
        with warnings.catch_warnings(), run_progress(lambda: by_epoch) as tell_ended:
            warnings.simplefilter("ignore")
            scheduler = _built_scheduler(cls, arguments, epoch_length, optimizer)
            field, begin, by_epoch = scheduler.param_name, scheduler.begin, bool(scheduler.by_epoch)
            run = length(by_epoch)
            last = min(scheduler.end, INF if run is None else run)
            _require_length(cls, begin, last)
            rows = []
            # The first tick was made by the constructor, on the values the groups had then.
            for tick in range(last):
                if tick:
                    tell_ended(tick - 1)
                    _set_probing_values(optimizer, field)
                    scheduler.step()
                if tick >= begin:
                    rows.append(_solve_tick(cls, [float(group[field]) for group in optimizer.param_groups]))
    except (InvalidArgument, KeyboardInterrupt):
        raise
    except Exception as error:  # whatever a class of a user's raises
        raise InvalidArgument(
            cls.__name__, f"{type(error).__name__}: {error}", "Give it to a Runner, where it has what it asks for"
        ) from error
    columns = zip(*rows, strict=True) if rows else ((1.0,), (), ())
    rule = table(*_without_end_repeats(*columns), begin, None, "epoch" if by_epoch else "update")
    return UserScheduler(field, begin, scheduler.end, by_epoch, rule)


def _without_end_repeats(*columns: Sequence[float]) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """The columns without the repeats at their ends, but one of full length: a shorter one goes on as it ends."""
    size = len(columns[0])
    found: list[Sequence[float]] = []
    for index, column in enumerate(columns):
        end = len(column)
        while end > 1 and column[end - 1] == column[end - 2]:
            end -= 1
        found.append(column[:end] if index == 0 or any(column) else ())
    if max(map(len, found)) < size:
        found[0] = columns[0]
    scale, base, add = found
    return scale, base, add


def _built_scheduler(cls: Any, arguments: Mapping[str, Any], epoch_length: int | None, optimizer: Any) -> Any:
    """The scheduler on the probing optimizer, its arguments converted to iterations where a length is given."""
    if getattr(cls, "need_val_args", False):
        raise InvalidArgument(cls.__name__, "it acts on metrics, which a plan does not have", "Give it to a Runner")
    if epoch_length is None:
        return cls(optimizer=optimizer, **arguments)
    return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=epoch_length, **arguments)


def _probing_optimizer() -> torch.optim.Optimizer:
    """A group for each pair of a value and a base; every entry that may be scheduled holds them."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in _POINTS]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for field in ("lr", "momentum", "weight_decay", "dampening", "eps", "alpha"):
        _set_probing_values(optimizer, field)
        for group, (_, base) in zip(optimizer.param_groups, _POINTS, strict=True):
            group[f"initial_{field}"] = base
    return optimizer


def _set_probing_values(optimizer: torch.optim.Optimizer, field: str) -> None:
    for group, (value, _) in zip(optimizer.param_groups, _POINTS, strict=True):
        group[field] = value


def _require_length(cls: type, begin: int, last: int) -> None:
    """Refuse a class that ticks without end, or too often to be asked tick by tick."""
    if last >= INF:
        raise MissingFact(
            f"{cls.__name__}(end=…)",
            "it is missing, and nothing says how long the run is",
            "Write Calendar(..., total=10_000)",
            fact="total",
            example="10_000",
        )
    if last - begin > _MOST_TICKS:
        raise InvalidArgument(
            cls.__name__, f"{last - begin:,} ticks are too many to ask one by one", "Give it to a Runner"
        )


def _solve_tick(cls: type, found: list[float]) -> tuple[float, float, float]:
    """a, b and c of one tick."""
    small, by_value, by_base, *checked = found
    a, b = _solve_slope(small, by_value), _solve_slope(small, by_base)
    rest = (a + b) * _SMALL
    c = 0.0 if abs(small - rest) <= _ROUNDING * abs(rest) else small - rest
    for (value, base), seen in zip(_CHECKED, checked, strict=True):
        said = a * value + b * base + c
        if not abs(said - seen) <= _TOLERANCE * max(abs(seen), abs(a * value), abs(b * base), abs(c)):
            raise InvalidArgument(
                cls.__name__,
                "its values are no multiple of the present value and the base, so that no plan says them",
                "Give it to a Runner",
            )
    return a, b, c


def _solve_slope(small: float, large: float) -> float:
    """By how much a value grows with the number that was large; nothing, where it is only rounding."""
    rise = large - small
    return 0.0 if abs(rise) <= _ROUNDING * abs(small) else rise / _LARGE
