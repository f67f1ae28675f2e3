"""Duration: an exact amount of training with its unit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil
from numbers import Integral
from typing import Any, TypeAlias, final

from paramsched.core.advice.number_checks import number_in_array
from paramsched.core.advice.peer_words import UNITS as UNITS_OF_PEERS
from paramsched.core.base.advise import keeps_numbers
from paramsched.core.base.codes import UNKNOWN_NAME
from paramsched.core.base.near_names import names_within_a_slip
from paramsched.core.base.params import argument_kind
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
_MOST = Fraction(10**18)  # below the largest 64-bit integer, so that clocks can count in 64 bits
NEGATIVE = "a length must not be negative"
_LEAST = 1 / _MOST
_RESOLVE_IT = "For example: ps.resolve(schedule, ps.Calendar(...))"


@argument_kind("length")
@final
@dataclass(frozen=True, slots=True, repr=False)
class Duration:
    """An amount of training time: a sum of exact amounts, one for each unit in use.

    `Duration.of` reads a length as users write it. A length stays an exact fraction until `resolve` rounds each
    boundary up, once. The period of a repeated schedule stays a fraction, because each of its multiples is rounded
    separately.

    Args:
        terms: pairs (unit, amount), in the order of `UNITS`. No amount is zero.
        until: True if the duration is the time at which a stage ends, counted from the start of the sequence. By
            default it is the length of a stage.

    >>> str(Duration.of("1_000 iters")), str(Duration.of("2.5e3 steps"))
    ('1000', '2500')
    >>> str(Duration.of("250B tokens"))
    '250000000000 tokens'
    >>> str(Duration.of("100% - 10 epochs"))
    '100% - 10 epochs'
    >>> Duration.of("500 steps") == Duration.of(500)
    True
    >>> str(Duration.of("3002.40 steps")), str(Duration.of("2k/6 steps"))
    ('3002.4 steps', '1000/3 steps')
    >>> str(Duration.of("1M/3 samples"))
    '1000000/3 samples'
    """

    terms: tuple[tuple[str, Fraction], ...]
    until: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.terms, tuple):
            site, found = f"Duration({shown(self.terms)})", "expected pairs of unit and amount; Duration.of reads text"
            raise InvalidArgument(site, found, write=f"ps.Duration.of({or_meant(self.terms)!r})")

    @staticmethod
    def of(amount: "DurationLike | float") -> "Duration":
        """Read a length: `"5%"`, `"10 epochs"`, `"1e6 samples"`, `"1/3 epoch"`, a sum of these, or a number of updates.

        Args:
            amount: text with units, an integer number of updates, or a Duration.

        Raises:
            InvalidArgument: `amount` is not a length, or it is negative.
        """
        if isinstance(amount, Duration):
            return amount
        if isinstance(amount, str):
            try:
                return _read_length(amount)
            except InvalidArgument as fault:
                if (meant := or_meant(fault.sample)) != fault.sample:  # the corrected text has another mistake
                    fault = fault.changed(sample=meant, write=_quoted(meant), replace=None)
                is_example = fault.is_example or not keeps_numbers(amount, meant)
                raise fault.changed(refused=amount, write=fault.write, is_example=is_example) from None
        if isinstance(amount, bool) or not isinstance(amount, (int, float, Integral)):
            raise _no_length(amount)
        if isinstance(amount, float) and not amount.is_integer():  # 5.0 counts as 5; infinity is not an integer
            raise _no_length(amount)
        if amount < 0:
            sample = min(int(-amount), int(_MOST))
            site = f"length {shown(amount)}"
            raise InvalidArgument(site, NEGATIVE, write=f"{sample}", is_example=True, sample=sample, refused=amount)
        return Duration.of_updates(int(amount))

    @staticmethod
    def of_updates(amount: int | Fraction) -> "Duration":
        """Return a duration of `amount` updates, which may be a fraction.

        Raises:
            InvalidArgument: `amount` is negative or more than 1e18.

        >>> Duration.of_updates(Fraction(1251 * 24, 10)).written()
        '"3002.4 steps"'
        >>> Duration.of_updates(30).written()
        '30'
        """
        if amount > _MOST:
            found = "a length must be at most 1e18 updates"
            site = f"length {shown(amount if isinstance(amount, int) else ceil(amount))}"
            raise InvalidArgument(site, found, write='"100%"', is_example=True, sample="100%", refused=amount)
        if amount < 0:
            return _duration_of({"updates": Fraction(amount)})
        return Duration((("updates", Fraction(amount)),) if amount else ())

    @property
    def updates(self) -> int:
        """The length as an integer number of updates.

        Raises:
            Unresolved: the length contains a unit other than updates, or is not an integer.
        """
        amount = self.exact
        if amount is None or amount.denominator != 1:
            raise Unresolved(f'length "{self}"', "not an integer number of updates yet", _RESOLVE_IT)
        return amount.numerator

    @property
    def number(self) -> int | Fraction:
        """The exact length in updates: an int if it is an integer, else a Fraction.

        Raises:
            Unresolved: the length contains a unit other than updates.
        """
        amount = self.exact
        if amount is None:
            raise Unresolved(f'length "{self}"', "not in updates yet", _RESOLVE_IT)
        return amount.numerator if amount.denominator == 1 else amount

    @property
    def count(self) -> int | float:
        """The length in updates as formulas use it: an int if it is an integer, else the nearest float.

        Raises:
            Unresolved: the length contains a unit other than updates.
        """
        return count_of(self.number)

    def __ceil__(self) -> int:
        """Return the first update after the end: the length in updates, rounded up."""
        return ceil(self.number)

    @property
    def exact(self) -> Fraction | None:
        """The length in updates as a fraction; None if it contains a unit other than updates, or is an `until` time."""
        if self.until:
            return None
        if not self.terms:
            return Fraction(0)
        unit, amount = self.terms[0]
        return amount if unit == "updates" and len(self.terms) == 1 else None

    @property
    def is_resolved(self) -> bool:
        """True if the length is an integer number of updates."""
        amount = self.exact
        return amount is not None and amount.denominator == 1

    def __add__(self, other: "DurationLike") -> "Duration":
        other = Duration.of(other)
        if other.until:  # a stage with an end time ends at that time, whenever it starts
            return Duration(other.terms)
        return _duration_of(_summed_amounts(self, other, 1))

    def __sub__(self, other: "DurationLike") -> "Duration":
        if self.until:
            return self
        return _duration_of(_summed_amounts(self, Duration.of(other), -1))

    def __repr__(self) -> str:
        return f"Duration.of({self.written()})"

    def __str__(self) -> str:
        if self.until:
            end = str(Duration(self.terms))
            return f"until {end} steps" if end.isdecimal() else f"until {end}"
        if not self.terms:
            return "0"
        text = ""
        for place, (unit, amount) in enumerate(self.terms):
            sign = "-" if amount < 0 else "+"
            term = _term_text(unit, abs(amount), alone=len(self.terms) == 1)
            text += (f" {sign} " if place else "-" if amount < 0 else "") + term
        return text

    def written(self) -> str:
        """Return the length as an argument in a schedule's text: an integer, or quoted text with units."""
        return str(self.updates) if self.is_resolved else f'"{self}"'


