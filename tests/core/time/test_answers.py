"""What lengths, run facts and clocks return, and the errors of wrong ones.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/time/test_answers.py` writes them.
"""

from pathlib import Path

import numpy as np

from paramsched.core.time import duration, run_facts
from paramsched.core.time import duration as progress
from support import answers
from support.expressions import answers_with

FILE = Path(__file__).with_name("answers.yaml")
MODULES = (duration, run_facts, duration, progress)


def size_of_epoch(run: run_facts.RunFacts, length: str) -> str:
    """Return the size of an epoch that the error for a total shows."""
    try:
        run.exact(duration.Duration.of(length))
    except run_facts.MissingFact as error:
        return run.with_size_of_epoch(error, duration.Duration.of(length)).example
    raise AssertionError(f"expected an error for {length}, got a length")


def restored(state: list[object]) -> duration.Duration:
    """Return the length with the state in a pickle of 1.0.0rc6."""
    length = object.__new__(duration.Duration)
    length.__setstate__(state)
    return length


NAMES = {name: value for module in MODULES for name, value in vars(module).items()}
NAMES |= {"np": np, "size_of_epoch": size_of_epoch, "restored": restored}
answer_to = answers_with(NAMES)


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
