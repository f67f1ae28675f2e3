"""Every law of dialects, for a dialect of your own."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from paramsched.config import dump, loads
from paramsched.config.known_dialects import BaseLike
from paramsched.errors import ParamschedError
from paramsched.plan import Plan
from paramsched.testing.curve_laws import BrokenLaw
from paramsched.time import Calendar

_JUNK: tuple[Any, ...] = (None, True, -1, 0, 1e308, float("nan"), "", "junk", [], {}, [None], {"junk": 1})
_NO_CONFIGS: tuple[Any, ...] = (None, 3, "text", [], {}, [1], {"lr": "cosine()"}, {1: 2})


def check_dialect(
    dialect: Any, configs: Iterable[Any], *, calendar: Calendar | None = None, base: BaseLike | None = None
) -> None:
    """Check every law of dialects on some configs that are right.

    `to_plan` gives a plan that can be saved, the same one each time, and leaves the config as it is; whatever else
    stands in place of a part of it leads to a plan or to an error of ours; `recognizes` knows each config, no native
    plan, and answers for anything; what `from_plan` says of a plan means an equal plan, and `read` is the way back of
    `write`.

    Args:
        dialect: a module, or any object, with `to_plan` and as much of the rest as it has.
        configs: data as the other library says it; a dozen that differ tell more than one.
        calendar, base: what `to_plan` is told of the run.

    Raises:
        BrokenLaw: a law is not kept.

    >>> from paramsched.config import native
    >>> check_dialect(native, [{"lr": "cosine(to=0.1)", "horizon": 100}])
    """
    name = getattr(dialect, "__name__", str(dialect))

    def plan_of(config: Any) -> Any:
        return dialect.to_plan(config, calendar=calendar, base=base)

    for config in configs:
        _check_config(dialect, name, config, plan_of)
    recognizes = getattr(dialect, "recognizes", None)
    for other in _NO_CONFIGS:
        if recognizes is not None and other != {} and _answer_of(recognizes, other, name):
            raise BrokenLaw("recognizes knows its own configs only", name, f"recognizes({other!r})", "True")


def _check_config(dialect: Any, name: str, config: Any, plan_of: Callable[[Any], Any]) -> None:
    """Each law for one config."""
    where, given = f"to_plan({_short(config)})", copy.deepcopy(config)
    try:
        plan = plan_of(given)
    except Exception as error:
        raise BrokenLaw(
            "a config that is right gives a plan", name, where, f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(plan, Plan):
        raise BrokenLaw("a config that is right gives a plan", name, where, f"a {type(plan).__name__}")
    if given != config:
        raise BrokenLaw("to_plan leaves the config as it is", name, where, _short(given))
    if plan_of(given) != plan:
        raise BrokenLaw("to_plan gives the same plan each time", name, where, str(plan_of(given)))
    if not plan.serializable or loads(str(dump(plan))) != plan:
        raise BrokenLaw("a plan can be saved, and is read back equal", name, where, str(plan))
    recognizes = getattr(dialect, "recognizes", None)
    if recognizes is not None and not _answer_of(recognizes, config, name):
        raise BrokenLaw("recognizes knows its own configs", name, f"recognizes({_short(config)})", "False")
    _require_errors_of_ours(name, config, plan_of)
    _require_way_back(dialect, name, plan, plan_of)


def _require_errors_of_ours(name: str, config: Any, plan_of: Callable[[Any], Any]) -> None:
    """Whatever stands in place of a part leads to a plan, or to an error of paramsched."""
    for path, spoiled in _spoiled(config, ""):
        try:
            plan_of(spoiled)
        except ParamschedError:
            continue
        except Exception as error:
            law = "what a dialect cannot read is told as an error of paramsched"
            raise BrokenLaw(law, name, f"at {path}, {_short(spoiled)}", f"{type(error).__name__}: {error}") from error


def _require_way_back(dialect: Any, name: str, plan: Plan, plan_of: Callable[[Any], Any]) -> None:
    """What is written of a plan means the plan."""
    from_plan = getattr(dialect, "from_plan", None)
    if from_plan is None:
        return
    try:
        data = from_plan(plan)
    except ParamschedError:  # it may not be able to say this plan
        return
    if plan_of(data) != plan:
        found = f"from_plan says {_short(data)}, which means {plan_of(data)}"
        raise BrokenLaw("what from_plan says means an equal plan", name, f"from_plan({plan})", found)
    read, write = (getattr(dialect, one, None) for one in ("read", "write"))
    if read is not None and write is not None:
        again = read(write(data), "the written text")
        if plan_of(again) != plan:
            raise BrokenLaw("read is the way back of write", name, f"read(write({_short(data)}))", _short(again))


def _answer_of(recognizes: Callable[[Any], Any], data: Any, name: str) -> bool:
    """What `recognizes` says, which is an answer for anything."""
    try:
        return bool(recognizes(data))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise BrokenLaw("recognizes answers for anything", name, f"recognizes({_short(data)})", found) from error


def _spoiled(config: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The config with each of its parts in turn replaced by what cannot be, and with a key too many."""
    for junk in _JUNK:
        yield path or "the whole", junk
    if isinstance(config, Mapping):
        yield path or "the whole", {**config, "a key of nobody": 1}
        for key, value in config.items():
            yield f"{path}.{key}", {one: other for one, other in config.items() if one != key}
            for where, spoiled in _spoiled(value, f"{path}.{key}"):
                yield where, {**config, key: spoiled}
    elif isinstance(config, list):
        for index, value in enumerate(config):
            for where, spoiled in _spoiled(value, f"{path}[{index}]"):
                yield where, [*config[:index], spoiled, *config[index + 1 :]]


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 200 else f"{text[:197]}..."
