"""Faults of a config: collected, each with its path, and raised together."""

from typing import final

from paramsched._fault_codes import UNREADABLE
from paramsched.errors import ConfigError, Fault, InvalidArgument

_MOST = 200  # faults that are listed; a file may hold a hundred thousand


@final
class Faults:
    """Collects what is wrong; reading goes on where that makes sense, so that one run finds everything.

    >>> faults = Faults()
    >>> faults.add("$.lr", "true is no number", "Write 0.1")
    >>> faults.problems()
    ('$.lr: true is no number. Write 0.1',)
    """

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether no more faults are listed: what costs time need not be looked at any more."""
        return len(self._found) >= _MOST

    def add(
        self,
        path: str,
        found: str,
        instead: str = "",
        *,
        span: tuple[int, int] | None = None,
        at_key: bool = False,
        code: str = UNREADABLE,
        replace: tuple[str, str] | None = None,
    ) -> None:
        """Note one fault: where, what was found, what to write.

        Args:
            path: where in the config.
            found, instead: what was found, and what to write.
            span: the piece that is meant, where the path leads to a line of text.
            at_key: whether the name is meant, not the value behind it.
            code: of what kind it is.
            replace: what is to be changed into what, where only one thing can be meant.
        """
        self.count += 1
        if not self.full:
            self._found[Fault(path, found, instead, span, at_key, code=code, replace=replace)] = None

    def refuse(self, path: str, refusal: InvalidArgument, *, at_key: bool = False) -> None:
        """Note what a function of the library refused."""
        found = f"{refusal.asked}: {refusal.found}" if refusal.found else refusal.asked
        code, replace = refusal.code, refusal.replace
        self.add(path, found, refusal.instead, span=refusal.span, at_key=at_key, code=code, replace=replace)

    def problems(self) -> tuple[str, ...]:
        """What was noted, a line each."""
        return tuple(map(str, self.found()))

    def found(self) -> tuple[Fault, ...]:
        """What was noted; beyond 200 faults only how many more there are."""
        more = self.count - len(self._found)
        listed = tuple(self._found)
        return (*listed, Fault("", f"and {more} more")) if len(listed) >= _MOST and more else listed

    def raise_any(self, source: str) -> None:
        """Raise a ConfigError if there is a fault."""
        if self.count:
            raise ConfigError(source, self.found())
