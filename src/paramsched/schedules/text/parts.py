"""What has been read of a line so far: values with their places, open brackets, and the faults that were found."""

from dataclasses import dataclass, field
from typing import Any, final

from paramsched._fault_codes import SYNTAX
from paramsched.errors import InvalidArgument, ParseError
from paramsched.schedules.text.tokens import Token, shortened_text

BROKEN = object()
"""The value of a part with a fault in it, which is told: what is made of it is not told again."""


@final
@dataclass(frozen=True, slots=True)
class TextPart:
    """A value and where it stands."""

    value: Any
    begin: int
    end: int


@final
@dataclass(slots=True)
class OpenBracket:
    """A bracket that is open, or the line itself: what has been read in it so far."""

    kind: str  # "line", "group", "list" or "call"
    begin: int  # where the bracket stands, or the name that is called
    place: int  # of the bracket itself
    name: str = ""
    builder: Any = None
    items: list[TextPart] = field(default_factory=list)
    named: dict[str, TextPart] = field(default_factory=dict)
    keyword: Token | None = None
    values: list[TextPart] = field(default_factory=list)
    operators: list[tuple[str, int, int]] = field(default_factory=list)  # sign, how tightly it binds, where it stands
    comma: bool = False
    found_before: int = 0  # faults, when the argument that is read now began
    fault: InvalidArgument | None = None  # of the name that is called

    @property
    def is_empty(self) -> bool:
        """Whether the argument that is read now has not begun."""
        return not (self.values or self.operators or self.keyword)


@final
class LineFaults:
    """The faults of one line, in the order in which they were found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[InvalidArgument] = []

    def quoted(self, begin: int, end: int) -> str:
        """A piece of the line, as an error shows what was asked.

        >>> LineFaults("cosine(to=x)").quoted(10, 11)
        '"x" at character 11'
        """
        return f'"{shortened_text(self.text[begin:end])}" at character {begin + 1}'

    def add(
        self,
        place: Token | TextPart,
        found: str,
        instead: str = "",
        *,
        code: str = SYNTAX,
        replace: tuple[str, str] | None = None,
    ) -> Any:
        """Keep a fault and go on with a broken value; the last two as of `InvalidArgument.classify`."""
        refusal = ParseError(self.quoted(place.begin, place.end), found, instead).classify(code, replace)
        return self.keep(refusal, place.begin, place.end)

    def keep(self, refusal: InvalidArgument, begin: int, end: int) -> Any:
        """Keep an error that was raised while a piece of the line was built; go on with a broken value."""
        self.found.append(refusal.locate(self.text, begin, end))
        return BROKEN
