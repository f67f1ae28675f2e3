"""What each line of `answers.yaml` means: its kind, its text in a run, its times, and its values.

The times are its length, that from which it is constant, and those at which its formula changes. Each value is computed
alone and with all others; the last number is the sum of the values between the updates.
`PYTHONPATH=tests python tests/core/schedules/test_answers.py` writes the answers.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from paramsched.core.plan import resolve
from paramsched.core.schedules import parse
from paramsched.core.schedules.windows import depends_on_total
from paramsched.core.time import RunFacts
from paramsched.errors import ParamschedError
from support import answers
from support.expressions import code_of, example_of, place_of

FILE = Path(__file__).with_name("answers.yaml")
TIMES = range(24)
BASE = 0.5
PROPERTIES = ("fills", "has_length", "affine", "has_absolute", "serializable", "is_resolved")


def shown(numbers: Iterable[float]) -> str:
    """Return numbers as text; `0.5*3` is the number 0.5 three times."""
    runs = ((number, len([*several])) for number, several in groupby(f"{number:.7g}" for number in numbers))
    return " ".join(number if count == 1 else f"{number}*{count}" for number, count in runs)


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a line and a run with the schedule in that run, or with the error."""
    answer = {key: question[key] for key in ("line", "run") if key in question}
    try:
        written = parse(question["line"])
        schedule = resolve(written, facts=RunFacts(**question.get("run", {})))
    except ParamschedError as error:
        parts = [type(error).__name__, code_of(error), place_of(error), example_of(error)]
        return {**answer, "error": " ".join(filter(None, parts))}
    times = np.array(TIMES)
    values = schedule(times, BASE).tolist()
    assert values == [schedule(t, BASE) for t in TIMES] == schedule(times[::-1], BASE)[::-1].tolist()
    kinds = [name for name in PROPERTIES if getattr(written, name)]
    actual = {
        "is": " ".join([*kinds, *["depends_on_total"] * depends_on_total(written)]),
        "resolved": str(schedule),
        "times": f"{schedule.length}, {schedule.planned.held} | {shown(schedule.breakpoints(until=TIMES[-1]))}",
        "values": f"{shown(values)} | {schedule(times + 0.5, BASE).sum():.7g}",
    }
    return {**answer, **actual}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
