"""Duration: an amount of training with its unit, exact."""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from numbers import Integral
from typing import TypeAlias, final

from paramsched._fault_codes import UNKNOWN_NAME
from paramsched._vocabulary import UNITS as UNITS_OF_PEERS
from paramsched.errors import InvalidArgument, Unresolved, nearest, shown

UNITS = ("updates", "epochs", "percent", "samples", "tokens", "seconds", "frames", "batches")

UNIT_NAMES: dict[str, tuple[str, int]] = {
    word: (unit, times)
    for unit, times, words in (
        ("updates", 1, "step steps update updates iter iters iteration iterations"),
        ("epochs", 1, "epoch epochs"),
        ("percent", 1, "%"),
        ("samples", 1, "sample samples image images example examples"),
        ("tokens", 1, "token tokens"),
        ("seconds", 1, "s sec second seconds"),
        ("seconds", 60, "min minute minutes"),
        ("seconds", 3600, "h hour hours"),
        ("frames", 1, "frame frames"),
        ("batches", 1, "batch batches"),
    )
    for word in words.split()
}
_SCALES = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_TERM = re.compile(
    r"\s*(?P<sign>[+-]?)\s*(?P<number>\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d{1,3})?|\.\d[\d_]*(?:[eE][+-]?\d{1,3})?)"
    r"(?P<scale>[kMBT]?)(?:\s*/\s*(?P<by>\d[\d_]{0,30}))?\s*(?P<unit>%|[A-Za-z]+)",
    re.ASCII,
)
_SINGULAR = frozenset(word for word in UNIT_NAMES if {f"{word}s", f"{word}es"} & UNIT_NAMES.keys())
_MOST_TEXT = 200
_MOST = Fraction(10**18)  # beyond what a clock of 64 bits counts
_LEAST = 1 / _MOST
_RESOLVE_IT = "Write ps.resolve(schedule, ps.Calendar(...))"


@final
@dataclass(frozen=True, slots=True)
class Duration:
    """An amount of training time: a sum of exact amounts, one for each unit in use.

    `Duration.of` reads what people write; lengths stay fractions until `resolve` rounds each boundary up once. A period
    stays one: what repeats is rounded at each of its boundaries, not once for all of them.

    Args:
        terms: pairs of unit and amount, in the order of `UNITS`, none of them zero.
        until: whether it is a time, counted from the begin of the sequence, at which something ends.

    >>> str(Duration.of("1_000 iters")), str(Duration.of("2.5e3 steps")), str(Duration.of("250B tokens"))
    ('1000', '2500', '250000000000 tokens')
    >>> str(Duration.of("100% - 10 epochs"))
    '100% - 10 epochs'
    >>> Duration.of("500 steps") == Duration.of(500)
    True
    >>> str(Duration.of("3002.40 steps")), str(Duration.of("2k/6 steps")), str(Duration.of("1M/3 samples"))
    ('3002.4 steps', '1000/3 steps', '1000000/3 samples')
    """

    terms: tuple[tuple[str, Fraction], ...]
    until: bool = False

    @staticmethod
    def of(amount: "DurationLike | float") -> "Duration":
        """Read `"5%"`, `"10 epochs"`, `"1e6 samples"`, `"1/3 epoch"`, sums of these, or an integer of updates.

        Raises:
            InvalidArgument: not a duration, or below zero.
        """
        if isinstance(amount, Duration):
            return amount
        if isinstance(amount, str):
            try:
                return _read_length(amount)
            except InvalidArgument as fault:
                if fault.sample is not None:
                    fault.suggest(fault.sample, instead_of=amount)
                raise
        if isinstance(amount, bool) or not isinstance(amount, (int, float, Integral)):
            raise _no_length(amount)
        if isinstance(amount, float) and not amount.is_integer():  # 5.0 is 5; what is infinite is no integer
            raise _no_length(amount)
        if amount < 0:
            refusal = InvalidArgument(f"length {shown(amount)}", "a length is not negative", "Write 0 or more updates")
            raise refusal.suggest(500, instead_of=amount)
        return Duration.of_updates(int(amount))

    @staticmethod
    def of_updates(amount: int | Fraction) -> "Duration":
        """That many updates, which need not be whole.

        Raises:
            InvalidArgument: below zero, or more than a clock counts.

        >>> Duration.of_updates(Fraction(1251 * 24, 10)).written(), Duration.of_updates(30).written()
        ('"3002.4 steps"', '30')
        """
        if amount > _MOST:
            found = "more updates than a clock counts"
            asked = f"length {shown(amount if isinstance(amount, int) else ceil(amount))}"
            refusal = InvalidArgument(asked, found, "Write at most 1_000_000_000_000_000_000")
            raise refusal.suggest(500, instead_of=amount)
        if amount < 0:
            return _duration_of({"updates": Fraction(amount)})
        return Duration((("updates", Fraction(amount)),) if amount else ())

    @property
    def updates(self) -> int:
        """The amount in updates.

        Raises:
            Unresolved: another unit is in it, or it is no whole number.
        """
        amount = self.exact
        if amount is None or amount.denominator != 1:
            raise Unresolved(f'length "{self}"', "not a whole number of updates yet", _RESOLVE_IT)
        return amount.numerator

    @property
    def number(self) -> int | Fraction:
        """The amount in updates, exact: an integer where it is whole.

        Raises:
            Unresolved: another unit is in it.
        """
        amount = self.exact
        if amount is None:
            raise Unresolved(f'length "{self}"', "not in updates yet", _RESOLVE_IT)
        return amount.numerator if amount.denominator == 1 else amount

    @property
    def count(self) -> int | float:
        """The amount in updates, as a formula divides by it: an integer where it is whole, else the nearest float.

        Raises:
            Unresolved: another unit is in it.
        """
        return count_of(self.number)

    def __ceil__(self) -> int:
        """The first update at which it is over."""
        return ceil(self.number)

    @property
    def exact(self) -> Fraction | None:
        """The amount in updates as a fraction; None while another unit is in it, or it is a time."""
        if self.until:
            return None
        if not self.terms:
            return Fraction(0)
        unit, amount = self.terms[0]
        return amount if unit == "updates" and len(self.terms) == 1 else None

    @property
    def is_resolved(self) -> bool:
        """Whether it is a whole number of updates."""
        amount = self.exact
        return amount is not None and amount.denominator == 1

    def __add__(self, other: "Duration") -> "Duration":
        if other.until:  # what lasts until then ends then, whenever it began
            return Duration(other.terms)
        return _duration_of(_summed_amounts(self, other, 1))

    def __sub__(self, other: "Duration") -> "Duration":
        if self.until:
            return self
        return _duration_of(_summed_amounts(self, other, -1))

    def __str__(self) -> str:
        if self.until:
            said = str(Duration(self.terms))
            return f"until {said} steps" if said.isdecimal() else f"until {said}"
        if not self.terms:
            return "0"
        text = ""
        for place, (unit, amount) in enumerate(self.terms):
            sign = "-" if amount < 0 else "+"
            term = _term_text(unit, abs(amount), alone=len(self.terms) == 1)
            text += (f" {sign} " if place else "-" if amount < 0 else "") + term
        return text

    def written(self) -> str:
        """As it stands in a line of text: a number of updates bare, anything else quoted."""
        return str(self.updates) if self.is_resolved else f'"{self}"'


