"""Shapes of one's own: `@ps.shape` above a plain function of the progress `u` or of the number of updates `t`."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial, wraps
from importlib import import_module
from numbers import Real
from pickle import PicklingError
from typing import Any, Final, Literal, TypeVar, final, overload

import numpy as np

from paramsched.core.base.params import Param, params_of
from paramsched.core.base.signatures import readable
from paramsched.core.builders import register_builder
from paramsched.core.curves import Curve
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import Affine, Level, level_of, split_level
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import FILLS, OPEN
from paramsched.core.schedules.pointwise import Pointwise
from paramsched.core.schedules.registry import SHAPES
from paramsched.core.schedules.registry import shape as register_shape
from paramsched.core.schedules.text import bound_arguments, fits, reserved_names
from paramsched.core.schedules.writing import write_call
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, shown

_OWN: Final[dict[str, "OwnFunction"]] = {}
"""The last function of each name; `is_registered` if its builder is in the table of shapes, which is global too."""


@final
class OwnFunction:
    """A user's function, and the builder of its schedules. It equals itself only; a pickle contains its name.

    Args:
        function: the function.
        counts: the name of its first argument: `u` for progress, `t` for updates.
    """

    def __init__(self, function: Callable[..., Any], counts: Literal["u", "t"]) -> None:
        self.function, self.counts, self.name = function, counts, function.__name__
        self.builder = _builder_of(self)

    @property
    def is_registered(self) -> bool:
        """True if the name means this function; False after a cell of a notebook has defined another one."""
        return SHAPES.get(self.name) is self.builder

    def __copy__(self) -> "OwnFunction":
        return self

    def __deepcopy__(self, memo: object) -> "OwnFunction":
        return self

    def __reduce__(self) -> Any:
        if not self.is_registered:
            raise PicklingError(f"{self.name} has been defined again since this schedule was constructed")
        return _unpickled, (self.name, self.function.__module__)


def _unpickled(name: str, module: str) -> OwnFunction:
    """Return the function of a pickle, after its module is imported, as for a pickle of the function itself."""
    if name not in SHAPES:
        import_module(module)
    own = _OWN.get(name)
    if own is None or not own.is_registered:
        advice = f"Define it with @ps.shape at the top level of {module}"
        raise InvalidArgument(f"{name}(…)", "the process that reads the pickle has no such shape", advice)
    return own


class OwnShape(Schedule):
    """A schedule whose values a user's function returns.

    The function is called with one number at a time, so that a value has the same bits alone and in an array, and a
    function may use `math` and `if`.
    """

    __slots__ = ()
    function: OwnFunction
    arguments: tuple[tuple[str, Any], ...]
    over: Duration | None

    @property
    def is_callable(self) -> bool:
        """True if each length among the arguments of the function is in updates."""
        return all(one.exact is not None for _, one in self.arguments if isinstance(one, Duration))

    def check_together(self) -> None:
        """Call the function at its ends, so that most of its errors have the place of the call in a text."""
        if self.is_callable:
            for at in (0.0, 0.5, 1.0) if self.function.counts == "u" else (0, 1):
                self.own_value(at)

    @cached_property
    def _call(self) -> Callable[[float], Any]:
        named = {name: one.count if isinstance(one, Duration) else one for name, one in self.arguments}
        return partial(self.function.function, **named)

    def own_value(self, at: float) -> float:
        """Return what the function returns, a finite number."""
        try:
            value = self._call(at)
        except Exception as error:  # noqa: BLE001  # the user's function may raise anything
            return self._instead(at, error)
        if value.__class__ is float and -math.inf < value < math.inf:
            return value
        return self._checked(at, value)

    def _instead(self, at: float, error: Exception) -> float:
        """Return the value for a number for which the function raised an error; raise InvalidArgument if none."""
        example = "values[min(t, len(values) - 1)]" if isinstance(error, LookupError) else ""
        raise self._refusal(at, f"the function raised {type(error).__name__}: {error}", example) from error

    def _checked(self, at: float, value: Any) -> float:
        """Convert another type of number to a float. Booleans, text, arrays and complex numbers are refused."""
        try:
            number = float(value) if fits(_NUMBER, value) else math.nan
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self._refusal(at, f"expected a finite number, got {shown(value)}")
        return number

    def _refusal(self, at: float, found: str, example: str = "") -> InvalidArgument:
        own = self.function
        example = example or f"def {own.name}({own.counts}): return {'1 - u' if own.counts == 'u' else '0.99 ** t'}"
        return InvalidArgument(f"{own.name}({own.counts}={at!r})", found, example=example)

    def _own_values(self, numbers: Array) -> Array:
        return np.array([self.own_value(one) for one in numbers.reshape(-1).tolist()]).reshape(numbers.shape)

    @property
    def serializable(self) -> bool:
        curves = [one for _, one in self.arguments if isinstance(one, Curve)]
        return self.function.is_registered and all(one.serializable for one in curves)

    def _named_levels(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        named = {"over": self.over, **dict(self.arguments), **self._named_levels()}
        return write_call(self.function.name, self.function.builder, named)


def has_own_shape(schedule: Schedule) -> bool:
    """Return whether a schedule contains a function of the user."""
    return isinstance(schedule, OwnShape) or any(map(has_own_shape, schedule.parts()))


def has_open_function(schedule: Schedule) -> bool:
    """Return whether a schedule contains a function of the number of updates that has no length."""
    is_open = isinstance(schedule, OfTime) and schedule.over is None
    return is_open or any(map(has_open_function, schedule.parts()))


def require_values_until(schedule: Schedule, end: int) -> None:
    """Raise InvalidArgument if a function of the number of updates has no value for the last update before `end`.

    A function in a later stage is not checked, because it begins at another update.
    """
    for part in schedule.operands if isinstance(schedule, Pointwise) else (schedule,):
        if isinstance(part, OfTime) and part.over is None and end > 0:
            part.require_value(end - 1)


_NUMBER: Final = Param("number", "number")


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OfProgress(OwnShape):
    """value(t) = base * f(u), u = min(t, n) / n.

    With levels: value(t) = to + (start - to) * (f(u) - f(1)) / (f(0) - f(1)).
    """

    function: OwnFunction
    arguments: tuple[tuple[str, Any], ...]
    over: Duration | None = field(metadata=FILLS)
    start: Level | None = None
    to: Level | None = None

    def check_together(self) -> None:
        super(OfProgress, self).check_together()
        for name, level in self._named_levels().items():
            if level is not None:
                object.__setattr__(self, name, level_of(CallSite(self.function.name, name), level))
        if self._has_levels and self.is_callable:
            first, last = self.own_value(0.0), self.own_value(1.0)
            if first == last or not math.isfinite(first - last):
                name = "start" if self.to is None else "to"
                found = f"the function is {first!r} at both ends, so it cannot be moved to other levels"
                if first != last:
                    found = "the difference of its values at both ends is too large for a float"
                write = f"{self.function.name}() * 0.5"
                raise InvalidArgument(CallSite(self.function.name, name), found, example=write)

    @property
    def _has_levels(self) -> bool:
        return self.start is not None or self.to is not None

    def _named_levels(self) -> dict[str, Any]:
        return {"start": self.start, "to": self.to}

    def _ends(self) -> tuple[float, float, Level, Level]:
        """Return the values of the function at 0 and 1, and the levels to which they are moved."""
        first, last = self.own_value(0.0), self.own_value(1.0)
        return first, last, first if self.start is None else self.start, last if self.to is None else self.to

    def _factor_of_number(self) -> Callable[[float], float] | None:
        assert self.over is not None
        n, value = self.over.count, self.own_value
        if not self._has_levels:
            return (lambda t: value(float(min(t, n)) / n)) if n > 0 else lambda _: value(1.0)
        first, last, begin, end = self._ends()
        if not (isinstance(begin, float) and isinstance(end, float)):
            return None
        spread, change = first - last, begin - end

        def factor(t: float) -> float:
            share = (value(float(min(t, n)) / n if n > 0 else 1.0) - last) / spread
            return begin if share == 1.0 else end + share * change

        return factor

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        assert self.over is not None
        n = self.over.count
        u = ops.floating(ops.at_most(t, n)) / n if n > 0 else ops.floating(t) * 0 + 1.0
        values = self._own_values(np.asarray(u))
        if not self._has_levels:
            return base.scaled(values)
        first, last, begin, end = self._ends()
        share = (values - last) / (first - last)
        return base.mapped(*(_between(share, *parts) for parts in zip(*map(split_level, (begin, end)), strict=True)))


def _between(share: Array, begin: float | None, end: float | None) -> Array | None:
    """Return the numbers between two ends, which are exact for the shares 1 and 0; None is exactly 0."""
    if begin is None and end is None:
        return None
    begin, end = begin or 0.0, end or 0.0
    return np.where(share == 1.0, begin, end + share * (begin - end))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OfTime(OwnShape):
    """value(t) = base * f(t), and f(n) from t = n on if it has a length.

    A function may read a list, which has no values for the updates after a run: its last value is kept.
    """

    function: OwnFunction
    arguments: tuple[tuple[str, Any], ...]
    over: Duration | None = field(metadata=OPEN)

    def own_value(self, at: float) -> float:
        # An integer if possible, because a function may read a list at this index.
        return super(OfTime, self).own_value(int(at) if at == int(at) else at)

    def _instead(self, at: float, error: Exception) -> float:
        """Return the last value of a list for an update after it."""
        if isinstance(error, LookupError) and at > 1:
            last = self._last_before(int(at))
            if last >= 1:  # a list of one value is a mistake
                return self._checked(last, self._call(last))
        return super(OfTime, self)._instead(at, error)

    def _last_before(self, at: int) -> int:
        """Return the last update before `at` for which the function has a value, found by bisection."""
        known, unknown = 0, at
        while unknown - known > 1:
            middle = (known + unknown) // 2
            try:
                self._call(middle)
            except LookupError:
                unknown = middle
            else:
                known = middle
        return known

    def require_value(self, t: int) -> None:
        """Raise InvalidArgument if the function has no value of its own for an update."""
        try:
            value = self._call(t)
        except Exception as error:  # noqa: BLE001  # as in own_value
            super(OfTime, self)._instead(t, error)
        else:
            self._checked(t, value)

    def _factor_of_number(self) -> Callable[[float], float] | None:
        if self.over is None:
            return self.own_value
        n, value = self.over.count, self.own_value
        return lambda t: value(min(t, n))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(self._own_values(np.asarray(t if self.over is None else ops.at_most(t, self.over.count))))


_KINDS: Final = frozenset({"number", "count", "text", "bool", "choice", "list", "pairs", "length", "curve", "any"})


def _builder_of(own: OwnFunction) -> Callable[..., Schedule]:
    """Return the function that builds the schedules of a user's function."""
    function, made = own.function, OfProgress if own.counts == "u" else OfTime
    keyword, names = inspect.Parameter.KEYWORD_ONLY, ("start", "to") if own.counts == "u" else ()
    first, *rest = inspect.signature(function).parameters.values()
    parameters = [
        inspect.Parameter("over", first.POSITIONAL_OR_KEYWORD, default=None, annotation=DurationLike | None),
        *(one.replace(kind=keyword, annotation=_kind_of(function, one), default=_default_of(one)) for one in rest),
        *(inspect.Parameter(name, keyword, default=None, annotation=Level | None) for name in names),
    ]
    signature = inspect.Signature(parameters, return_annotation=made)

    @wraps(function)
    def build(*args: Any, **kwargs: Any) -> Schedule:
        bound = bound_arguments(build, own.name, args, kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        over, levels = given.pop("over"), {name: given.pop(name) for name in names}
        params = params_of(build)
        named = tuple((name, _kept(CallSite(own.name, name), params[name], one)) for name, one in given.items())
        return made(own, named, None if over is None else Duration.of(over), **levels)

    made_of: Any = build
    made_of.__signature__ = signature
    made_of.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": made}
    for name, param in params_of(build).items():
        if name in ("over", *names):
            continue
        if param.kind not in _KINDS:
            advice = "Use a number, text, True or False, a list, or ps.Duration for a length"
            raise InvalidArgument(CallSite(own.name, name), f"a function cannot take a {param.kind}", advice)
        if not (param.required or fits(param, param.default)):
            found = f"the default {shown(param.default)} is not of its type"
            raise InvalidArgument(CallSite(own.name, name), found, example=f"{name}: float = 1.0")
    return build


def _kept(site: CallSite, param: Param, value: Any) -> Any:
    """Return an argument as an immutable value that a text can contain."""
    if param.kind == "length" and value is not None:
        return Duration.of(value)
    if isinstance(value, (list, tuple)):
        return tuple(_kept(site, param, item) for item in value)
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str, Duration, Curve)):
        return value
    found = f"expected a number, text, True, False or a list, got {type(value).__name__}"
    raise InvalidArgument(site, found, "A plan is a text, so the function itself reads everything else", refused=value)


