"""Durations of training in any unit, and amounts of a clock."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from numbers import Integral
from typing import Any, Final, TypeAlias, final

import numpy as np

from paramsched.base.params import argument_kind, short_name
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import with_plain_numbers
from paramsched.core.calls.number_checks import MOST_COUNT
from paramsched.core.curves.arrays import Array
from paramsched.core.time import messages
from paramsched.errors import InvalidArgument

PROGRESS: Final = "progress"
"""The clock whose amount is the fraction of the run that is done."""

WHOLE: Final = 10**9
"""The counts in the progress of a run. Integers meet a boundary exactly; 0.57 is not a float."""

COUNTS_OF_A_PERCENT: Final = WHOLE // 100


def counts_in_unit(clock: str) -> int:
    """Return the number of counts in one unit of a clock: schedules on the clock of progress count 1e-9.

    >>> counts_in_unit("tokens"), counts_in_unit("progress")
    (1, 1000000000)
    """
    return WHOLE if clock == PROGRESS else 1


def unit_of_lengths(clock: str) -> tuple[str, int]:
    """Return the unit of the lengths on a clock, and the number of counts in it.

    >>> unit_of_lengths("tokens"), unit_of_lengths("progress")
    (('tokens', 1), ('percent', 10000000))
    """
    return ("percent", COUNTS_OF_A_PERCENT) if clock == PROGRESS else (clock, counts_in_unit(clock))


def rounded_progress(progress: float) -> float:
    """Round a progress to a whole number of counts.

    >>> rounded_progress(1 / 3)
    0.333333333
    """
    return round(progress * WHOLE) / WHOLE


def rounded_array(progress: Array) -> Array:
    """Round an array of progress, each as `rounded_progress` does."""
    return np.rint(progress * WHOLE) / WHOLE


def amount_text(clock: str, amount: float) -> str:
    """Return the text of an amount on a clock, for messages.

    >>> amount_text("tokens", 4096), amount_text("progress", 0.57)
    ('4096 tokens', 'progress 0.57')
    """
    return f"{clock} {amount}" if clock == PROGRESS else f"{amount} {clock}"


def times_on(clock: str, amounts: Array) -> Array:
    """Return an array of amounts on a clock, or one number, as the times at which its schedules are evaluated.

    >>> times_on("progress", np.array([0.0, 0.57])).tolist(), times_on("tokens", np.array([4096])).tolist()
    ([0, 570000000], [4096])
    """
    if counts_in_unit(clock) == 1:
        return amounts
    return np.rint(amounts * WHOLE).astype(np.int64) if isinstance(amounts, np.ndarray) else round(amounts * WHOLE)


def rounded_on(clock: str, amount: float) -> float:
    """Round an amount as a clock counts it: progress to billionths, others not at all."""
    return rounded_progress(amount) if clock == PROGRESS else amount


def counts_whole(clock: str) -> bool:
    """Return whether the amounts of a clock are integers.

    >>> counts_whole("tokens"), counts_whole("progress")
    (True, False)
    """
    return clock != PROGRESS


def largest_on(clock: str | None) -> float:
    """Return the largest amount on a clock: 1 for progress.

    >>> largest_on("progress"), largest_on("tokens")
    (1, inf)
    """
    return 1 if clock == PROGRESS else inf


UNITS = ("updates", "epochs", "percent", "samples", "tokens", "frames", "batches")

UNIT_NAMES: dict[str, tuple[str, int]] = {
    word: (unit, times)
    for unit, times, words in (
        ("updates", 1, "step steps update updates iter iters iteration iterations"),
        ("epochs", 1, "epoch epochs"),
        ("percent", 1, "%"),
        ("samples", 1, "sample samples image images example examples"),
        ("tokens", 1, "token tokens"),
        ("frames", 1, "frame frames"),
        ("batches", 1, "batch batches"),
    )
    for word in words.split()
}
_SCALES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_WRITTEN_SCALES = {"T": 10**12, "B": 10**9, "M": 10**6}
_SCALED_UNITS = frozenset(("samples", "tokens", "frames"))
_MOST_SCALED_DIGITS = 3  # 1.281M samples, but 1281167 samples: more digits behind the point are not easier to read
_TERM: Final = (  # compiled at its first use, because that takes a thirtieth of the import of the library
    r"\s*(?P<sign>[+-]?)\s*(?P<number>\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d{1,3})?|\.\d[\d_]*(?:[eE][+-]?\d{1,3})?)"
    r"(?P<scale>[kKMBT]?)(?:\s*/\s*(?P<by>\d[\d_]{0,63}))?\s*(?P<unit>%|[A-Za-z]+)"
)
_COUNT: Final = re.compile(r"\d[\d_]*(?:\.\d+)?[kKMBT]?", re.ASCII)
"""A number of updates without its unit, in a length that was meant so."""
_SINGULAR = frozenset(word for word in UNIT_NAMES if {f"{word}s", f"{word}es"} & UNIT_NAMES.keys())
_MOST_TEXT = 200
MOST_AMOUNT: Final = Fraction(MOST_COUNT)
"""The largest amount of a length; below the largest 64-bit integer, so that clocks can count in 64 bits."""
_LEAST = 1 / MOST_AMOUNT


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
    '250B tokens'
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
            raise messages.expected_terms(self.terms)

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
            return _read_length(amount)
        if isinstance(amount, bool) or not isinstance(amount, (int, float, Integral)):
            raise messages.not_a_length(amount)
        if isinstance(amount, float) and not amount.is_integer():  # 5.0 counts as 5; infinity is not an integer
            raise messages.not_whole_updates(amount, _example_near(amount))
        return _of_updates(int(amount), amount)

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
        return _of_updates(amount, amount)

    @property
    def updates(self) -> int:
        """The length as an integer number of updates.

        Raises:
            Unresolved: the length contains a unit other than updates, or is not an integer.
        """
        amount = self.exact
        if amount is None or amount.denominator != 1:
            raise messages.not_in_whole_updates(str(self))
        return amount.numerator

    @property
    def number(self) -> int | Fraction:
        """The exact length in updates: an int if it is an integer, else a Fraction.

        Raises:
            Unresolved: the length contains a unit other than updates.
        """
        amount = self.exact
        if amount is None:
            raise messages.not_in_updates(str(self))
        return amount.numerator if amount.denominator == 1 else amount

    @property
    def count(self) -> int | float:
        """The length in updates as formulas use it: an int if it is an integer, else the nearest float.

        Raises:
            Unresolved: the length contains a unit other than updates.
        """
        return count_of(self.number)

    def __reduce__(self) -> Reduced:
        return pickled("Duration", self.until, *((unit, *amount.as_integer_ratio()) for unit, amount in self.terms))

    def __setstate__(self, state: list[Any]) -> None:
        """Take the state in a pickle of 1.0.0rc6.

        Raises:
            StateError: it has a unit that was removed.
        """
        terms, until = state
        for unit, amount in terms:
            if unit not in UNITS:
                raise messages.removed_unit(unit, amount)
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "until", until)

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
        added = Duration.of(other)
        if added.until:  # a stage with an end time ends at that time, whenever it starts
            return Duration(added.terms)
        return _duration_of(_summed_amounts(self, added, 1))

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
        for index, (unit, amount) in enumerate(self.terms):
            sign = "-" if amount < 0 else "+"
            term = _term_text(unit, abs(amount), alone=len(self.terms) == 1)
            text += (f" {sign} " if index else "-" if amount < 0 else "") + term
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
        return tuple(map(Duration.of, several))
    except TypeError:
        raise messages.not_a_list_of_lengths(several) from None


DurationLike: TypeAlias = Duration | str | int
short_name("Length", DurationLike)
"""A length as users write it: `"5%"`, `"10 epochs"`, `500` (updates; `500.0` is accepted too) or a Duration."""


Number: TypeAlias = int | Fraction
"""An exact number: an int if it is an integer."""


def exact_number(number: Number) -> Number:
    """Return an exact number as an int if it is an integer."""
    return number.numerator if number.denominator == 1 else number


MOST_DIGITS: Final = 64
"""The most digits of an exact number, above and below its fraction line, so that its text can be read."""
_TOO_LARGE: Final = 10**MOST_DIGITS
_GRID: Final = 10**46  # of rounded numbers, which are at most 1e18


def within_digits(number: Number) -> Number:
    """Return an exact number; one of more than 64 digits is rounded to a multiple of 1e-46.

    >>> within_digits(Fraction(10**70, 3**140)).denominator
    10000000000000000000000000000000000000000000000
    """
    if number.numerator < _TOO_LARGE and number.denominator < _TOO_LARGE:
        return exact_number(number)
    return exact_number(Fraction(round(number * _GRID), _GRID))


def count_of(number: Number) -> int | float:
    """Convert an exact number for use in a formula: to an int if it is an integer, else to a float."""
    return number.numerator if number.denominator == 1 else float(number)


def _summed_amounts(left: Duration, right: Duration, sign: int) -> dict[str, Fraction]:
    total = dict(left.terms)
    for unit, amount in right.terms:
        total[unit] = total.get(unit, Fraction(0)) + sign * amount
    return total


def _of_updates(amount: int | Fraction, refused: object) -> Duration:
    """Build a length in updates; `refused` is the number as the caller got it, for an error."""
    if amount > MOST_AMOUNT:
        raise messages.length_too_long(ceil(amount), MOST_COUNT, refused)
    if amount < 0:
        return _duration_of({"updates": Fraction(amount)}, refused)
    return Duration((("updates", Fraction(amount)),) if amount else ())


def _duration_of(amounts: dict[str, Fraction], refused: object = None) -> Duration:
    """Build a length from its amount in each unit; `refused` is the input that it is read from, for an error."""
    terms = tuple((unit, amounts[unit]) for unit in UNITS if amounts.get(unit))
    # Positive terms come first, because "100% - 10 epochs" is easier to read than "-10 epochs + 100%".
    terms = tuple(sorted(terms, key=lambda term: term[1] < 0))
    if terms and all(amount < 0 for _, amount in terms):
        positive = Duration(tuple((unit, min(-amount, MOST_AMOUNT)) for unit, amount in terms))
        raise messages.negative_length(Duration(terms).written(), positive.written(), refused)
    return Duration(terms)


def _example_near(number: float | str) -> str:
    """Return the length that a number without a unit is probably meant as: a percentage, or whole updates.

    >>> _example_near(0.05), _example_near(2500.5), _example_near("1000"), _example_near("1/3")
    ('"5%"', '"2500 steps"', '"1000 steps"', '"5%"')
    """
    try:
        amount = float(number)
    except ValueError:
        return '"5%"'
    if 1 <= amount <= MOST_AMOUNT:
        return f'"{int(amount)} steps"'
    return f'"{100 * amount:.6g}%"' if 1e-4 <= amount < 1 else '"5%"'


_NUMBER_ALONE: Final = r"[+-]?[\d._]+(e[+-]?\d+)?(\s*/\s*[\d_]+)?"


def _read_length(text: str) -> Duration:
    """Read a length from text: amounts with units, joined by + and -."""
    if len(text) > _MOST_TEXT:
        raise messages.text_too_long(text)
    first_words = text.split(maxsplit=2)[:2]
    if first_words == ["until", "until"]:
        raise messages.until_twice(text)
    is_end = first_words[:1] == ["until"]
    bare = text.strip().removeprefix("until").strip() if is_end else text.strip()
    if not bare:
        raise messages.text_is_empty(text)
    if bare in _SINGULAR:
        bare = f"1 {bare}"
    if re.fullmatch(_NUMBER_ALONE, bare, re.IGNORECASE):
        raise messages.negative_number(text) if bare[0] == "-" else messages.unit_is_missing(text, _example_near(bare))
    amounts: dict[str, Fraction] = {}
    index = 0
    while index < len(bare):
        unit, amount, index = _term_at(bare, index, text)
        amounts[unit] = amounts.get(unit, Fraction(0)) + amount
    return Duration(_duration_of(amounts, text).terms, is_end)


def _term_at(bare: str, index: int, text: str) -> tuple[str, Fraction, int]:
    """Return the unit and the amount of the term that begins at a place in `bare`, and the place of the next one.

    Args:
        bare: the text of a length without `until`.
        index: the begin of the term.
        text: the text of the user, for errors.
    """
    match = re.compile(_TERM, re.ASCII).match(bare, index)
    if match is None or (index and not match["sign"]):
        raise messages.expected_number_with_unit(text, _meant_length(text))
    if match["unit"] not in UNIT_NAMES:
        raise messages.unknown_unit(text, match["unit"], _meant_length(text))
    unit, times = UNIT_NAMES[match["unit"]]
    try:
        number = Fraction(match["number"].replace("_", "")) / int((match["by"] or "1").replace("_", ""))
    except (ValueError, ZeroDivisionError):
        raise messages.expected_number_with_unit(text) from None
    amount = number * _SCALES[match["scale"]] * times
    if amount > MOST_AMOUNT:
        raise messages.amount_too_large(text, MOST_COUNT)
    if 0 < amount < _LEAST:
        raise messages.amount_too_small(text, float(_LEAST))
    after = bare[match.end() :].lstrip()
    return unit, -amount if match["sign"] == "-" else amount, len(bare) - len(after)


def _meant_length(text: str) -> str | None:
    """Return a length with our units in place of misspelled ones and those of other libraries; None if it has others.

    >>> [_meant_length(text) for text in ("5 ep", "2b tokens", "10 percent", "0.5dur", "100% - 3 epoks", "5 miles")]
    ['5 epochs', '2B tokens', '10%', '50%', '100% - 3 epochs', None]
    >>> [_meant_length(text) for text in ("1,000 steps", "2,5%", "1k", "10,000", "1.5M")]
    ['1000 steps', '2.5%', '1k steps', '10000 steps', '1.5M steps']
    """
    from paramsched.base.foreign_names import with_own_units

    plain = with_plain_numbers(text.strip())
    meant = f"{plain} steps" if _COUNT.fullmatch(plain) else with_own_units(plain, UNIT_NAMES)
    if meant == text:
        return None
    try:
        Duration.of(meant)
    except InvalidArgument:
        return None
    return meant


def _term_text(unit: str, amount: Fraction, *, alone: bool) -> str:
    """Write one amount with its unit, as a user would."""
    if unit == "percent":
        return f"{_exact_text(amount)}%"
    if unit == "updates":
        if alone and amount.denominator == 1:
            return _exact_text(amount)
        return "1 step" if amount == 1 else f"{_exact_text(amount)} steps"
    if amount == 1:
        return "1 batch" if unit == "batches" else f"1 {unit[:-1]}"
    return f"{_scaled_text(amount) if unit in _SCALED_UNITS else _exact_text(amount)} {unit}"


def count_text(count: Fraction, unit: str) -> str:
    """Return a count with its unit for a message: with up to 12 digits, or with M, B or T as in a length.

    >>> count_text(Fraction(-2_000_000), "tokens"), count_text(Fraction(2_000_000), "updates")
    ('-2M tokens', '2000000 updates')
    """
    if unit not in _SCALED_UNITS or count.denominator > 1:
        return f"{float(count):.12g} {unit}"
    return f"{'-' * (count < 0)}{_scaled_text(abs(count))} {unit}"


def _scaled_text(amount: Fraction) -> str:
    """Write an amount from a million on with M, B or T, if that is exact with a few digits behind the point.

    >>> [_scaled_text(Fraction(amount)) for amount in (2 * 10**12, 1_500_000, 1_281_167, Fraction(10**7, 3))]
    ['2T', '1.5M', '1281167', '10000000/3']
    """
    for scale, size in _WRITTEN_SCALES.items():
        digits = _decimal_places(amount / size)
        if amount >= size and digits is not None and digits <= _MOST_SCALED_DIGITS:
            return f"{_exact_text(amount / size)}{scale}"
    return _exact_text(amount)


def _exact_text(amount: Fraction) -> str:
    """Write an exact amount: with all its decimal digits, or as a fraction if it has no finite decimal form."""
    digits = _decimal_places(amount)
    if digits is None or digits > MOST_DIGITS:
        return f"{amount.numerator}/{amount.denominator}"
    scaled = str(int(amount * 10**digits)).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}" if digits else scaled


def _decimal_places(amount: Fraction) -> int | None:
    """Return the number of decimal places that `amount` needs; None if no finite number is enough."""
    rest = amount.denominator
    twos = 0
    fives = 0
    while rest % 2 == 0:
        rest = rest // 2
        twos = twos + 1
    while rest % 5 == 0:
        rest = rest // 5
        fives = fives + 1
    return max(twos, fives) if rest == 1 else None


@restores("Duration")
def _restored(until: bool, *terms: tuple[str, int, int]) -> Duration:
    return Duration(tuple((unit, Fraction(numerator, denominator)) for unit, numerator, denominator in terms), until)
