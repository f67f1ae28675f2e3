"""Curve: a function from 0 to 1, and the decorators that make one of a formula."""

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeAlias, final, overload

import numpy as np

from paramsched.base.messages import name_is_taken
from paramsched.base.params import argument_kind, params_of, short_name
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import closest, text_on_screen
from paramsched.core.calls.builders import builder_like, example_call, require_free_name
from paramsched.core.calls.number_checks import checked_number
from paramsched.core.curves import messages
from paramsched.core.curves.arrays import Array, Floats, require_numbers
from paramsched.errors import CallSite

P = ParamSpec("P")

CurveFunction: TypeAlias = Callable[[Array, float], Array]
"""A function of k and n: the values of a formula at u = k / n."""


@argument_kind("curve")
@final
class Curve:
    """A function from [0, 1] onto [0, 1] with `curve(0) = 0` and `curve(1) = 1`.

    Args:
        name: its name in a schedule's text, such as `power`; None for a function of a user without a name.
        arguments: its arguments, pairs of name and value.
        rise: the curve itself; None if it is 1 - fall.
        fall: what remains, 1 - curve(u), where a formula has more digits than the subtraction.
        monotone: True if the curve never decreases.
        function: the function of a user, which equal curves share; None for a curve of the library.
    """

    __slots__ = ("_key", "arguments", "fall", "function", "monotone", "name", "rise")

    def __init__(
        self,
        name: str | None,
        arguments: tuple[tuple[str, Any], ...],
        rise: CurveFunction | None,
        fall: CurveFunction | None,
        *,
        monotone: bool,
        function: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.rise = rise
        self.fall = fall
        self.monotone = monotone
        self.function = function
        self._key = name, arguments, function

    def share(self, k: Array, n: float, *, rises: bool) -> Array:
        """Return the curve at u = k / n, or what remains of it; numbers and arrays have the same bits."""
        formula = self.rise if rises else self.fall
        if formula is not None:
            return formula(k, n)
        opposite = self.fall if rises else self.rise
        assert opposite is not None
        return 1.0 - opposite(k, n)

    @overload
    def __call__(self, u: float) -> float: ...
    @overload
    def __call__(self, u: Floats) -> Floats: ...
    def __call__(self, u: Any) -> Any:
        """Evaluate the curve.

        Args:
            u: the progress, a number or an array of any shape with values in [0, 1].
        """
        if isinstance(u, (int, float)):
            return float(self(np.array([float(u)]))[0])
        require_numbers(u)
        with np.errstate(all="ignore"):
            return self.share(np.array(u, dtype=np.float64), 1, rises=True)

    @property
    def serializable(self) -> bool:
        """True if the curve can be written as text and read back."""
        return self.name is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Curve) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> Reduced:
        if self.function is not None:
            return pickled("curves.register", self.function, self.name)
        return pickled("curves", self.name, *(value for _, value in self.arguments))

    def __str__(self) -> str:
        if self.name is None:
            return f"<curve {self.function!r}>"
        arguments = ", ".join(repr(value) for _, value in self.arguments)
        return f"curves.{self.name}({arguments})" if arguments else f"curves.{self.name}"

    __repr__ = text_on_screen


CONSTANTS: Final[dict[str, Curve]] = {}
"""A dict from name to curve, for the curves without parameters, including those that users registered."""

FAMILIES: Final[dict[str, Callable[..., Curve]]] = {}
"""A dict from name to the function that builds a curve of its arguments."""


@restores("curves")
def _restored(name: str, *values: Any) -> Curve:
    return FAMILIES[name](*values) if values else CONSTANTS[name]


def _named(name: str, values: tuple[Any, ...]) -> Curve:
    """Return the curve of a pickle of 1.0.0rc6."""
    return _restored(name, *values)


Takes: TypeAlias = Literal["u", "rest", "both"]
"""The arguments of a formula: the progress u, what remains of it (1 - u, rounded only once), or both."""


