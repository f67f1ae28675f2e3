"""Curves as dots, and dots as characters: braille has eight in a cell, ASCII one."""

import numpy as np
from numpy.typing import NDArray

from paramsched.show._drawable import Floats

Dots = NDArray[np.bool_]
"""Rows from the top, columns from the left."""

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def dots(low: Floats, high: Floats, rows: int) -> Dots:
    """Fill each column from its lowest to its highest fraction, and join it to the one before it.

    >>> line = np.array([0.0, 0.5, 1.0])
    >>> dots(line, line, 3).astype(int)
    array([[0, 0, 1],
           [0, 1, 0],
           [1, 0, 0]])
    """
    empty = np.isnan(low)
    top = np.rint((1 - np.where(empty, 0, high)) * (rows - 1)).astype(int)
    bottom = np.rint((1 - np.where(empty, 0, low)) * (rows - 1)).astype(int)
    joined_top, joined_bottom = top.copy(), bottom.copy()
    joined_top[1:] = np.where(empty[:-1], top[1:], np.minimum(top[1:], bottom[:-1] + 1))
    joined_bottom[1:] = np.where(empty[:-1], bottom[1:], np.maximum(bottom[1:], top[:-1] - 1))
    row = np.arange(rows)[:, None]
    filled: Dots = (row >= joined_top) & (row <= joined_bottom) & ~empty
    return filled


def braille(filled: Dots) -> list[list[str]]:
    """Write four rows by two columns of dots as one character; "" where there are none.

    >>> braille(np.array([[1, 0], [0, 1], [0, 0], [0, 0]], dtype=bool))
    [['⠑']]
    """
    rows, columns = filled.shape[0] // 4, filled.shape[1] // 2
    codes = (filled.reshape(rows, 4, columns, 2) * _BITS[None, :, None, :]).sum(axis=(1, 3))
    return [[chr(0x2800 + code) if code else "" for code in row] for row in codes.tolist()]


def plain(filled: Dots, glyph: str) -> list[list[str]]:
    """Write each dot as the same character."""
    return [[glyph if dot else "" for dot in row] for row in filled.tolist()]
