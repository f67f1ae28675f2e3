"""Duration: an amount of training with its unit, exact."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from numbers import Integral
from typing import TypeAlias, final

from paramsched.base.codes import UNKNOWN_NAME
from paramsched.base.peer_words import UNITS as UNITS_OF_PEERS
from paramsched.errors import InvalidArgument, Unresolved, shown

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
_SCALES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_TERM = re.compile(
    r"\s*(?P<sign>[+-]?)\s*(?P<number>\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d{1,3})?|\.\d[\d_]*(?:[eE][+-]?\d{1,3})?)"
    r"(?P<scale>[kKMBT]?)(?:\s*/\s*(?P<by>\d[\d_]{0,30}))?\s*(?P<unit>%|[A-Za-z]+)",
    re.ASCII,
)
_UNITS_LISTED = "steps, epochs, %, samples, tokens, frames, batches, s, min, h"
_SINGULAR = frozenset(word for word in UNIT_NAMES if {f"{word}s", f"{word}es"} & UNIT_NAMES.keys())
_MOST_TEXT = 200
_MOST = Fraction(10**18)  # beyond what a clock of 64 bits counts
NEGATIVE = "a length is not negative"
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
                raise fault.changed(refused=None if fault.sample is None else amount) from None
        if isinstance(amount, bool) or not isinstance(amount, (int, float, Integral)):
            raise _no_length(amount)
        if isinstance(amount, float) and not amount.is_integer():  # 5.0 is 5; what is infinite is no integer
            raise _no_length(amount)
        if amount < 0:
            sample = min(int(-amount), int(_MOST))
            site = f"length {shown(amount)}"
            raise InvalidArgument(site, NEGATIVE, f"Write {sample}", sample=sample, refused=amount)
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
            found = "more updates than a clock counts, 1e18"
            site = f"length {shown(amount if isinstance(amount, int) else ceil(amount))}"
            raise InvalidArgument(site, found, 'Write "100%"', sample="100%", refused=amount)
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
            raise Unresolved(f'length "{self}"', "not an integer number of updates yet", _RESOLVE_IT)
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


def durations_of(several: "Iterable[DurationLike | float]") -> tuple[Duration, ...]:
    """Read a list of lengths; a refusal suggests the whole list.

    Raises:
        InvalidArgument: one of them is not a duration.
    """
    try:
        given, read = list(several), list[Duration]()
    except TypeError:
        raise InvalidArgument(shown(several), "expected a list of lengths", 'Write ["10 epochs"]') from None
    for one in given:
        try:
            read.append(Duration.of(one))
        except InvalidArgument as refusal:
            if refusal.sample is None:
                raise
            raise refusal.changed(sample=[or_meant(other) for other in given], refused=several) from None
    return tuple(read)


def or_meant(one: "DurationLike | float") -> object:
    """A length as it was given, or what a refused one was meant to be."""
    try:
        Duration.of(one)
    except InvalidArgument as refusal:
        return refusal.sample
    return one


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
        meant = str(Duration(tuple((unit, -amount) for unit, amount in terms)))
        sample = int(meant) if meant.isdecimal() else meant
        raise InvalidArgument(f'length "{Duration(terms)}"', NEGATIVE, f"Write {_quoted(sample)}", sample=sample)
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
    word = word.lower()
    known = [name for name in UNIT_NAMES if len(name) > 3]
    close = get_close_matches(word, known, n=3, cutoff=0.7)
    # "epoks" begins as "epochs" does; "apples" is nearly as near to "samples".
    return next((name for name in close if name[0] == word[0] or get_close_matches(word, [name], cutoff=0.8)), None)


def _no_length(amount: object) -> InvalidArgument:
    """The error of a value that is neither a whole number nor a text; a part of one is a share of the run."""
    found = "expected a whole number of updates or a text with a unit"
    sample: int | str = "5%"
    if isinstance(amount, (list, tuple)) and len(amount) == 1 and isinstance(amount[0], (int, str)):
        sample = str(or_meant(amount[0])) if isinstance(amount[0], str) else amount[0]
    elif isinstance(amount, float) and 0 < amount < 1:
        sample = f"{_amount_text(_decimal(amount) * 100)}%"
    elif isinstance(amount, float) and 1 <= amount <= _MOST:
        sample = f"{_amount_text(_decimal(amount))} steps"
    if not isinstance(amount, float):
        found += f", got {type(amount).__name__}"
    site = f"length {shown(amount)}"
    return InvalidArgument(site, found, f"Write {_quoted(sample)}", sample=sample, refused=amount)


def _decimal(number: float) -> Fraction:
    return Fraction(repr(number))


def _quoted(sample: int | str) -> str:
    return f'"{sample}"' if isinstance(sample, str) else str(sample)


def _read_length(text: str) -> Duration:
    """A length from its text: amounts with units, added and subtracted."""
    line = text if len(text) <= 40 else text[:37] + "..."

    def refused(found: str, sample: int | str | None = None) -> InvalidArgument:
        sample = meant_length(bare) if sample is None else sample
        return InvalidArgument(f'length "{line}"', found, f"Write {_quoted(sample)}", sample=sample)

    bare = text.strip()
    if len(text) > _MOST_TEXT:
        raise refused(f"a text of {len(text)} characters is too long for a length", "5%")
    if bare.split(maxsplit=1)[0:1] == ["until"]:
        end = _read_length(bare.removeprefix("until"))
        if end.until:
            raise refused("it says until twice", str(end))
        return Duration(end.terms, until=True)
    if bare in _SINGULAR:
        bare = f"1 {bare}"
    if re.fullmatch(r"[+-]?[\d._]+(e[+-]?\d+)?(\s*/\s*[\d_]+)?", bare, re.IGNORECASE):
        raise refused("a number without a unit")
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
                raise refused(f'unknown unit "{unit}"; expected one of {_UNITS_LISTED}').changed(code=UNKNOWN_NAME)
            meant = f"{bare[: found.start('number')]}{meant}{bare[found.end() :]}"
            close = None if unit in UNITS_OF_PEERS else _close_unit(unit)
            clause = "" if close is None else f'; did you mean "{close}"?'
            raise refused(f'unknown unit "{unit}"{clause}', meant).changed(code=UNKNOWN_NAME, replace=(bare, meant))
        unit, times = UNIT_NAMES[found["unit"]]
        try:
            number = Fraction(found["number"].replace("_", "")) / int((found["by"] or "1").replace("_", ""))
        except (ValueError, ZeroDivisionError):
            raise refused("not an amount with a unit") from None
        amount = number * _SCALES[found["scale"]] * times * (-1 if found["sign"] == "-" else 1)
        if abs(amount) > _MOST:
            raise refused("more than a clock counts, 1e18", "100%")
        if 0 < abs(amount) < _LEAST:
            raise refused("less than any clock tells from nothing", 0)
        amounts[unit] = amounts.get(unit, Fraction(0)) + amount
        place = found.end()
        while place < len(bare) and bare[place].isspace():
            place += 1
    if not bare:
        raise refused("empty", "5%")
    return _duration_of(amounts)


_NUMBER_IN_TEXT = r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_WRITTEN_OTHERWISE = (  # spelled in another way than lengths are, and what is written here
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*([kKMBT])\Z"), r"\1\2 steps"),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),  # 5,000 steps
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:%%|per\s?cents?\b|%\s+of\b.*)", re.IGNORECASE), r"\1%"),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*([kKMBT])\s+(?=[A-Za-z])"), r"\1\2 "),  # 100 K tokens
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:[gGb]|bn|billion)\s+(?=[A-Za-z])"), r"\1B "),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:m|mn|million)\s+(?=[A-Za-z])"), r"\1M "),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:thousand)\s+(?=[A-Za-z])"), r"\1k "),
    (re.compile(rf"([A-Za-z]+)\s*[:=]?\s*({_NUMBER_IN_TEXT})"), r"\2 \1"),  # epochs 5
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*[-,:*.]\s*([A-Za-z]+)\.?"), r"\1 \2"),  # 5-epochs
    (re.compile(r"([A-Za-z%])\s*(?:,|and)?\s+(?=[0-9])"), r"\1 + "),  # 10 epochs 5 steps
)
_NUMBER_NAMES = {
    name: str(number)
    for number, name in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
}


def meant_length(text: str) -> int | str:
    """The length that a text was probably meant to be; with another unit, or a share of the run, where that is open.

    >>> meant_length("5,000 steps"), meant_length("100m tokens"), meant_length("epochs: 5"), meant_length("0.05")
    ('5000 steps', '100M tokens', '5 epochs', '5%')
    """
    text = text.strip()[:_MOST_TEXT]
    number = re.fullmatch(r"[+-]?([0-9._]+(?:e[+-]?[0-9]{1,3})?)", text, re.IGNORECASE)
    if number is not None:
        try:
            amount = Fraction(number[1].replace("_", ""))
        except ValueError:
            return "5%"
        if 0 < amount < 1:
            return f"{_amount_text(amount * 100)}%"
        return f"{_amount_text(amount)} steps" if amount <= _MOST and _decimal_places(amount) is not None else "5%"
    if re.fullmatch(rf"{_NUMBER_IN_TEXT}\s*/\s*[1-9][0-9_]*", text):
        return f"{text} steps"
    first, _, rest = text.partition(" ")
    spelled = f"{_NUMBER_NAMES.get(first.lower(), first)} {rest}".strip(" +-.,;")
    for meant in (spelled, *(pattern.sub(right, spelled) for pattern, right in _WRITTEN_OTHERWISE)):
        for candidate in (meant, re.sub("[A-Za-z]+", lambda word: _own_unit(word[0]), meant)):
            terms = map(_TERM.fullmatch, candidate.split(" + "))
            if all(one and one["unit"] in UNIT_NAMES and (one["by"] or "1").strip("0_") for one in terms):
                return candidate
    found = re.search(_NUMBER_IN_TEXT, text)
    return f"{found[0]} steps" if found and abs(Fraction(found[0])) <= _MOST else "5%"


def _own_unit(word: str) -> str:
    """A word as a unit of ours: `Epochs`, `ep` and `epoks` are epochs."""
    lower = word.lower()
    return lower if lower in UNIT_NAMES else UNITS_OF_PEERS.get(lower) or _close_unit(word) or word


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
