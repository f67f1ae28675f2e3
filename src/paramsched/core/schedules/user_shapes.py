"""Shapes of one's own: `@ps.shape` above a plain function of the progress `u` or of the number of updates `t`."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from types import NoneType
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, final, get_args, overload

import numpy as np

from paramsched.base.messages import name_is_taken
from paramsched.base.params import Param, params_of, readable
from paramsched.core.calls.builders import SHAPES, builder_like, register_builder
from paramsched.core.calls.messages.calls import not_a_function
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.curve import Curve
from paramsched.core.schedules.definition import LengthArgument, Over
from paramsched.core.schedules.level import Level, level_of, split_level
from paramsched.core.schedules.messages import user_shapes as messages
from paramsched.core.schedules.messages.evaluation import no_total
from paramsched.core.schedules.registry import registered
from paramsched.core.schedules.schedule import SHAPE_OF_BUILDER, Schedule, Shape
from paramsched.core.schedules.span import Base, PlannedSchedule, Span, product
from paramsched.core.schedules.text import bound_arguments, fits, reserved_names
from paramsched.core.time.duration import Duration, DurationLike, Number, count_of
from paramsched.errors import CallSite, InvalidArgument

Counts: TypeAlias = Literal["u", "t"]
"""The name of the first argument of a function: `u` for progress, `t` for updates."""

Length: TypeAlias = Annotated[float, LengthArgument("time")]
"""An argument of a shape of your own that is a length: a call passes it in any unit, and the function gets updates."""


@final
class UserShape:
    """A call of a user's function with its arguments, for one number at a time.

    So a value has the same bits alone and in an array, and a function may use `math` and `if`.

    Args:
        schedule: the call.
        lengths: the lengths among its arguments in counts, by name.
    """

    def __init__(self, schedule: Schedule, lengths: Mapping[str, Number]) -> None:
        function = schedule.shape.function
        assert function is not None
        self.name = schedule.kind
        self.counts = counts_of(schedule)
        self.function = function
        named = {key: argument for key, argument in schedule.args.items() if key not in ("over", *self.levels)}
        named |= {key: count_of(length) for key, length in lengths.items()}
        self._call = partial(function, **named)

    @property
    def levels(self) -> tuple[str, ...]:
        return ("start", "to") if self.counts == "u" else ()

    def value(self, number: float) -> float:
        """Return what the function returns, a finite number."""
        if self.counts == "t" and number == int(number):
            number = int(number)  # because a function may read a list at this index
        try:
            value = self._call(number)
        except LookupError as error:  # an update after the end of a list
            last = self._last_before(int(number)) if self.counts == "t" and number > 1 else 0
            if last < 1:  # a list of one value is a mistake
                raise self._refusal(number, error) from error
            return self._checked(last, self._call(last))
        except Exception as error:  # the user's function may raise anything
            raise self._refusal(number, error) from error
        if value.__class__ is float and -math.inf < value < math.inf:
            return value
        return self._checked(number, value)

    def own_value(self, t: int) -> float:
        """Return the value for an update; unlike `value`, not the last one of a list that ends before."""
        try:
            return self._checked(t, self._call(t))
        except InvalidArgument:
            raise
        except Exception as error:  # as in value
            raise self._refusal(t, error) from error

    def values(self, numbers: Array) -> Array:
        """Return the values for an array of numbers."""
        return np.array([self.value(number) for number in numbers.reshape(-1).tolist()]).reshape(numbers.shape)

    def _last_before(self, t: int) -> int:
        """Return the last update before `t` for which the function has a value, found by bisection."""
        last = 0
        first_missing = t
        while first_missing - last > 1:
            middle = (last + first_missing) // 2
            try:
                self._call(middle)
            except LookupError:
                first_missing = middle
            else:
                last = middle
        return last

    def _checked(self, number: float, value: Any) -> float:
        """Convert another type of number to a float. Booleans, text, arrays and complex numbers are refused."""
        try:
            result = float(value) if fits(_NUMBER, value) else math.nan
        except (TypeError, ValueError, OverflowError):
            result = math.nan
        if not math.isfinite(result):
            raise messages.not_a_finite_number(self.name, self.counts, number, value)
        return result

    def _refusal(self, number: float, error: Exception) -> InvalidArgument:
        if isinstance(error, LookupError):
            return messages.no_value_at_index(self.name, self.counts, number, error)
        return messages.function_raised(self.name, self.counts, number, error)


_NUMBER: Final = Param("number", "number")


def counts_of(schedule: Schedule) -> Counts:
    """Return what the function of a user's shape counts."""
    return "u" if "start" in schedule.args else "t"


