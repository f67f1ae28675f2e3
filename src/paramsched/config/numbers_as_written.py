"""Products and ratios of numbers as they are written: a tenth of 0.1 is 0.01, where floats say a little more."""

from fractions import Fraction


def product_as_written(first: float, second: float) -> float:
    """The float nearest to the product of two decimal numbers.

    >>> product_as_written(0.1, 0.1), 0.1 * 0.1
    (0.01, 0.010000000000000002)
    """
    try:
        return float(Fraction(repr(first)) * Fraction(repr(second)))
    except OverflowError:
        return first * second


def ratio_as_written(first: float, second: float) -> float:
    """The float nearest to the ratio of two decimal numbers; the second is not 0.

    >>> ratio_as_written(0.01, 0.1), 0.01 / 0.1
    (0.1, 0.09999999999999999)
    """
    try:
        return float(Fraction(repr(first)) / Fraction(repr(second)))
    except OverflowError:
        return first / second


def rest_as_written(share: float) -> float:
    """What a share leaves of 1.

    >>> rest_as_written(0.9), 1 - 0.9
    (0.1, 0.09999999999999998)
    """
    return float(1 - Fraction(repr(share)))
