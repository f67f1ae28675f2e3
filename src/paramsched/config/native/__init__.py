"""The native dialect: horizon, fields, groups and targets, as the documentation of plans spells them.

- a schedule is a line of text, a mapping `{name: {argument: value}}`, `{name: value}`, `{name: [values]}`, a list
  (a sequence) or a number (a constant)
- under `groups` a text is a group's name; an integer key, or the text `[0]`, is an index
- a name close to a field of torch's optimizers but not one is a fault, other names pass
"""

from paramsched.config.native.read_plan import to_plan as to_plan
from paramsched.config.native.write_plan import from_plan as from_plan