def is_own(schedule: Schedule) -> bool:
    """Return whether the values of a schedule are those of a user's function."""
    return schedule.shape.function is not None


def has_own_shape(schedule: Schedule) -> bool:
    """Return whether a schedule contains a function of the user."""
    return is_own(schedule) or any(map(has_own_shape, schedule.parts()))


def has_open_function(schedule: Schedule) -> bool:
    """Return whether a schedule contains a function of the number of updates that has no length."""
    return _is_open(schedule) or any(map(has_open_function, schedule.parts()))


def _is_open(schedule: Schedule) -> bool:
    return is_own(schedule) and schedule.extent == "open"


def require_values_until(schedule: Schedule, end: int) -> None:
    """Raise InvalidArgument if a function of the number of updates has no value for the last update before `end`.

    A function in a later stage is not checked, because it begins at another update.

    Args:
        schedule: a resolved schedule.
        end: the number of updates.
    """
    for operand in schedule.args.get("operands", (schedule,)):
        if _is_open(operand) and end > 0:
            lengths = {key: length.number for key, length in _lengths_of(operand).items()}
            UserShape(operand, lengths).own_value(end - 1)


# ---------------------------------------------------------------- planning


def _plan(schedule: Schedule, span: Span) -> PlannedSchedule:
    """Plan a call of a user's function.

    Of the progress: value(t) = base * f(u), u = min(t, n) / n. With levels: value(t) = to + (start - to) *
    (f(u) - f(1)) / (f(0) - f(1)). Of the updates: value(t) = base * f(t), and f(n) from t = n on if it has a length.
    """
    over = schedule.args["over"]
    of_progress = counts_of(schedule) == "u"
    length = span.available if over is None and of_progress else None if over is None else span.length(over)
    if length is None and of_progress:
        raise no_total(str(schedule))
    lengths = {key: span.time(length_of_argument) for key, length_of_argument in _lengths_of(schedule).items()}
    changes = {key: Duration.of_updates(length_of_argument) for key, length_of_argument in lengths.items()}
    if length is not None:
        changes["over"] = Duration.of_updates(length)
    if any(schedule.args[key] != change for key, change in changes.items()):
        schedule = schedule.with_args(**changes)
    call = UserShape(schedule, lengths)
    n = None if length is None else count_of(length)
    values = _of_progress(schedule, call, n) if of_progress and n is not None else _of_updates(call, n)
    return PlannedSchedule(schedule, length, length, values)


def _lengths_of(schedule: Schedule) -> dict[str, Duration]:
    """Return the lengths among the arguments of the function."""
    return {
        key: argument for key, argument in schedule.args.items() if isinstance(argument, Duration) and key != "over"
    }


def _of_updates(call: UserShape, n: float | None) -> Callable[[Array, Base], Array]:
    return lambda t, base: base.times(call.values(t if n is None else np.minimum(t, n)))


def _of_progress(schedule: Schedule, call: UserShape, n: float) -> Callable[[Array, Base], Array]:
    start = schedule.args["start"]
    to = schedule.args["to"]

    def shares(t: Array) -> Array:
        return call.values(np.minimum(t, n) / float(n) if n > 0 else t * 0 + 1.0)

    if start is None and to is None:
        return lambda t, base: base.times(shares(t))
    first = call.value(0.0)
    last = call.value(1.0)
    begin = split_level(first if start is None else start)
    end = split_level(last if to is None else to)
    factors, fixed = zip(begin, end, strict=True)

    def values(t: Array, base: Base) -> Array:
        share = (shares(t) - last) / (first - last)
        multiples = base.times(_moved(share, *factors))
        if fixed == (None, None):
            return multiples
        return multiples + product(_moved(share, *fixed), base.absolute_unit)

    return values


