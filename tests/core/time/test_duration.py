"""Durations: every unit, sums, and invalid lengths."""

from ast import literal_eval
from fractions import Fraction
from math import ceil

import pytest

from paramsched.core.time import Duration
from paramsched.core.time.duration import durations_of
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table


@table(
    ("text", "unit", "amount"),
    [
        ("500 steps", "updates", 500),
        ("500 updates", "updates", 500),
        ("500 iters", "updates", 500),
        ("1 iteration", "updates", 1),
        ("step", "updates", 1),
        ("epoch", "epochs", 1),
        ("10 epochs", "epochs", 10),
        ("0.5 epochs", "epochs", Fraction(1, 2)),
        ("5%", "percent", 5),
        (" 5 % ", "percent", 5),
        ("+5%", "percent", 5),
        ("0.07%", "percent", Fraction(7, 100)),
        (".5%", "percent", Fraction(1, 2)),
        ("1e6 samples", "samples", 10**6),
        ("1_000 samples", "samples", 1000),
        ("2.5e3 tokens", "tokens", 2500),
        ("3k tokens", "tokens", 3000),
        ("2M tokens", "tokens", 2 * 10**6),
        ("250B tokens", "tokens", 250 * 10**9),
        ("1.5T tokens", "tokens", 1500 * 10**9),
        ("100K tokens", "tokens", 100_000),
        ("100k tokens", "tokens", 100_000),
        ("90 min", "seconds", 5400),
        ("1.5 h", "seconds", 5400),
        ("10 s", "seconds", 10),
        ("5% + 5%", "percent", 10),
    ],
)
def test_an_amount_with_a_unit_is_a_duration(text, unit, amount):
    assert Duration.of(text).terms == ((unit, Fraction(amount)),)


@table(
    ("text", "written"),
    [
        ("1_000 iters", "1000"),
        ("0.5 steps", "0.5 steps"),
        ("100% - 10 epochs", "100% - 10 epochs"),
        ("- 10 epochs + 100%", "100% - 10 epochs"),
        ("1 epochs", "1 epoch"),
        ("5400 s", "90 min"),
        ("7200 s", "2 h"),
        ("7 s", "7 s"),
        ("2 epochs + 3 steps + 1%", "3 steps + 2 epochs + 1%"),
        ("5% - 5%", "0"),
        ("0 epochs", "0"),
        ("batch", "1 batch"),
        ("2 batches + 1 step + 1 frame + 60 s", "1 step + 1 min + 1 frame + 2 batches"),
        ("2% + 0.5 epochs", "0.5 epochs + 2%"),
        ("1e18 tokens", "1000000T tokens"),
        ("2_000B tokens", "2T tokens"),
        ("1_500_000 frames", "1.5M frames"),
        ("999_999 samples", "999999 samples"),
        ("1_281_167 samples", "1281167 samples"),
        ("20M steps", "20000000"),
        ("1e-18 epochs", "0.000000000000000001 epochs"),
        ("5 epochs\t+\n 5 %", "5 epochs + 5%"),
        ("3 steps - 2 epochs - 1%", "3 steps - 2 epochs - 1%"),
        ("1 epoch - 1 epoch + 5 s", "5 s"),
        ("1 s" + " " * 197, "1 s"),  # 200 characters
    ],
)
def test_a_duration_is_written_in_canonical_form_and_reads_back(text, written):
    duration = Duration.of(text)

    assert str(duration) == written
    assert duration.written() == (written if written.isdigit() else f'"{written}"')
    if not written.isdigit():
        assert Duration.of(written) == duration


def test_a_share_keeps_the_decimal_as_written():
    assert Duration.of("0.07%").terms[0][1] * 100 == 7  # ceil(0.07 * 100) would be 8


@pytest.mark.parametrize("number", [0, 1, 10**18])
def test_an_integer_counts_updates(number):
    assert Duration.of(number).updates == number


def test_sums_and_differences_are_exact():
    third = Duration.of("0.1 epochs")

    assert third + third + third == Duration.of("0.3 epochs")
    assert Duration.of("1 epoch") - third == Duration.of("0.9 epochs")


@table(
    "length",
    [
        float("nan"),
        [5],
        -1,
        -5.0,
        -(10**19),
        10**18 + 1,
        1e19,
        "-5 steps",
        "1% - 2%",
        "",
        "  ",
        "500",
        "1e3",
        "5 percent",
        "5 epoch s",
        "5 epohcs",
        "5 Epochs",
        "10 ep",
        "1 step + 5 epohcs",
        "5 apples",
        "1/3 ep",
        "five epochs",
        "5% 3%",
        "5% +",
        "1.1e18 steps",
        "1e999 steps",
        "0.9e-18 steps",
        "nan steps",
        "٣ steps",
        "1 s" + " " * 198,
        "until",
        "until -5 epochs",
        "until 5 epohcs",
        "until -5 steps",
        "until until -5%",
        "10 ep + 5 ep",
        "2 S",
        "1 H + 30 Min.",
    ],
)
def test_an_invalid_length_is_rejected_with_a_valid_one(length):
    with pytest.raises(InvalidArgument) as refusal:
        Duration.of(length)

    assert refusal.value.refused is length
    assert Duration.of(literal_eval(refusal.value.problem.advice.removeprefix("For example: ")))


