"""Checks for shapes and curves that users write.

Each check tests the properties, called laws, that all of the library's own implementations have. If a law is broken,
it raises `BrokenLaw`, an AssertionError with the law, the input and the wrong result.
"""

from paramsched.testing.curve_laws import BrokenLaw as BrokenLaw
from paramsched.testing.curve_laws import check_curve as check_curve
from paramsched.testing.schedule_laws import check_shape as check_shape
