"""Plans as data: the interface between the readers of plans and the code that applies them."""

from paramsched.plan.binding import Binding as Binding
from paramsched.plan.binding import ScheduleLike as ScheduleLike
from paramsched.plan.binding import Selector as Selector
from paramsched.plan.binding import Target as Target
from paramsched.plan.binding import replace_schedule as replace_schedule
from paramsched.plan.binding import selector_text as selector_text
from paramsched.plan.plan import Plan as Plan
from paramsched.plan.resolve import Bound as Bound
from paramsched.plan.resolve import bind as bind
from paramsched.plan.resolve import bind_group as bind_group
from paramsched.plan.resolve import replay as replay
from paramsched.plan.resolve import resolve as resolve