@pytest.mark.parametrize("text", ["5%", "1 epoch", "0.5 steps"])
def test_only_resolved_lengths_have_updates(text):
    with pytest.raises(Unresolved, match="resolve"):
        _ = Duration.of(text).updates

    assert not Duration.of(text).is_resolved


@table(
    ("text", "written", "amount"),
    [
        ("3002.4 steps", "3002.4 steps", Fraction(15012, 5)),
        ("3002.40 iters", "3002.4 steps", Fraction(15012, 5)),
        ("1000/3 steps", "1000/3 steps", Fraction(1000, 3)),
        ("1_000 / 3 steps", "1000/3 steps", Fraction(1000, 3)),
        ("2000/6steps", "1000/3 steps", Fraction(1000, 3)),
        ("1.5k/4 steps", "375", Fraction(375)),
        ("5/8 steps", "0.625 steps", Fraction(5, 8)),
        ("1/3 epoch", "1/3 epochs", Fraction(1, 3)),
        ("2M/3 samples", "2000000/3 samples", Fraction(2_000_000, 3)),
        ("100/3%", "100/3%", Fraction(100, 3)),
        ("100% - 10/3 epochs", "100% - 10/3 epochs", Fraction(100)),
        ("4000/3 s", "4000/3 s", Fraction(4000, 3)),
    ],
)
def test_a_fraction_is_written_as_a_decimal_if_possible(text, written, amount):
    duration = Duration.of(text)

    assert str(duration) == written
    assert amount in [found for _, found in duration.terms]
    if not written.isdigit():
        assert Duration.of(written) == duration


@table("text", ["1000/0 steps", "1000/3.5 steps", "1000/-3 steps", "1/2/3 steps", "/3 steps", "5/ steps"])
def test_an_invalid_fraction_is_rejected(text):
    with pytest.raises(InvalidArgument, match="expected a number with a unit"):
        Duration.of(text)


def test_fractional_updates_are_available_exactly_and_as_a_float():
    part = Duration.of_updates(Fraction(1000, 3))

    assert (part.number, part.count, ceil(part)) == (Fraction(1000, 3), 1000 / 3, 334)
    assert part == Duration.of("1000/3 steps")
    assert not part.is_resolved


def test_integral_updates_are_integers_everywhere():
    whole = Duration.of_updates(Fraction(90, 3))

    assert whole == Duration.of(30)
    assert [type(amount) for amount in (whole.updates, whole.number, whole.count, ceil(whole))] == [int] * 4


def test_an_amount_in_another_unit_is_not_a_number_of_updates():
    with pytest.raises(Unresolved, match="resolve"):
        _ = Duration.of("1/3 epoch").number
    with pytest.raises(Unresolved, match="resolve"):
        ceil(Duration.of("5%"))


@table("amount", [-1, Fraction(-1, 3), 10**18 + 1, Fraction(10**19, 3)])
def test_numbers_of_updates_out_of_range_are_rejected(amount):
    with pytest.raises(InvalidArgument):
        Duration.of_updates(amount)


def test_a_number_of_updates_is_exact_and_within_its_limits():
    assert Duration.of_updates(0).terms == Duration.of(0).terms == ()
    assert Duration.of_updates(1).terms == (("updates", 1),)
    assert Duration.of_updates(Fraction(1, 2)).terms == (("updates", Fraction(1, 2)),)
    assert Duration.of_updates(10**18).updates == 10**18
    for wrong in (-1, Fraction(-1, 2), 10**18 + 1):
        with pytest.raises(InvalidArgument):
            Duration.of_updates(wrong)


def test_until_is_the_time_of_an_end():
    end = Duration.of(" until 5% + 1 epoch")

    assert end.until
    assert end.terms == Duration.of("5% + 1 epoch").terms
    assert str(end) == "until 1 epoch + 5%"
    assert Duration.of(str(end)) == end
    assert str(Duration.of("until 30 steps")) == "until 30 steps"
    assert not Duration.of("5% + 1 epoch").until
    with pytest.raises(InvalidArgument, match="written twice"):
        Duration.of("until until 5%")


@table(
    ("left", "right", "added", "subtracted"),
    [
        ("5 epochs", "2 epochs", "7 epochs", "3 epochs"),
        ("100%", "10 epochs", "10 epochs + 100%", "100% - 10 epochs"),
        ("30 steps", "30 steps", "60", "0"),
    ],
)
def test_lengths_are_added_by_unit_and_an_end_is_not_moved(left, right, added, subtracted):
    first, second = Duration.of(left), Duration.of(right)

    assert (str(first + second), str(first - second)) == (added, subtracted)
    assert str(first + Duration.of("until 20 epochs")) == "20 epochs"
    assert Duration.of("until 20 epochs") - second == Duration.of("until 20 epochs")
    assert Duration.of("until 5 steps").exact is None


def test_an_invalid_item_of_a_list_is_refused():
    assert durations_of([5, "2 epochs"]) == (Duration.of(5), Duration.of("2 epochs"))
    with pytest.raises(InvalidArgument):
        durations_of([5, "2 epoks", -3])
    with pytest.raises(InvalidArgument, match="list of lengths"):
        durations_of(5)


@table("text", [30, "30 steps", "1.5 steps", "5%", "100% - 10 epochs", "5 epochs + 0.5%", "until 80%"])
def test_the_repr_of_a_length_is_the_call_that_reads_it(text):
    assert eval(repr(Duration.of(text)), {"Duration": Duration}) == Duration.of(text)