def _moved(share: Array, begin: float | None, end: float | None) -> Array:
    """Return the numbers between two ends, which are exact for the shares 1 and 0."""
    begin = begin or 0.0
    end = end or 0.0
    return np.where(share == 1.0, begin, end + share * (begin - end))


def _check(schedule: Schedule) -> None:
    """Call the function at its ends, so that most of its errors have the place of the call in a text."""
    lengths = {key: length.exact for key, length in _lengths_of(schedule).items()}
    counts = {key: length for key, length in lengths.items() if length is not None}
    if len(counts) < len(lengths):
        return
    call = UserShape(schedule, counts)
    for number in (0.0, 0.5, 1.0) if call.counts == "u" else (0, 1):
        call.value(number)
    start = schedule.args.get("start")
    to = schedule.args.get("to")
    if start is None and to is None:
        return
    first = call.value(0.0)
    last = call.value(1.0)
    if first == last or not math.isfinite(first - last):
        argument = "start" if to is None else "to"
        if first == last:
            raise messages.same_at_both_ends(schedule.kind, argument, first)
        raise messages.ends_too_far_apart(schedule.kind, argument)


# ---------------------------------------------------------------- registration

_KINDS: Final = frozenset({"number", "count", "text", "bool", "choice", "list", "pairs", "length", "curve", "any"})


def _register(function: Callable[..., Any], counts: Counts) -> Callable[..., Schedule]:
    """Return the function that builds the schedules of a user's function, under its name in text."""
    name = function.__name__
    levels = ("start", "to") if counts == "u" else ()
    keyword = inspect.Parameter.KEYWORD_ONLY
    first, *rest = inspect.signature(function).parameters.values()
    parameters = [
        inspect.Parameter("over", first.POSITIONAL_OR_KEYWORD, default=None, annotation=Over),
        *(
            parameter.replace(kind=keyword, annotation=_kind_of(function, parameter), default=_default_of(parameter))
            for parameter in rest
        ),
        *(inspect.Parameter(level, keyword, default=None, annotation=Level | None) for level in levels),
    ]

    def build(*args: Any, **kwargs: Any) -> Schedule:
        bound = bound_arguments(builder, name, args, kwargs)
        bound.apply_defaults()
        arguments = bound.arguments.items()
        return shape.call(**{key: _kept(CallSite(name, key), params[key], argument) for key, argument in arguments})

    builder = builder_like(function, build, parameters, Schedule)
    params = params_of(builder)
    for key, param in params.items():
        if key not in ("over", *levels):
            _check_param(name, param)
    roles = {"over": "fills" if counts == "u" else "open"}
    roles |= {key: "time" for key, param in params.items() if param.kind == "length" and key != "over"}
    shape = Shape(name, params, _plan, roles, check=_check, function=function)
    SHAPE_OF_BUILDER[builder] = shape
    registered_builder: Callable[..., Schedule] = register_builder(readable(builder))
    return registered_builder


def _check_param(name: str, param: Param) -> None:
    """Raise for an argument of a user's function that a text cannot pass, or whose default it cannot."""
    if param.kind not in _KINDS:
        raise messages.kind_is_not_taken(name, param.name, param.kind)
    if param.kind == "length" and param.marker("role") is None:
        raise messages.length_without_its_type(name, param.name)
    if not (param.required or fits(param, param.default)):
        raise messages.default_of_another_type(name, param.name, param.default)


def _kept(site: CallSite, param: Param, value: Any) -> Any:
    """Return an argument as an immutable value that a text can contain."""
    if param.kind == "level" and value is not None:
        return level_of(site, value)
    if param.kind == "length" and value is not None:
        return Duration.of(value)
    if isinstance(value, (list, tuple)):
        return tuple(_kept(site, param, item) for item in value)
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str, Duration, Curve)):
        return value
    raise messages.not_written_in_text(site, value)


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
        return hint | None if default is None and isinstance(hint, type) else _as_passed(hint)
    if isinstance(default, (bool, str)):
        return type(default)
    if isinstance(default, (list, tuple)):
        return tuple
    return Any if default is None else _as_passed(Length) if isinstance(default, Duration) else float