def durations_of(several: "Iterable[DurationLike | float]") -> tuple[Duration, ...]:
    """Read a list of lengths. An error suggests the corrected list.

    Raises:
        InvalidArgument: `several` is not a list, or one of its items is not a length.
    """
    try:
        lengths, read = list(several), list[Duration]()
    except TypeError:
        raise InvalidArgument(
            shown(several), "expected a list of lengths", write='["10 epochs"]', is_example=True
        ) from None
    for one in lengths:
        try:
            read.append(Duration.of(one))
        except InvalidArgument as refusal:
            raise refusal.changed(sample=[or_meant(other) for other in lengths], refused=several) from None
    return tuple(read)


def or_meant(one: Any) -> Any:
    """Return the length unchanged if it is valid, else the suggested correction."""
    try:
        Duration.of(one)
    except InvalidArgument as refusal:
        return refusal.sample
    return one


DurationLike: TypeAlias = Duration | str | int
"""A length as users write it: `"5%"`, `"10 epochs"`, `500` (updates; `500.0` is accepted too) or a Duration."""


def count_of(number: int | Fraction) -> int | float:
    """Convert an exact number for use in a formula: to an int if it is an integer, else to a float."""
    return number.numerator if number.denominator == 1 else float(number)


def _summed_amounts(left: Duration, right: Duration, sign: int) -> dict[str, Fraction]:
    total = dict(left.terms)
    for unit, amount in right.terms:
        total[unit] = total.get(unit, Fraction(0)) + sign * amount
    return total


