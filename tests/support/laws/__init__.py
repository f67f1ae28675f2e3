"""Checks for shapes, curves, metric rules and dialects (readers of other libraries' configs).

Each check tests the properties, called laws, that all of the library's own implementations have. If a law is broken,
it raises `BrokenLaw`, an AssertionError with the law, the input and the wrong result.
"""

from support.laws.curve_laws import BrokenLaw as BrokenLaw
from support.laws.curve_laws import check_curve as check_curve
from support.laws.curve_laws import check_dialect as check_dialect
from support.laws.curve_laws import check_rule as check_rule
from support.laws.schedule_laws import check_shape as check_shape
