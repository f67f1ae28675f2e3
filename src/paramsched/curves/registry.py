"""The registry of curves; and curves of users."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, final

import numpy as np

from paramsched.base.arrays import Array, Arrays
from paramsched.base.calls import built_class, example_call, register_builder
from paramsched.base.near_names import closest
from paramsched.base.peer_words import with_other_names
from paramsched.curves.base import NAME_OF_CLASS, Curve
from paramsched.errors import InvalidArgument

CONSTANTS: dict[str, Curve] = {}
"""Curves without a parameter, and those a user registered, by name."""

FAMILIES: dict[str, Callable[..., Curve]] = {}

_Builder = TypeVar("_Builder", bound=Callable[..., Curve])
_Curve = TypeVar("_Curve", bound=Curve)


def curve(builder: _Builder) -> _Builder:
    """Register a function that builds a curve under its own name: `curves.power(2)` in code, text and configs.

    Its parameters are floats; the class it returns is written by this name.

    Raises:
        InvalidArgument: the name is taken, or the return annotation is missing.
    """
    if builder.__name__ in CONSTANTS:
        raise InvalidArgument(f"curve {builder.__name__!r}", "the name is taken", "Choose another name")
    known = register_builder(FAMILIES, builder, kind="curve", prefix="curves.")
    NAME_OF_CLASS[built_class(builder)] = builder.__name__
    return known


def constant_curve(name: str, value: _Curve) -> _Curve:
    """Register a curve without a parameter: `rex = constant_curve("rex", Rex())`."""
    CONSTANTS[name] = value
    NAME_OF_CLASS[type(value)] = name
    type(value).__doc__ = with_other_names(type(value).__doc__, f"curves.{name}")
    return value


def curve_text(name: str) -> str:
    """How a curve of a known name is written: `curves.cosine`, `curves.power(2)`."""
    return f"curves.{name}" if name in CONSTANTS else example_call(FAMILIES[name], f"curves.{name}")


def unknown_curve(name: str) -> tuple[str, str]:
    """What is wrong with a name that no curve has, and a curve to write instead: the nearest one.

    >>> unknown_curve("cosin")
    ('unknown curve "cosin"; did you mean "cosine"?', 'Write curves.cosine')
    """
    known = [*CONSTANTS, *FAMILIES]
    near = closest(name, known)
    if near is None:
        return f'unknown curve "{name}"; expected one of {", ".join(sorted(known))}', "Write curves.cosine"
    return f'unknown curve "{name}"; did you mean "{near}"?', f"Write {curve_text(near)}"


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Custom(Curve):
    """A user's own function of `u`, checked at the two ends.

    It can be written as text when it was registered under a name (`curves.register`), and compares by that name then.
    """

    function: Callable[[Any], Any]
    name: str | None = None

    def __post_init__(self) -> None:
        for at in (0.0, 1.0):
            got = float(np.asarray(self.function(np.array([at])), dtype=np.float64).reshape(-1)[0])
            if not abs(got - at) <= 1e-9:
                raise InvalidArgument(
                    f"curve {self}",
                    f"curve({at:g}) is {got!r}",
                    "A curve goes from exactly 0 at u=0 to 1 at u=1; scale it",
                )

    @property
    def monotone(self) -> bool:
        return False  # not known, so nothing is promised

    @property
    def serializable(self) -> bool:
        return self.name is not None

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return self.function(u)

    def __str__(self) -> str:
        return f"curves.{self.name}" if self.name is not None else f"<curve {self.function!r}>"


def register(name: str, function: Callable[[Any], Any]) -> Custom:
    """Give a function of `u` a name, so that plans that use it can be written to text and read back.

    The table of names belongs to the process, like that of codecs: a text has to mean the same everywhere in it.

    Raises:
        InvalidArgument: the name is taken or no identifier, or the ends are not 0 and 1.
    """
    if not name.isidentifier() or name in FAMILIES or name in CONSTANTS:
        raise InvalidArgument(f"curves.register({name!r})", "taken, or no identifier", "Choose another name")
    curve = Custom(function, name)
    CONSTANTS[name] = curve
    return curve


def curve_of(curve: "CurveLike") -> Curve:
    """A curve from a curve, a registered name or a user's function."""
    if isinstance(curve, Curve):
        return curve
    if isinstance(curve, str):
        name = curve.removeprefix("curves.")
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FAMILIES:
            raise InvalidArgument(f'curve "{curve}"', "it has a parameter", f"Write {curve_text(name)}")
        if name.partition("(")[0] in FAMILIES and name.endswith(")"):
            raise InvalidArgument(f'curve "{curve}"', "a curve with a parameter is not text", f"Write curves.{name}")
        raise InvalidArgument(f'curve "{curve}"', *unknown_curve(name))
    if (family := getattr(curve, "__name__", None)) in FAMILIES and FAMILIES[family] is curve:
        raise InvalidArgument(f"curve curves.{family}", "it has a parameter", f"Write {curve_text(family)}")
    if callable(curve):
        return Custom(curve)
    raise InvalidArgument(f"curve {curve!r}", f"expected a curve, got {type(curve).__name__}", "Write curves.cosine")


CurveLike: TypeAlias = Curve | str | Callable[[Any], Any]
"""What people write for a curve: `curves.cosine`, a registered name, or their own function of `u`."""