def _duration_of(amounts: dict[str, Fraction]) -> Duration:
    """Build a length from its amount in each unit."""
    terms = tuple((unit, amounts[unit]) for unit in UNITS if amounts.get(unit))
    # Positive terms come first, because "100% - 10 epochs" is easier to read than "-10 epochs + 100%".
    terms = tuple(sorted(terms, key=lambda term: term[1] < 0))
    if terms and all(amount < 0 for _, amount in terms):
        meant = str(Duration(tuple((unit, -amount) for unit, amount in terms)))
        sample = int(meant) if meant.isdecimal() else meant
        site = f'length "{Duration(terms)}"'
        raise InvalidArgument(site, NEGATIVE, write=_quoted(sample), is_example=True, sample=sample)
    return Duration(terms)


def length_with_unit(number: str, unit: str) -> str | None:
    """Write a number and a unit as a length; return None if the unit is unknown.

    The unit may be another library's name for it, or misspelled.

    >>> length_with_unit("10", "ep"), length_with_unit("0.06", "dur"), length_with_unit("3", "apples")
    ('10 epochs', '6%', None)
    """
    scales = [("", unit), *((scale, unit[1:].strip()) for scale in _SCALES if scale and unit.startswith(scale))]
    # A peer's unit after a scale before a similar one without: 2kba are 2k steps.
    for (scale, word), unit_of in ((one, unit_of) for unit_of in (_unit_of_peer, close_unit) for one in scales):
        ours = unit_of(word)
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


def _unit_of_peer(word: str) -> str | None:
    return UNITS_OF_PEERS.get(word) or UNITS_OF_PEERS.get(word.lower())


@lru_cache(maxsize=1024)
def close_unit(word: str) -> str | None:
    """Return the unit of which `word` is a slip; None if there is none, or if several have other meanings.

    Short units are skipped, because they resemble too many words: "msec" and "sec". The result is cached, because a
    mistake is often repeated in a file.

    >>> close_unit("epoks"), close_unit("epohs"), close_unit("apples")
    ('epochs', 'epochs', None)
    """
    near = names_within_a_slip(word, (name for name in UNIT_NAMES if len(name) > 3 or name == word.lower()))
    near = [name for name in near if not word.endswith(name) or name == word]  # "mseconds" are other seconds
    return max(near, key=len) if len({UNIT_NAMES[name] for name in near}) == 1 else None


def _no_length(amount: object) -> InvalidArgument:
    """Return the error for a length that is neither an integer nor text. For 0.05, it suggests "5%"."""
    found = "expected an integer number of updates or text with a unit"
    sample: int | str = "5%"
    number = number_in_array(amount)
    if isinstance(number, int) and number > 0:
        sample = number
    elif isinstance(amount, (list, tuple)) and len(amount) == 1 and isinstance(amount[0], (int, str)):
        sample = or_meant(amount[0])
    elif isinstance(amount, float) and 0 < amount < 1:
        sample = f"{_amount_text(_decimal(amount) * 100)}%"
    elif isinstance(amount, float) and 1 <= amount <= _MOST:
        sample = f"{_amount_text(_decimal(amount))} steps"
    if not isinstance(amount, float):
        found += f", got {type(amount).__name__}"
    kept = keeps_numbers(amount, sample)
    site = f"length {shown(amount)}"
    return InvalidArgument(site, found, write=_quoted(sample), is_example=not kept, sample=sample, refused=amount)


