"""Updates at which a schedule did not move: the same curve, later by as many updates."""

from collections.abc import Sequence

import numpy as np

from paramsched.tools.audit.recognition.families import COSINE, LINE, Fit, Rows
from paramsched.tools.audit.recognition.stages import Piece

_MOST = 8  # updates that may be skipped between two rows, if as many are between them
_FEWEST = 3  # rows that a curve must explain before the skip, and after it
_SHARP = 4.0  # the least change of a value in one update, in units of its tolerance


def skipped_updates(rows: Rows, pieces: Sequence[Piece]) -> list[tuple[float, int]]:
    """Return the times from which on a schedule is later, and by how many updates; empty if no stage is continued.

    Args:
        rows: the rows of the log.
        pieces: its stages, of which neighbors may be one curve with a skip between them.
    """
    for piece in pieces:
        fit, begin = piece.fit, int(np.searchsorted(rows.t, piece.first))
        end = int(np.searchsorted(rows.t, piece.last, "right"))
        if fit is None or fit.family not in (LINE, COSINE) or end - begin < _FEWEST:
            continue
        later = _path(rows, fit, range(end, rows.t.size), 1)
        earlier = _path(rows, fit, range(begin - 1, -1, -1), -1)
        jumps = [(float(rows.t[row]), count) for row, count in later]
        jumps += [(float(rows.t[row + 1]), count) for row, count in earlier]
        if jumps:
            return jumps
    return []


def _path(rows: Rows, fit: Fit, places: range, sign: int) -> list[tuple[int, int]]:
    """Return the rows at which a curve is shifted once more, and by how many updates; empty if it does not continue.

    Args:
        rows: the rows of the log.
        fit: the curve.
        places: the rows after the stage, or those before it, backwards.
        sign: 1 after the stage, -1 before it.
    """
    path, offset, reached, sharp = list[tuple[int, int]](), 0, 0, 0
    for row in places:
        gap = min(abs(rows.t[row] - rows.t[row - sign]), _MOST)  # a schedule does not go back
        t = rows.t[row] - sign * (offset + np.arange(gap + 1))
        values = fit.at(t)
        right = np.flatnonzero(np.abs(values - rows.v[row]) <= rows.tol[row])
        if not right.size:
            break
        if right[0] > 0:
            path.append((row, int(right[0])))
            offset += int(right[0])
        reached += 1
        sharp += int(abs(values[0] - values[1]) > _SHARP * rows.tol[row])
    return [] if reached < _FEWEST or len(path) > 1 + reached // 3 or sharp < 0.8 * reached else path
