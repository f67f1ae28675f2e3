"""Values really used, checked and put in order."""

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._drawable import Drawable, Floats, Key, Log, Times

_FARTHEST = 2**40  # the update beyond which a log is none


def logged(trace: Drawable, log: Log) -> dict[Key, tuple[Times, Floats]]:
    """Check a log's curves and put each in order of time; of two entries for a time the later counts."""
    known = trace.keys()
    used = {}
    for key, (at, given) in log.items():
        times, values = np.asarray(at), np.asarray(given, dtype=np.float64)
        if key not in known:
            raise InvalidArgument(
                f"log[{key!r}]",
                f"the trace has no such curve; it has {', '.join(map(repr, known))}",
                f"Write log={{{known[0]!r}: (times, values)}}.",
            )
        whole = times.ndim == 1 and times.size > 0 and _are_whole(times)
        if not whole or times.shape != values.shape or int(times.min()) < 0:
            raise InvalidArgument(
                f"log[{key!r}]",
                "every value needs the update that used it, counted from 0; these are times of shape "
                f"{times.shape} and values of shape {values.shape}",
                f"Write log={{{key!r}: ([0, 1, 2], [0.1, 0.05, 0.01])}}.",
            )
        # Unique finds first entries, so look from behind: a resumed run logs some updates again.
        ordered, last = np.unique(times[::-1].astype(np.int64), return_index=True)
        used[key] = (ordered, values[::-1][last])
    return used


def _are_whole(times: Times) -> bool:
    """Whether all are whole numbers that a picture can hold."""
    if times.dtype.kind not in "iuf" or not bool(np.all(np.abs(times) <= _FARTHEST)):
        return False
    return np.array_equal(times, times.astype(np.int64))
