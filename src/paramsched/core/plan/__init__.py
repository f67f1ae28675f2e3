"""Plans as data: the interface between the readers of plans and the code that applies them."""

from paramsched.core.plan.binding import Binding as Binding
from paramsched.core.plan.binding import ScheduleLike as ScheduleLike
from paramsched.core.plan.binding import Selector as Selector
from paramsched.core.plan.binding import Target as Target
from paramsched.core.plan.binding import replace_schedule as replace_schedule
from paramsched.core.plan.binding import selector_text as selector_text
from paramsched.core.plan.lines import Line as Line
from paramsched.core.plan.lines import bind as bind
from paramsched.core.plan.plan import Plan as Plan
from paramsched.core.plan.resolution import resolve as resolve
