"""PARAM_SCHEDULERS: scheduler classes by name, and the rules of users' classes, found by their steps."""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch

from paramsched.core.schedules.rules import table
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.mmengine.reader.arguments import INF, class_names
from paramsched.mmengine.reader.user_classes import FINDERS, UserClass, UserScheduler
from paramsched.mmengine.registry import Registry
from paramsched.mmengine.schedulers import param_scheduler
from paramsched.mmengine.schedulers.base import _ParamScheduler

_MAX_TICKS = 500_000
_LARGE, _SMALL = 2.0**60, 2.0**-60
# A user's class is stepped on groups with these pairs (value, base). Its step is assumed to be v <- a v + b base + c:
# tiny numbers yield c, a huge value yields a, and a huge base yields b. Powers of two avoid rounding. No number is 0,
# because a class may treat 0 specially.
_SOLVED = ((_SMALL, _SMALL), (_LARGE, _SMALL), (_SMALL, _LARGE))
_CHECKED = ((0.75, 0.5), (3.0, 5.0))
_POINTS = (*_SOLVED, *_CHECKED)
_TOLERANCE = 1e-9
_ROUNDING = 1e-15


def rule_of_user_class(
    cls: type, arguments: Mapping[str, Any], epoch_length: int | None, length: Callable[[bool], int | None]
) -> UserScheduler:
    """Determine the rule of a user's scheduler class, v <- a v + b base + c at each step, by making all its steps.

    Args:
        cls: the user's class.
        arguments: the arguments of its constructor.
        epoch_length: iterations per epoch, to convert the arguments; None leaves them unchanged.
        length: returns the length of the run in epochs (True) or iterations (False); None if it is unknown.

    Raises:
        InvalidArgument: if the class rejects its arguments, or its values are not `a v + b base + c` at each step.
        MissingFact: if neither `end` nor the length of the run is known.
    """
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(()))]} for _ in _POINTS])
    for name in ("lr", "momentum", "weight_decay", "dampening", "eps", "alpha"):
        _set_probing_values(optimizer, name)
        for group, (_, base) in zip(optimizer.param_groups, _POINTS, strict=True):
            group[f"initial_{name}"] = base
    if getattr(cls, "need_val_args", False):
        raise InvalidArgument(cls.__name__, "it reacts to metrics, which a plan cannot compute", "Pass it to a Runner")
    build: Any = cls if epoch_length is None else partial(cls.build_iter_from_epoch, epoch_length=epoch_length)  # type: ignore[attr-defined]  # schedulers have this method
    by_epoch = True
    try:
        with warnings.catch_warnings(), run_progress(lambda: by_epoch) as report_end:
            warnings.simplefilter("ignore")
            scheduler = build(optimizer=optimizer, **arguments)
            field, begin, by_epoch = scheduler.param_name, scheduler.begin, bool(scheduler.by_epoch)
            run = length(by_epoch)
            last = min(scheduler.end, INF if run is None else run)
            if last >= INF:
                raise MissingFact(
                    f"{cls.__name__}(end=…)",
                    "it is missing, and the length of the run is unknown",
                    "For example: Calendar(..., total=10_000)",
                    fact="total",
                    example="10_000",
                )
            if last - begin > _MAX_TICKS:
                found = f"{last - begin:,} steps are too many to simulate one by one"
                raise InvalidArgument(cls.__name__, found, "Pass it to a Runner")
            rows = []
            # The constructor made the first tick, on the values that the groups had then.
            for tick in range(last):
                if tick:
                    report_end(tick - 1)
                    _set_probing_values(optimizer, field)
                    scheduler.step()
                if tick >= begin:
                    rows.append(_solve_tick(cls, [float(group[field]) for group in optimizer.param_groups]))
    except (InvalidArgument, KeyboardInterrupt):
        raise
    except Exception as error:  # a user's class may raise anything
        raise InvalidArgument(
            cls.__name__, f"{type(error).__name__}: {error}", "Pass it to a Runner, which supplies what it needs"
        ) from error
    columns = zip(*rows, strict=True) if rows else ((1.0,), (), ())
    rule = table(*_without_end_repeats(*columns), begin, None, "epoch" if by_epoch else "update")
    return UserScheduler(field, begin, scheduler.end, by_epoch, rule)