def _share_of(formula: Callable[..., Array], takes: Takes, named: dict[str, Any]) -> CurveFunction:
    """Return a formula as a function of k and n."""
    if takes == "u":
        return lambda k, n: formula(k / float(n), **named)
    if takes == "rest":
        return lambda k, n: formula((n - k) / float(n), **named)
    return lambda k, n: formula(k / float(n), (n - k) / float(n), **named)


def _curve_of_formula(
    function: Callable[..., Array],
    falls: bool,
    also: Callable[..., Array] | None,
    monotone: bool,
    arguments: tuple[tuple[str, Any], ...] = (),
) -> Curve:
    named = dict(arguments)
    share = _share_of(function, _takes(function), named)
    opposite = None if also is None else _share_of(also, _takes(also), named)
    rise, fall = (opposite, share) if falls else (share, opposite)
    return Curve(function.__name__, arguments, rise, fall, monotone=monotone)


def _takes(formula: Callable[..., Array]) -> Takes:
    first, *more = inspect.signature(formula).parameters
    return "both" if more[:1] == ["rest"] else "rest" if first == "rest" else "u"


def curve(
    *, falls: bool = False, also: Callable[..., Array] | None = None, monotone: bool = True
) -> Callable[[Callable[..., Array]], Curve]:
    """Make a curve of a function of the progress `u` under the function's name: `curves.mine`.

    Args:
        falls: True if the function is what remains, from 1 to 0. Its argument may be `rest`, which is 1 - u rounded
            only once, or it takes `u` and `rest`.
        also: the function in the other direction, if subtracting from 1 would lose digits.
        monotone: True if the curve never decreases. Values along it then never leave the two levels.

    Raises:
        InvalidArgument: the name is taken.

    >>> @curve()
    ... def user_slow_start(u):
    ...     return u * u * u
    >>> user_slow_start(0.5), user_slow_start
    (0.125, curves.user_slow_start)
    """

    def make(function: Callable[..., Array]) -> Curve:
        _require_free(function)
        CONSTANTS[function.__name__] = _curve_of_formula(function, falls, also, monotone)
        return CONSTANTS[function.__name__]

    return make


def curve_family(
    *,
    falls: bool = False,
    also: Callable[..., Array] | None = None,
    check: Callable[..., str] | None = None,
    monotone: bool | Callable[..., bool] = True,
) -> Callable[[Callable[Concatenate[Array, P], Array]], Callable[P, Curve]]:
    """Make a function that builds curves of a formula with arguments: `curves.mine(2)`.

    The arguments of the formula after `u` are numbers, whose annotations check them: `exponent: Positive`.

    Args:
        falls, also: as for `curve`.
        check: returns what is wrong with arguments that are valid alone; "" if nothing is.
        monotone: as for `curve`, or a function of the arguments.
    """

    def make(function: Callable[Concatenate[Array, P], Array]) -> Callable[P, Curve]:
        build: Callable[P, Curve] = _family(function, falls, also, check, monotone, skipped=1)
        return build

    return make


def curve_family_of_both(
    *, also: Callable[..., Array] | None = None, check: Callable[..., str] | None = None
) -> Callable[[Callable[Concatenate[Array, Array, P], Array]], Callable[P, Curve]]:
    """Make a function that builds curves of a formula of `u` and `rest`; as `curve_family`."""

    def make(function: Callable[Concatenate[Array, Array, P], Array]) -> Callable[P, Curve]:
        build: Callable[P, Curve] = _family(function, False, also, check, True, skipped=2)
        return build

    return make


