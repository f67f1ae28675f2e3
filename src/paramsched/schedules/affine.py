"""Affine: what a schedule computes, a factor times base and an offset."""

from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched._arrays import Array, Arrays, arrays_of, is_numpy


@final
@dataclass(frozen=True, slots=True)
class Affine:
    """`factor * base + offset`; None stands for an exact zero.

    A formula is written once in terms of it. Called with `BASE` a schedule gives the columns `factor` and `offset`.
    Called with `Affine(None, base)` it gives the value itself, as the offset; minimum, maximum and clamp need that.
    """

    factor: Array | None
    offset: Array | None

    def scaled(self, by: Array) -> "Affine":
        if self is BASE:  # once for each update of a curve: what multiplying by 1.0 would give
            return Affine(by, None)
        return Affine(
            None if self.factor is None else zero_safe_product(self.factor, by),
            None if self.offset is None else zero_safe_product(self.offset, by),
        )

    def __add__(self, other: "Affine") -> "Affine":
        return Affine(_sum_of_columns(self.factor, other.factor), _sum_of_columns(self.offset, other.offset))

    def constant(self) -> Array:
        """The offset: the value itself, where the formula was called with `Affine(None, base)`."""
        return 0.0 if self.offset is None else self.offset

    def apply(self, base: Array) -> Array:
        """The value for a base: the only place where a factor meets a base."""
        if self.factor is None:
            return self.constant()
        product = self.factor * base if base.__class__ is float and base else zero_safe_product(self.factor, base)
        return product if self.offset is None else product + self.offset


def zero_safe_product(x: Array, y: Array) -> Array:
    """x * y, where 0 times what has overflowed is 0: of a base of 0 nothing grows, however large its factor is."""
    if not (is_numpy(x) and is_numpy(y)):
        return _foreign_product(x, y)
    product = x * y
    # NaN is the one number that spoils a smallest one: this looks through a curve once, and rarely twice.
    if not isinstance(product, np.ndarray):
        return 0.0 if product != product and x == x and y == y else product
    if product.size and np.isnan(product.min()):
        product = np.where(np.isnan(product) & ~np.isnan(x) & ~np.isnan(y), 0.0, product)
    return product


def _foreign_product(x: Array, y: Array) -> Array:
    """The same where values are not read: masked before the product, so that its gradients stay finite too."""
    xp = arrays_of(x, y)
    x, y = xp.lift(x), xp.lift(y)
    vanished = ((x == 0) & xp.xp.isinf(y)) | ((y == 0) & xp.xp.isinf(x))
    return xp.where(vanished, 0.0, x) * xp.where(vanished, 0.0, y)


BASE = Affine(1.0, None)
ONE = Affine(None, 1.0)


def choose_affine(mask: Array, yes: Affine, no: Affine, xp: Arrays) -> Affine:
    """Elementwise choice between two values."""
    # Where one of them has no offset, -0.0 stands for it: adding it changes no number, not even the sign of a zero, so
    # a value is the same bits whether the update is chosen among others or alone.
    return Affine(
        _chosen_column(mask, yes.factor, no.factor, 0.0, xp), _chosen_column(mask, yes.offset, no.offset, -0.0, xp)
    )


def _sum_of_columns(left: Array | None, right: Array | None) -> Array | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def _chosen_column(mask: Array, yes: Array | None, no: Array | None, absent: float, xp: Arrays) -> Array | None:
    if yes is None and no is None:
        return None
    return xp.where(mask, absent if yes is None else yes, absent if no is None else no)