def _without_end_repeats(
    scale: Sequence[float], base: Sequence[float], add: Sequence[float]
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Return the lists of a, b and c of all steps, without repeated values at the end of each list.

    At least one list keeps its full length, which is the number of steps.
    """
    a, b, c = _trimmed(scale), _trimmed(base) if any(base) else (), _trimmed(add) if any(add) else ()
    return a if len(scale) in map(len, (a, b, c)) else scale, b, c


def _trimmed(column: Sequence[float]) -> Sequence[float]:
    end = len(column)
    while end > 1 and column[end - 1] == column[end - 2]:
        end -= 1
    return column[:end]


def _set_probing_values(optimizer: torch.optim.Optimizer, field: str) -> None:
    for group, (value, _) in zip(optimizer.param_groups, _POINTS, strict=True):
        group[field] = value


def _solve_tick(cls: type, found: list[float]) -> tuple[float, float, float]:
    """Return a, b and c of one step.

    `found` contains the values after the step of the groups that had the values and bases of `_POINTS` before it.
    """
    small, by_value, by_base, *checked = found
    rises = (large - small for large in (by_value, by_base))
    a, b = (0.0 if abs(rise) <= _ROUNDING * abs(small) else rise / _LARGE for rise in rises)
    rest = (a + b) * _SMALL
    c = 0.0 if abs(small - rest) <= _ROUNDING * abs(rest) else small - rest
    for (value, base), seen in zip(_CHECKED, checked, strict=True):
        terms = (a * value, b * base, c)
        if not abs(sum(terms) - seen) <= _TOLERANCE * max(map(abs, (seen, *terms))):
            raise InvalidArgument(
                cls.__name__,
                "its values are not a linear function of the present value and the base, so no plan can express them",
                "Pass it to a Runner",
            )
    return a, b, c


_PROGRESS = ("epoch", "iter")


@contextmanager
def run_progress(by_epoch: Callable[[], bool]) -> Iterator[Callable[[int], None]]:
    """Yield a function that reports to MMEngine's `MessageHub` which epoch or iteration has ended.

    Schedulers may read the progress of the run from the hub. Values of an earlier run in the hub are removed until the
    block ends. A scheduler by epoch finds no iteration, because the iteration is unknown.
    """
    logging = sys.modules.get("mmengine.logging")
    if logging is None:  # no scheduler can read it
        yield lambda _: None
        return
    hub = logging.MessageHub.get_current_instance()
    before = {name: hub.runtime_info[name] for name in _PROGRESS if name in hub.runtime_info}
    for name in _PROGRESS:
        hub.pop_info(name)
    try:
        yield lambda done: hub.update_info("epoch" if by_epoch() else "iter", done)
    finally:
        for name in _PROGRESS:
            hub.pop_info(name)
        for name, value in before.items():
            hub.update_info(name, value)


def _class_of_packages(name: str) -> type[Any] | None:
    """Return a class that a package has registered in MMEngine's own registries."""
    scope, _, bare = name.rpartition(".")
    peer = sys.modules.get("mmengine.registry")
    nodes = [] if peer is None else [peer.PARAM_SCHEDULERS]
    while nodes:
        node = nodes.pop()
        if bare in node.module_dict and scope in ("", node.scope):
            return node.module_dict[bare]  # type: ignore[no-any-return]  # registered by a package
        nodes += node.children.values()
    return None


PARAM_SCHEDULERS: Final = Registry("parameter scheduler", fallback=_class_of_packages)
"""The registry of scheduler classes: MMEngine's 29 and those of users."""


def _user_class_named(kind: object) -> UserClass | None:
    """Return a function that determines the rule of a user's scheduler class; None for any other class or name."""
    cls = kind if isinstance(kind, type) else None
    if isinstance(kind, str):
        own = PARAM_SCHEDULERS.get(kind)
        # A package may have registered a class with the name of one of MMEngine's own classes.
        cls = own if own is not None and not own.__module__.startswith(_TABLE_MODULES) else _class_of_packages(kind)
    if cls is None or not issubclass(cls, _ParamScheduler) or cls.__module__.startswith(_TABLE_MODULES):
        return None
    return partial(rule_of_user_class, cls)


_TABLE_MODULES = ("paramsched.mmengine.schedulers.", "mmengine.optim.scheduler")
FINDERS.append(_user_class_named)

for _name in class_names():
    if isinstance(_found := vars(param_scheduler).get(_name), type) and _found.__module__ != _ParamScheduler.__module__:
        PARAM_SCHEDULERS.register_module(module=_found, force=True)