DurationLike: TypeAlias = Duration | str | int
"""What people write for a length: `"5%"`, `"10 epochs"`, `500` (updates; a whole float counts) or a Duration."""


def count_of(number: int | Fraction) -> int | float:
    """An exact number as formulas take it."""
    return number.numerator if number.denominator == 1 else float(number)


def _summed_amounts(left: Duration, right: Duration, sign: int) -> dict[str, Fraction]:
    total = dict(left.terms)
    for unit, amount in right.terms:
        total[unit] = total.get(unit, Fraction(0)) + sign * amount
    return total


def _duration_of(amounts: dict[str, Fraction]) -> Duration:
    """A length from its amounts by unit."""
    terms = tuple((unit, amounts[unit]) for unit in UNITS if amounts.get(unit))
    # A positive term first: "100% - 10 epochs" reads, "-10 epochs + 100%" does not.
    terms = tuple(sorted(terms, key=lambda term: term[1] < 0))
    if terms and all(amount < 0 for _, amount in terms):
        refusal = InvalidArgument(f'length "{Duration(terms)}"', "a length is not negative", "Write 0 or more")
        raise refusal.suggest(500)
    return Duration(terms)


def length_with_unit(number: str, unit: str) -> str | None:
    """A number and a unit, maybe a peer's, as a length is written.

    >>> length_with_unit("10", "ep"), length_with_unit("0.06", "dur"), length_with_unit("3", "apples")
    ('10 epochs', '6%', None)
    """
    scales = [("", unit), *((scale, unit[1:].strip()) for scale in _SCALES if scale and unit.startswith(scale))]
    for scale, word in scales:
        ours = (
            word
            if word in UNIT_NAMES
            else UNITS_OF_PEERS.get(word) or UNITS_OF_PEERS.get(word.lower()) or _close_unit(word)
        )
        if ours is None:
            continue
        try:
            amount = Fraction(number.replace("_", "")) * (100 if word == "dur" else 24 if ours == "24 h" else 1)
            ours = ours.removeprefix("24 ")
            text = f"{_amount_text(amount)}{scale}{'' if ours == '%' else ' '}{ours}"
            _read_length(text)
        except (ValueError, ZeroDivisionError):
            continue
        return text
    return None


