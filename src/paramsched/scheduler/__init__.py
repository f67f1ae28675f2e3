"""How a plan reaches one optimizer: the start of a run, the hooks, and the writes at each update."""

import paramsched.runs  # noqa: F401  # the two packages import each other; any module of both can be imported first
