"""Attributes that people try, and that do not exist."""

from collections.abc import Callable
from typing import NoReturn, final


@final
class TriedName:
    """An attribute that a class lacks; reading it raises AttributeError with the line that was probably meant.

    A `__getattr__` would slow all attributes down, because Python then does not cache where it found them.

    Args:
        kind: the kind of object in the message, such as `"a Plan"`.
        advice: what to write, or a function that returns it.
    """

    def __init__(self, kind: str, advice: str | Callable[[], str]) -> None:
        self._kind, self._advice = kind, advice

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        advice = self._advice if isinstance(self._advice, str) else self._advice()
        raise AttributeError(missing_attribute(self._kind, self._name, advice), name=self._name, obj=instance)


def missing_attribute(kind: str, name: str, advice: str) -> str:
    r"""Return the message for an attribute that does not exist.

    >>> missing_attribute("a Plan", "save", 'Write ps.dump(plan, "plan.yaml")')
    'a Plan has no attribute \'save\'. Write ps.dump(plan, "plan.yaml")'
    >>> missing_attribute("a Plan", "horizn", 'did you mean "horizon"?')
    'a Plan has no attribute \'horizn\'; did you mean "horizon"?'
    """
    return f"{kind} has no attribute {name!r}{'. ' if advice.startswith('Write ') else '; ' if advice else ''}{advice}"
