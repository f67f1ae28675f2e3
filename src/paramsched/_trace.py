"""The module that pickles of version 0.1 name for a `Trace`."""

from paramsched.plan.trace import Trace as Trace