def _decimal(number: float) -> Fraction:
    return Fraction(repr(float(number)))


def _quoted(sample: int | str) -> str:
    return f'"{sample}"' if isinstance(sample, str) else str(sample)


def _read_length(text: str) -> Duration:
    """Read a length from text: amounts with units, joined by + and -."""
    line = text if len(text) <= 40 else text[:37] + "..."

    def refused(found: str, sample: int | str | None = None) -> InvalidArgument:
        sample = meant_length(bare) if sample is None else sample
        return InvalidArgument(f'length "{line}"', found, write=f"{_quoted(sample)}", sample=sample)

    bare = text.strip()
    if len(text) > _MOST_TEXT:
        raise refused(f"a text of {len(text)} characters is too long for a length", "5%")
    if bare.split(maxsplit=1)[0:1] == ["until"]:
        try:
            end = _read_length(bare.removeprefix("until"))
        except InvalidArgument as fault:
            whole = f"until {str(fault.sample).removeprefix('until ')}{' steps' * isinstance(fault.sample, int)}"
            raise fault.changed(
                site=f'length "{line}"', write=_quoted(whole), sample=whole, is_example=fault.is_example
            ) from None
        if end.until:
            raise refused('"until" is written twice', str(end))
        return Duration(end.terms, until=True)
    if bare in _SINGULAR:
        bare = f"1 {bare}"
    if re.fullmatch(r"[+-]?[\d._]+(e[+-]?\d+)?(\s*/\s*[\d_]+)?", bare, re.IGNORECASE):
        raise refused(NEGATIVE if bare[0] == "-" else "expected a unit after the number")
    amounts: dict[str, Fraction] = {}
    place = 0
    while place < len(bare):
        found = _TERM.match(bare, place)
        if found is None or (place and not found["sign"]):
            raise refused("expected a number with a unit")
        if found["unit"] not in UNIT_NAMES:
            unit = found["unit"]
            meant = None if found["by"] else length_with_unit(found["number"], found["scale"] + unit)
            if meant is None:
                unknown = refused(f'unknown unit "{unit}"; expected one of {_UNITS_LISTED}')
                is_example = unknown.sample == f"{found['number']} steps"  # of a unit that nothing means
                raise unknown.changed(code=UNKNOWN_NAME, write=unknown.write, is_example=is_example)
            meant = f"{bare[: found.start('number')]}{meant}{bare[found.end() :]}"
            close = None if unit in UNITS_OF_PEERS else close_unit(unit)
            clause = "" if close is None else f'; did you mean "{close}"?'
            is_certain = len(unit) > 1 and f"{found['number']}{found['scale']}" in meant.replace(" ", "")
            replace = (bare, meant) if is_certain else None
            raise refused(f'unknown unit "{unit}"{clause}', meant).changed(code=UNKNOWN_NAME, replace=replace)
        unit, times = UNIT_NAMES[found["unit"]]
        try:
            number = Fraction(found["number"].replace("_", "")) / int((found["by"] or "1").replace("_", ""))
        except (ValueError, ZeroDivisionError):
            raise refused("expected a number with a unit") from None
        amount = number * _SCALES[found["scale"]] * times * (-1 if found["sign"] == "-" else 1)
        if abs(amount) > _MOST:
            raise refused("an amount must be at most 1e18", "100%")
        if 0 < abs(amount) < _LEAST:
            raise refused("an amount must be 0 or at least 1e-18", 0)
        amounts[unit] = amounts.get(unit, Fraction(0)) + amount
        place = found.end()
        while place < len(bare) and bare[place].isspace():
            place += 1
    if not bare:
        raise refused("the text is empty", "5%")
    return _duration_of(amounts)