def _close_unit(word: str) -> str | None:
    """The unit that a long word is a slip of the pen of; short ones are like anything."""
    from difflib import get_close_matches  # for messages only, so not at import

    if not word.isalpha():
        return None
    known = [name for name in UNIT_NAMES if len(name) > 3]
    return next(iter(get_close_matches(word.lower(), known, n=1, cutoff=0.8)), None)


def _no_length(amount: object) -> InvalidArgument:
    found = f"a length is a whole number of updates or a text with a unit, not {type(amount).__name__}"
    if isinstance(amount, float):
        found = "a length is a whole number of updates or a text with a unit"
    instead = 'Write "5%" for a share of the run, "10 epochs", or 500 for updates'
    return InvalidArgument(f"length {shown(amount)}", found, instead)


def _read_length(text: str) -> Duration:
    """A length from its text: amounts with units, added and subtracted."""
    instead = 'Write an amount and a unit: "500 steps", "10 epochs", "5%", "1e6 samples", "250B tokens", "90 min"'
    line = text if len(text) <= 40 else text[:37] + "..."

    def refused(found: str, instead: str = instead) -> InvalidArgument:
        return InvalidArgument(f'length "{line}"', found, instead)

    if len(text) > _MOST_TEXT:
        raise refused(f"{len(text)} characters are no length")
    bare = text.strip()
    if bare.split(maxsplit=1)[0:1] == ["until"]:
        end = _read_length(bare.removeprefix("until"))
        if end.until:
            raise refused("it says until twice", f'Write "{end}"')
        return Duration(end.terms, until=True)
    if bare in _SINGULAR:
        bare = f"1 {bare}"
    if re.fullmatch(r"[+-]?[\d._]+(e[+-]?\d+)?(\s*/\s*[\d_]+)?", bare, re.IGNORECASE):
        raise refused("a number without a unit", f'Write "{bare} steps" or "5%"')
    amounts: dict[str, Fraction] = {}
    place = 0
    while place < len(bare):
        found = _TERM.match(bare, place)
        if found is None or (place and not found["sign"]):
            raise refused("not an amount with a unit")
        if found["unit"] not in UNIT_NAMES:
            unit = found["unit"]
            meant = None if found["by"] else length_with_unit(found["number"], found["scale"] + unit)
            if meant is None:
                raise refused(f'"{unit}" is no unit; {nearest(unit, UNIT_NAMES)}').classify(UNKNOWN_NAME)
            meant = f"{bare[: found.start('number')]}{meant}{bare[found.end() :]}"
            close = None if unit in UNITS_OF_PEERS else _close_unit(unit)
            clause = "" if close is None else f'; nearest: "{close}"'
            refusal = refused(f'"{unit}" is no unit{clause}', f'Write "{meant}"')
            raise refusal.classify(UNKNOWN_NAME, (bare, meant))
        unit, times = UNIT_NAMES[found["unit"]]
        try:
            number = Fraction(found["number"].replace("_", "")) / int((found["by"] or "1").replace("_", ""))
        except (ValueError, ZeroDivisionError):
            raise refused("not an amount with a unit") from None
        amount = number * _SCALES[found["scale"]] * times * (-1 if found["sign"] == "-" else 1)
        if abs(amount) > _MOST:
            raise refused("more than a clock counts", "Write 1e18 or fewer").suggest(500)
        if 0 < abs(amount) < _LEAST:
            raise refused("less than any clock tells from nothing", "Write 0, or more").suggest(500)
        amounts[unit] = amounts.get(unit, Fraction(0)) + amount
        place = found.end()
        while place < len(bare) and bare[place].isspace():
            place += 1
    if not bare:
        raise InvalidArgument('length ""', "empty", instead)
    return _duration_of(amounts)


def _term_text(unit: str, amount: Fraction, *, alone: bool) -> str:
    """One amount with its unit, as people write it."""
    if unit == "percent":
        return f"{_amount_text(amount)}%"
    if unit == "seconds":
        for size, name in ((3600, "h"), (60, "min")):
            if amount % size == 0:
                return f"{_amount_text(amount / size)} {name}"
        return f"{_amount_text(amount)} s"
    if unit == "updates":
        if alone and amount.denominator == 1:
            return _amount_text(amount)
        return "1 step" if amount == 1 else f"{_amount_text(amount)} steps"
    if amount == 1:
        return "1 batch" if unit == "batches" else f"1 {unit[:-1]}"
    return f"{_amount_text(amount)} {unit}"


def _amount_text(amount: Fraction) -> str:
    """An amount, exact: by all its decimal digits, or as a fraction where none say it."""
    digits = _decimal_places(amount)
    if digits is None:
        return f"{amount.numerator}/{amount.denominator}"
    scaled = str(int(amount * 10**digits)).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}" if digits else scaled


def _decimal_places(amount: Fraction) -> int | None:
    """How many digits behind the point say it exactly."""
    rest, twos, fives = amount.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None