def _kind_of(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Return the annotation of a parameter; without one, the type of its default, and a number without a default."""
    hint = parameter.annotation
    if isinstance(hint, str):
        try:
            hint = eval(hint, getattr(function, "__globals__", {}))  # noqa: S307  # as typing.get_type_hints does
        except Exception:  # noqa: BLE001  # a name that only a type checker knows
            hint = parameter.empty
    default = parameter.default
    if hint is not parameter.empty:
        return hint | None if default is None and isinstance(hint, type) else hint
    if isinstance(default, (bool, str)):
        return type(default)
    if isinstance(default, (list, tuple)):
        return tuple
    return Any if default is None else Duration if isinstance(default, Duration) else float


def _default_of(parameter: inspect.Parameter) -> Any:
    default = parameter.default
    return tuple(default) if isinstance(default, list) else default


_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _require_own(function: Callable[..., Any]) -> Literal["u", "t"]:
    """Return the name of the first argument; raise InvalidArgument for a function that no shape can be made of."""
    name, parameters = function.__name__, [*inspect.signature(function).parameters.values()]
    site = f"shape {name!r}"
    if not (name.isidentifier() and name.isascii()):
        found = "a lambda has no name" if name == "<lambda>" else "a text of a plan calls names in ASCII only"
        raise InvalidArgument(site, found, example="@ps.shape above def easing(u): return 1 - u")
    first = parameters[0].name if parameters else None
    if first not in ("u", "t") or parameters[0].kind not in _BY_PLACE:
        found = "it has no argument" if first is None else f"its first argument is {first}"
        raise InvalidArgument(site, found, _lines_to_write(name, parameters))
    taken = {"over": "the length of the stage"}
    if first == "u":
        taken |= {"start": "the level at which the stage begins", "to": "the level at which it ends"}
    for one in parameters[1:]:
        if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            found = f"its argument {one} cannot be passed by one name"
            raise InvalidArgument(site, found, example=f"def {name}({first}, power=2.0)")
        if one.name in taken:
            found = f"its argument {one.name} has the name of {taken[one.name]}, which every such shape has"
            raise InvalidArgument(site, found, f"Choose another name: def {name}({first}, {one.name}_=…)")
    if name in reserved_names() and name not in SHAPES:
        raise InvalidArgument(site, "the name is taken", "Choose another name")
    return "u" if first == "u" else "t"


def _lines_to_write(name: str, parameters: list[inspect.Parameter]) -> str:
    """Return the advice for a function whose first argument is neither `u` nor `t`."""
    others = [one for one in parameters if one.name not in ("u", "t")]
    if others and len(others) == len(parameters) and others[0].default is inspect.Parameter.empty:
        others = others[1:]  # the first one counts something, under another name
    rest = "".join(f", {one.replace(annotation=one.empty)}" for one in others)
    return (
        f"Write def {name}(u{rest}) for the progress of the stage, from 0 to 1, or def {name}(t{rest}) for the number "
        "of updates; a function that returns a schedule has the annotation -> ps.extend.Schedule"
    )


_Returned = TypeVar("_Returned", bound=Callable[..., Schedule])


@overload
def shape(function: Callable[..., float]) -> Callable[..., Schedule]: ...
@overload
def shape(function: _Returned) -> _Returned: ...
def shape(function: Any) -> Any:
    """Register a shape of your own under the function's name, for Python, text and files.

    Args:
        function: takes the progress of the stage `u`, from 0 to 1, or the number of completed updates `t`: the name of
            its first argument decides. It returns a multiple of base. It is called with one number at a time. Its other
            arguments are those of the shape, passed by name. Or a function that returns a Schedule, and whose return
            annotation says so.

    A function of `u` becomes a shape with the arguments `over`, its length in any unit (default: the rest of the run),
    and `start` and `to`, the levels at which it begins and ends, in place of the function's own values at 0 and 1. A
    function of `t` becomes a shape without an end, which `over` can give it. An argument annotated as `Duration` has a
    unit; the function receives it in updates.

    A text, a plan file and a checkpoint contain the name and the arguments, not the code. The same function may be
    registered again, by a cell of a notebook that runs again.

    Raises:
        InvalidArgument: the name is taken, or the first argument is neither `u` nor `t`.

    >>> @shape
    ... def ease_out(u, power=2.0):
    ...     return (1 - u) ** power
    >>> lr = ease_out(over=100, power=3)
    >>> lr(0), lr(50), lr(100)
    (1.0, 0.125, 0.0)
    >>> print(lr)
    ease_out(100, power=3)
    >>> parse("warmup(10) >> ease_out(100, to=0.1)")(110)
    0.1
    """
    if not inspect.isfunction(function):
        return register_shape(function)  # raises an error
    parameters = inspect.signature(function).parameters
    made = _returned(function)
    is_own = next(iter(parameters), "") in ("u", "t")
    if isinstance(made, type) and issubclass(made, Schedule if is_own else object) and not issubclass(made, Real):
        function.__annotations__["return"] = made
        return register_shape(function)
    own = OwnFunction(function, _require_own(function))
    register_builder(SHAPES, readable(own.builder), kind="shape")
    _OWN[own.name] = own
    return own.builder


def _returned(function: Callable[..., Any]) -> Any:
    """Return the return annotation of a function, evaluated if it is text."""
    hint = function.__annotations__.get("return")
    return _kind_of(function, inspect.Parameter("returned", inspect.Parameter.KEYWORD_ONLY, annotation=hint))