_NUMBER_IN_TEXT = r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_SPELLING_FIXES = (  # patterns of other spellings, each with its replacement
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*([kKMBT])\Z"), r"\1\2 steps"),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:%%|per\s?cents?\b|%\s+of\b.*)", re.IGNORECASE), r"\1%"),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*([kKMBT])\s+(?=[A-Za-z])"), r"\1\2 "),  # 100 K tokens
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:[gGb]|bn|billion)\s+(?=[A-Za-z])"), r"\1B "),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:m|mn|million)\s+(?=[A-Za-z])"), r"\1M "),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*(?:thousand)\s+(?=[A-Za-z])"), r"\1k "),
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*h\s*([0-5]?[0-9])\s*m?\Z", re.IGNORECASE), r"\1 h + \2 min"),  # 1h30
    (re.compile(rf"\A([A-Za-z]+)\s*[:=]?\s*({_NUMBER_IN_TEXT})"), r"\2 \1"),  # epochs 5
    (re.compile(rf"({_NUMBER_IN_TEXT})\s*[-,:*.]\s*([A-Za-z]+)\.?"), r"\1 \2"),  # 5-epochs
    (re.compile(r"([A-Za-z%])\s*(?:,|and)?\s+(?=[0-9])"), r"\1 + "),  # 10 epochs 5 steps
)
_MILLISECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:ms|msecs?|millis|milliseconds?)\b", re.IGNORECASE)
_NUMBER_NAMES = {
    name: str(number)
    for number, name in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
}


def meant_length(text: str) -> int | str:
    """Return the length that `text` probably means. A bare number gets a unit: "steps", or "%" if it is below 1.

    >>> meant_length("5,000 steps"), meant_length("100m tokens"), meant_length("epochs: 5"), meant_length("0.05")
    ('5000 steps', '100M tokens', '5 epochs', '5%')
    """
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text.strip()[:_MOST_TEXT])  # 5,000 steps
    number = re.fullmatch(r"[+-]?([0-9._]+(?:e[+-]?[0-9]{1,3})?)", text, re.IGNORECASE)
    if number is not None:
        try:
            amount = Fraction(number[1].replace("_", ""))
        except ValueError:
            return "5%"
        if 0 < amount < 1:
            return f"{_amount_text(amount * 100)}%"
        return f"{_amount_text(amount)} steps" if amount <= _MOST else "5%"
    if re.fullmatch(rf"{_NUMBER_IN_TEXT}\s*/\s*[1-9][0-9_]*", text):
        return f"{text} steps"
    first, _, rest = text.partition(" ")
    spelled = f"{_NUMBER_NAMES.get(first.lower(), first)} {rest}".strip(" +-.,;")
    spelled = _MILLISECONDS.sub(lambda one: f"{_amount_text(Fraction(one[1]) / 1000)} s", spelled)
    for meant in (spelled, *(pattern.sub(right, spelled) for pattern, right in _SPELLING_FIXES)):
        for candidate in (meant, re.sub("[A-Za-z]+", lambda word: _unit_meant_by(word[0]), meant)):
            terms = map(_TERM.fullmatch, candidate.split(" + "))
            if all(
                one and not one["sign"] and one["unit"] in UNIT_NAMES and (one["by"] or "1").strip("0_")
                for one in terms
            ):
                return candidate
    found = re.search(_NUMBER_IN_TEXT, text)
    return f"{found[0]} steps" if found and Fraction(found[0]) <= _MOST else "5%"


def _unit_meant_by(word: str) -> str:
    """Return the unit that `word` means: "epochs" for `Epochs`, `ep` and `epoks`; `word` itself if it is unknown."""
    lower = word.lower()
    return lower if lower in UNIT_NAMES else UNITS_OF_PEERS.get(lower) or close_unit(word) or word


def _term_text(unit: str, amount: Fraction, *, alone: bool) -> str:
    """Write one amount with its unit, as a user would."""
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
    """Write an exact amount: with all its decimal digits, or as a fraction if it has no finite decimal form."""
    digits = _decimal_places(amount)
    if digits is None:
        return f"{amount.numerator}/{amount.denominator}"
    scaled = str(int(amount * 10**digits)).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}" if digits else scaled


def _decimal_places(amount: Fraction) -> int | None:
    """Return the number of decimal places that `amount` needs; None if no finite number is enough."""
    rest, twos, fives = amount.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None
