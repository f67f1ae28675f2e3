"""The held-out losses of a run, and the decision when to cool down."""

from collections.abc import Callable

EVALUATIONS = 20  # in a run of full length
FLAT = 0.985  # the loss is flat if it is above this fraction of the loss two evaluations earlier


class Progress:
    """The losses so far, one for each evaluation.

    Args:
        every: The number of tokens between two evaluations.
        losses: The losses so far.
    """

    def __init__(self, every: int, losses: list[float]) -> None:
        self.every, self.losses = every, losses

    def evaluate(self, before: int, after: int, loss: Callable[[], float]) -> bool:
        """Evaluate `loss` if an evaluation is due between `before` and `after` tokens. Return whether it was due."""
        is_due = after // self.every > before // self.every
        if is_due:
            self.losses.append(loss())
        return is_due

    @property
    def is_time_to_cool_down(self) -> bool:
        """True if the loss is flat, or if a cooldown of a fifth of the run just fits into the run."""
        is_flat = len(self.losses) > 2 and self.losses[-1] > FLAT * self.losses[-3]
        return is_flat or len(self.losses) >= 0.8 * EVALUATIONS
