"""Arguments, optimizers and comparisons of the programs that tests of drop-ins draw.

They are drawn from `random`, because Hypothesis takes ten times as long for each program.
"""

import warnings
from random import Random
from typing import Any

import torch

from support.torch_cases import decaying, harmonic


class Own(torch.optim.NAdam):
    """A user's optimizer."""


OPTIMIZERS = [
    lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.7),
    lambda groups: torch.optim.RMSprop(groups, lr=0.1, momentum=0.5),
    lambda groups: torch.optim.Adam(groups, lr=0.1),
    lambda groups: torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.95)),
    lambda groups: Own(groups, lr=0.1),
]


class Draw(Random):
    """The values of arguments."""

    groups = 1

    def flag(self) -> bool:
        return self.random() < 0.5

    def length(self) -> int:
        return self.randint(1, 9)

    def share(self) -> float:
        return self.choice([1, 1.0, self.uniform(0.05, 1.0)])

    def low(self) -> float:
        return self.choice([0, 0.0, self.uniform(0.0, 0.05)])

    def gamma(self) -> float:
        return self.choice([0.1, 0.5, 0.97, 1.0, 1.25, -0.5])

    def lr(self) -> float:
        return self.uniform(0.01, 1.0)

    def count(self) -> int:
        return self.randint(0, 3)

    def function(self) -> Any:
        return self.choice([decaying, harmonic])

    def shares(self) -> Any:
        return self.choice([self.share(), [self.share() for _ in range(self.groups)]])

    def lows(self) -> Any:
        return self.choice([self.low(), [self.low() for _ in range(self.groups)]])

    def functions(self) -> Any:
        return self.choice([self.function(), [self.function() for _ in range(self.groups)]])


def run(action: Any) -> tuple[Any, set[Any]]:
    """Return the result of a function and the start of its warnings, without those that torch lacks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    texts = [(one.category, str(one.message)) for one in caught]
    ours_alone = (
        "replaces constructor options",
        "an lr is no longer reduced",
        "when this state was saved",
        "saved arguments",
    )
    return result, {(kind, text[:60]) for kind, text in texts if not any(one in text for one in ours_alone)}


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if ours is None or isinstance(theirs, str):
        return bool(ours == theirs)
    return bool(ours == theirs) or abs(float(ours) - float(theirs)) <= 1e-9 * abs(float(theirs)) + 1e-12