def _as_passed(hint: Any) -> Any:
    """Return the annotation of what a call passes: of a `Length`, alone or in a union with None, a duration."""
    members = [member for member in get_args(hint) if member is not NoneType] if NoneType in get_args(hint) else [hint]
    markers = getattr(members[0], "__metadata__", ()) if len(members) == 1 else ()
    return Annotated[DurationLike, *markers] if LengthArgument("time") in markers else hint


def _default_of(parameter: inspect.Parameter) -> Any:
    default = parameter.default
    return tuple(default) if isinstance(default, list) else default


_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _require_own(function: Callable[..., Any]) -> Literal["u", "t"]:
    """Return the name of the first argument; raise InvalidArgument for a function that no shape can be made of."""
    name = function.__name__
    parameters = [*inspect.signature(function).parameters.values()]
    if name == "<lambda>":
        raise messages.lambda_has_no_name(name)
    if not (name.isidentifier() and name.isascii()):
        raise messages.name_is_not_ascii(name)
    if not parameters:
        raise messages.no_argument(name)
    first = parameters[0].name
    if first not in ("u", "t") or parameters[0].kind not in _BY_PLACE:
        raise messages.first_argument_is_not_time(name, first, _kept_parameters(parameters))
    meanings = _MEANINGS if first == "u" else {"over": _MEANINGS["over"]}
    for parameter in parameters[1:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise messages.argument_without_one_name(name, first, parameter)
        if parameter.name in meanings:
            raise messages.name_of_every_shape(name, first, parameter.name, meanings[parameter.name])
    if name in reserved_names() and name not in SHAPES:
        raise name_is_taken(f"shape {name!r}")
    return "u" if first == "u" else "t"


_MEANINGS: Final = {
    "over": "the length of the stage",
    "start": "the level at which the stage begins",
    "to": "the level at which it ends",
}
"""The arguments that every shape of the progress has; one of the updates has `over`."""


def _kept_parameters(parameters: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    """Return the arguments that a function keeps after its first one has become `u` or `t`, without annotations."""
    kept = [parameter for parameter in parameters if parameter.name not in ("u", "t")]
    if kept and len(kept) == len(parameters) and kept[0].default is inspect.Parameter.empty:
        kept = kept[1:]  # the first one counts something, under another name
    return [parameter.replace(annotation=parameter.empty) for parameter in kept]


_Returned = TypeVar("_Returned", bound=Callable[..., Schedule])


@overload
def shape(function: Callable[..., float]) -> Callable[..., Schedule]: ...
@overload
def shape(function: _Returned) -> _Returned: ...
def shape(function: Any) -> Any:
    """Register a shape of your own under the function's name, for Python, text and files.

    Args:
        function: takes the progress of the stage `u`, from 0 to 1, or the number of completed updates `t`: the name of
            its first argument decides. It returns a multiple of base, which depends on its arguments only, because
            values are computed in advance. It is called with one number at a time. Its other arguments are those of the
            shape, passed by name. Or a function that returns a Schedule, and whose return annotation says so.

    A function of `u` becomes a shape with the arguments `over`, its length in any unit (default: the rest of the run),
    and `start` and `to`, the levels at which it begins and ends, in place of the function's own values at 0 and 1. A
    function of `t` becomes a shape without an end, which `over` can give it. An argument annotated as `Length` has a
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
        raise not_a_function(function)
    parameters = inspect.signature(function).parameters
    returned = _returned(function)
    is_function = next(iter(parameters), "") in ("u", "t")
    if (
        isinstance(returned, type)
        and issubclass(returned, Schedule if is_function else object)
        and not issubclass(returned, Real)
    ):
        function.__annotations__["return"] = returned
        return registered(function)
    return _register(function, _require_own(function))


def _returned(function: Callable[..., Any]) -> Any:
    """Return the return annotation of a function, evaluated if it is text."""
    hint = function.__annotations__.get("return")
    return _kind_of(function, inspect.Parameter("returned", inspect.Parameter.KEYWORD_ONLY, annotation=hint))
