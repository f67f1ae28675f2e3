"""ForeignState: what the published classes keep, read into plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramsched.compat.gradual_warmup._published_forms import PublishedForm
from paramsched.compat.group_fields import Number
from paramsched.errors import StateError

_FOREIGN_KEYS = ("multiplier", "after_scheduler", "base_lrs", "last_epoch")


def is_foreign_state(state: Mapping[str, Any]) -> bool:
    """Whether it is one of theirs: it holds the after-scheduler itself, and nothing of ours."""
    return all(name in state for name in _FOREIGN_KEYS) and "after" not in state


@final
@dataclass(frozen=True, slots=True)
class ForeignState:
    """A state of warmup-scheduler 0.3, of its repository's head, or of the document's class.

    Args:
        total_epoch: length of the published form's ramp, or None.
        warmup_epoch: length of the document's, or None.
        last_epoch: as it stands there; 0.3 lets it stand still after the ramp.
        done: the steps that were made.
        after: the after-scheduler's state; None without one.
        lr: what the groups held; None where the state does not tell.
        last_lr: what `get_last_lr()` said; 0.3 lets that stand still too.
    """

    multiplier: float
    total_epoch: int | None
    warmup_epoch: int | None
    base_lrs: tuple[Number, ...]
    last_epoch: int
    step_count: int
    done: int
    finished: bool
    form: PublishedForm
    after: dict[str, Any] | None
    lr: tuple[Number, ...] | None
    last_lr: tuple[Number, ...] | None

    @classmethod
    def of(cls, state: Mapping[str, Any], after_scheduler: Any) -> "ForeignState":
        """Read a state for a scheduler with this after-scheduler.

        Raises:
            StateError: one has an after-scheduler and the other has none, or there is no length of the ramp.
        """
        total, warmup, found = state.get("total_epoch"), state.get("warmup_epoch"), state["after_scheduler"]
        length = total if total is not None else warmup
        require_same_kind(found is None, after_scheduler is None)
        if length is None:
            raise StateError(
                "GradualWarmupScheduler.load_state_dict(…): total_epoch missing. "
                "Pass what state_dict() of this class or of warmup-scheduler gave"
            )
        after = found if found is None or isinstance(found, Mapping) else found.state_dict()
        last, finished = state["last_epoch"], bool(state.get("finished", False))
        beyond = 0 if after is None else after.get("last_epoch", 0)
        if isinstance(after_scheduler, ReduceLROnPlateau) or total is None:
            stepped, done, form = last > length, last, "0.3"
        else:
            # `finished` is set one step before the after-scheduler is stepped for the first time.
            stepped = finished and beyond > 0
            done = length + 1 + beyond if stepped else last
            form = "head" if stepped and last > length + 1 else "0.3"
        own = state.get("_last_lr")
        lr = after.get("_last_lr") if stepped and after is not None else own
        return cls(
            state["multiplier"],
            total,
            warmup if total is None else None,
            tuple(state["base_lrs"]),
            last,
            state.get("_step_count", last + 1),
            done,
            finished,
            "head" if form == "head" else "0.3",
            None if after is None else dict(after),
            None if lr is None else tuple(lr),
            None if own is None else tuple(own),
        )


def require_same_kind(state_lacks: bool, scheduler_lacks: bool) -> None:
    """Refuse a state with an after-scheduler where there is none, or the other way round."""
    if state_lacks != scheduler_lacks:
        has, lacks = ("this scheduler", "the state") if state_lacks else ("the state", "this scheduler")
        raise StateError(
            f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler and {lacks} has none. "
            "Build it as it was built when the state was saved"
        )
