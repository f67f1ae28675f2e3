"""How well the model foresees text that is held out, and what follows: when to cool down is decided on the way."""

from collections.abc import Callable

LOOKS = 20  # in all the tokens that the plan allows
FLAT = 0.985  # of the loss two looks before: what is left to gain at this lr is not worth the tokens


class Progress:
    """The losses so far, one for each look."""

    def __init__(self, every: int, losses: list[float]) -> None:
        self.every, self.losses = every, losses

    def look(self, before: int, after: int, loss: Callable[[], float]) -> bool:
        """Measure where a look is due: at the first update that has taken so many tokens. Return whether it was."""
        is_due = after // self.every > before // self.every
        if is_due:
            self.losses.append(loss())
        return is_due

    @property
    def is_time_to_cool_down(self) -> bool:
        """Whether the loss is flat; at the latest where a cooldown of a fifth of the run still fits into the plan."""
        is_flat = len(self.losses) > 2 and self.losses[-1] > FLAT * self.losses[-3]
        return is_flat or len(self.losses) >= 0.8 * LOOKS
