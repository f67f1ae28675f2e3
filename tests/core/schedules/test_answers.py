"""What each line of `answers.yaml` means: its text in a run, when it changes, its values and its kind.

Each value is computed alone and with all others. `PYTHONPATH=tests python tests/core/schedules/test_answers.py` writes
the answers.
"""

from pathlib import Path
from typing import Any

import numpy as np

from paramsched.core.plan import resolve
from paramsched.core.schedules import parse
from paramsched.core.schedules.windows import depends_on_total
from paramsched.core.time import RunFacts
from paramsched.errors import ParamschedError
from support import answers
from support.expressions import code_of

FILE = Path(__file__).with_name("answers.yaml")
TIMES = range(24)
BASE = 0.5
PROPERTIES = ("fills", "has_length", "affine", "has_absolute", "serializable", "is_resolved")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a line and a run with the schedule in that run, or with the error."""
    answer = {key: question[key] for key in ("line", "run") if key in question}
    try:
        written = parse(question["line"])
        schedule = resolve(written, facts=RunFacts(**question.get("run", {})))
    except ParamschedError as error:
        return {**answer, "error": f"{type(error).__name__} {code_of(error)}".strip()}
    values = schedule(np.array(TIMES), BASE).tolist()
    assert values == [schedule(t, BASE) for t in TIMES]
    actual = {
        "is": " ".join(name for name in PROPERTIES if getattr(written, name)),
        "needs the total": depends_on_total(written),
        "resolved": str(schedule),
        "length": str(schedule.length),
        "changes": list(schedule.breakpoints(until=TIMES[-1])),
        "values": " ".join(f"{value:.7g}" for value in values),
    }
    return {**answer, **actual}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
