"""Like: what another field of a plan follows; a plan puts it in before it counts anything."""

from dataclasses import dataclass
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched.errors import Asked, InvalidArgument, Unresolved, shown
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.registry import shape
from paramsched.schedules.span import Span


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Like(Schedule):
    """Stands for what `field` follows, until `plan.resolve` puts that in."""

    field: str

    def __post_init__(self) -> None:
        if not isinstance(self.field, str) or not self.field.strip():
            refusal = InvalidArgument(Asked("like", "field", shown(self.field)), "no name", 'Write like("lr")')
            raise refusal.suggest("lr")

    @property
    def length(self) -> None:
        return None

    @property
    def fills(self) -> bool:
        return True

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        raise self._without_plan()

    def _resolve(self, span: Span) -> Schedule:
        raise self._without_plan()

    def _without_plan(self) -> Unresolved:
        found = f"it is what {self.field} follows in a plan, and this is not a field of one"
        return Unresolved(str(self), found, f"Write Plan({self.field}=cosine(), weight_decay={self})")


@shape
def like(field: str) -> Like:
    """What another field of the same group follows, with this field's own base: value(t) = base * factor of `field`.

    `plan.resolve` puts it in. In a group's line its own field means the default's: `lr: like("lr") * 0.1`. A default
    that follows a field with lines for some groups follows these lines there.

    Args:
        field: of the same plan, `"lr"` say; one without absolute levels and metric rules.

    Raises:
        InvalidArgument: no text. At `plan.resolve`: the plan has no such field, or it cannot be followed.

    Source: decoupled weight decay that goes down with the learning rate, Loshchilov & Hutter 2019 (1711.05101).

    >>> print(Plan(lr=cosine(), weight_decay=like("lr"), horizon=100).resolve(Calendar()))
    horizon: 100
    lr: cosine(over=100)
    weight_decay: cosine(over=100)
    """
    return Like(field)
