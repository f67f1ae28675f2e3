"""Ask a user's scheduler class, tick by tick, what it does to a value, and write it down as a rule."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch

from paramsched.config._mmengine_curves import INF
from paramsched.config._user_classes import UserScheduler
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.schedules.rules import table

_MOST_TICKS = 500_000
_EXACT = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))  # value and base of a group; each shows one number by itself
_GENERIC = ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0))  # for classes that do something else at 0
_CHECKED = ((0.75, 0.5), (3.0, 5.0))
_TOLERANCE = 1e-9

Length = Callable[[bool], int | None]


def probe(cls: type, arguments: Mapping[str, Any], epoch_length: int | None, length: Length) -> UserScheduler:
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
    failure: InvalidArgument | None = None
    for pairs in (_EXACT, _GENERIC):
        try:
            return _probed(cls, arguments, epoch_length, length, pairs)
        except InvalidArgument as refusal:
            if isinstance(refusal, MissingFact):
                raise
            failure = failure or refusal if pairs is _EXACT else refusal
    assert failure is not None
    raise failure


def _probed(
    cls: Any,
    arguments: Mapping[str, Any],
    epoch_length: int | None,
    length: Length,
    pairs: tuple[tuple[float, float], ...],
) -> UserScheduler:
    points = (*pairs, *_CHECKED)
    optimizer = _optimizer(points)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = _built(cls, arguments, epoch_length, optimizer)
            field, begin, by_epoch = scheduler.param_name, scheduler.begin, bool(scheduler.by_epoch)
            run = length(by_epoch)
            last = min(scheduler.end, INF if run is None else run)
            _require_length(cls, begin, last)
            rows = []
            # The first tick was made by the constructor, on the values the groups had then.
            for tick in range(last):
                if tick:
                    _put(optimizer, field, points)
                    scheduler.step()
                if tick >= begin:
                    rows.append(_row(cls, [float(group[field]) for group in optimizer.param_groups], points, pairs))
    except (InvalidArgument, KeyboardInterrupt):
        raise
    except Exception as error:  # whatever a class of a user's raises
        raise InvalidArgument(
            cls.__name__, f"{type(error).__name__}: {error}", "Give it to a Runner, where it has what it asks for"
        ) from error
    scale, base, add = zip(*rows, strict=True) if rows else ((1.0,), (), ())
    rule = table(
        scale, base if any(base) else (), add if any(add) else (), begin, None, "epoch" if by_epoch else "update"
    )
    return UserScheduler(field, begin, scheduler.end, by_epoch, rule)


def _built(cls: Any, arguments: Mapping[str, Any], epoch_length: int | None, optimizer: Any) -> Any:
    if getattr(cls, "need_val_args", False):
        raise InvalidArgument(cls.__name__, "it acts on metrics, which a plan does not have", "Give it to a Runner")
    if epoch_length is None:
        return cls(optimizer=optimizer, **arguments)
    return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=epoch_length, **arguments)


def _optimizer(points: tuple[tuple[float, float], ...]) -> torch.optim.Optimizer:
    """A group for each pair of a value and a base; every entry that may be scheduled holds them."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in points]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for field in ("lr", "momentum", "weight_decay", "dampening", "eps", "alpha"):
        _put(optimizer, field, points)
        for group, (_, base) in zip(optimizer.param_groups, points, strict=True):
            group[f"initial_{field}"] = base
    return optimizer


def _put(optimizer: torch.optim.Optimizer, field: str, points: tuple[tuple[float, float], ...]) -> None:
    for group, (value, _) in zip(optimizer.param_groups, points, strict=True):
        group[field] = value


def _require_length(cls: type, begin: int, last: int) -> None:
    if last >= INF:
        raise MissingFact(
            f"{cls.__name__}(end=…)",
            "it is missing, and nothing says how long the run is",
            "Write Calendar(..., total=10_000)",
        )
    if last - begin > _MOST_TICKS:
        raise InvalidArgument(
            cls.__name__, f"{last - begin:,} ticks are too many to ask one by one", "Give it to a Runner"
        )


def _row(
    cls: type,
    found: list[float],
    points: tuple[tuple[float, float], ...],
    pairs: tuple[tuple[float, float], ...],
) -> tuple[float, float, float]:
    """a, b and c of one tick."""
    first, second, third, *checked = found
    if pairs is _EXACT:
        row = (second - first, third - first, first)
    else:
        a, b = second - first, third - first
        row = (_clean(a, first), _clean(b, first), _clean(first - a - b, first))
    a, b, c = row
    for (value, base), seen in zip(points[len(pairs) :], checked, strict=True):
        said = a * value + b * base + c
        if not abs(said - seen) <= _TOLERANCE * max(abs(seen), abs(a * value), abs(b * base), abs(c)):
            raise InvalidArgument(
                cls.__name__,
                "its values are no multiple of the present value and the base, so that no plan says them",
                "Give it to a Runner",
            )
    return row


def _clean(number: float, beside: float) -> float:
    """Without what is only the rounding of a difference."""
    return 0.0 if abs(number) <= 4e-16 * abs(beside) else number