def _family(
    function: Any,
    falls: bool,
    also: Callable[..., Array] | None,
    check: Callable[..., str] | None,
    monotone: bool | Callable[..., bool],
    *,
    skipped: int,
) -> Any:
    _require_free(function)
    call = f"curves.{function.__name__}"

    def build(*args: Any, **kwargs: Any) -> Curve:
        bound = inspect.signature(builder).bind(*args, **kwargs)
        bound.apply_defaults()
        params = params_of(builder)
        numbers = {
            key: checked_number(CallSite(call, key), params[key], argument) for key, argument in bound.arguments.items()
        }
        message = "" if check is None else check(**numbers)
        if message:
            raise messages.arguments_contradict(call, numbers.values(), message, example_call(builder, call))
        rises = monotone(**numbers) if callable(monotone) else monotone
        return _curve_of_formula(function, falls, also, rises, tuple(numbers.items()))

    builder = builder_like(function, build, [*inspect.signature(function).parameters.values()][skipped:], Curve)
    FAMILIES[function.__name__] = builder
    return builder


def _require_free(function: Callable[..., Any]) -> None:
    if function.__name__ in CONSTANTS:
        raise name_is_taken(f"curve {function.__name__!r}")
    require_free_name(FAMILIES, function, noun="curve")


def curve_text(name: str) -> str:
    """Return an example text of the curve with a registered name: `curves.cosine`, `curves.power(2)`."""
    return f"curves.{name}" if name in CONSTANTS else example_call(FAMILIES[name], f"curves.{name}")


@restores("curves.register")
def custom_curve(function: Callable[[Any], Any], name: str | None = None) -> Curve:
    """Make a curve of a user's function of an array; its values at u = 0 and u = 1 must be 0 and 1.

    Only a function that was registered with `curves.register` can be written as text.
    """
    user_curve = Curve(name, (), _share_of(function, "u", {}), None, monotone=False, function=function)
    for end in (0.0, 1.0):
        value = float(np.asarray(function(np.array([end])), dtype=np.float64).reshape(-1)[0])
        if not abs(value - end) <= 1e-9:
            raise messages.end_is_not_at(user_curve, end, value)
    return user_curve


def register(name: str, function: Callable[[Any], Any]) -> Curve:
    """Register a function of `u` under a name, so that plans that use it can be written as text and read back.

    The registry is global, like that of Python's codecs, so that a text has the same meaning in the entire process.

    Args:
        name: an identifier that no other curve has. Text refers to the curve as `curves.<name>`.
        function: takes an array of `u` in [0, 1] and returns an array of the same shape, from 0 at 0 to 1 at 1.

    Raises:
        InvalidArgument: the name is in use or not an identifier, or the function does not go from 0 to 1.
    """
    if not name.isidentifier():
        raise messages.not_an_identifier(name)
    if name in FAMILIES or name in CONSTANTS:
        raise messages.registered_name_is_taken(name)
    CONSTANTS[name] = custom_curve(function, name)
    return CONSTANTS[name]


def curve_of(curve: "CurveLike") -> Curve:
    """Convert a curve, a registered name or a user's function to a Curve.

    Raises:
        InvalidArgument: the name is unknown, the curve needs arguments, or `curve` is of another type.
    """
    if isinstance(curve, Curve):
        return curve
    if isinstance(curve, str):
        return _curve_of_name(curve)
    family = getattr(curve, "__name__", None)
    if family in FAMILIES and FAMILIES[family] is curve:
        raise messages.curve_needs_arguments(f"curves.{family}", curve_text(family))
    if callable(curve):
        return custom_curve(curve)
    raise messages.not_a_curve(curve)


def _curve_of_name(text: str) -> Curve:
    """Return the curve with a registered name, which may have the prefix `curves.`."""
    name = text.removeprefix("curves.")
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in FAMILIES:
        raise messages.curve_needs_arguments(f'"{text}"', curve_text(name))
    if name.partition("(")[0] in FAMILIES and name.endswith(")"):
        raise messages.curve_with_arguments_as_text(text, name)
    names = [*CONSTANTS, *FAMILIES]
    near = closest(name, names)
    raise messages.unknown_curve(text, near, names, curve_text(near or "cosine"))


CurveLike: TypeAlias = Curve | str | Callable[[Any], Any]
short_name("CurveLike", CurveLike)
"""A curve as users write it: `curves.cosine`, a registered name such as `"cosine"`, or a function of `u`."""
