"""The native dialect: plan files with a horizon, fields, groups and targets.

- a schedule is a line of text, a mapping `{name: {argument: value}}`, `{name: value}`, `{name: [values]}`, a list
  (a sequence) or a number (a constant)
- under `groups`, text is the name of a group; an integer key or the text `[0]` is an index
- a name similar to a field of torch's optimizers is an error; other names are allowed
"""

from paramsched.core.files.native.read_plan import has_schedule as has_schedule
from paramsched.core.files.native.read_plan import may_be_plan as may_be_plan
from paramsched.core.files.native.read_plan import plan_and_note_of as plan_and_note_of
from paramsched.core.files.native.read_plan import to_plan as to_plan
from paramsched.core.files.native.read_plan import to_plan_and_note as to_plan_and_note
from paramsched.core.files.native.write_plan import from_plan as from_plan
