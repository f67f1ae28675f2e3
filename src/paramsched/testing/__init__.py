"""The laws that every shape, curve, metric rule and dialect keeps, ready for the tests of your own.

A check may raise `BrokenLaw`, an AssertionError that says which law, where, and what was found.
"""

from paramsched.testing.curve_laws import BrokenLaw as BrokenLaw
from paramsched.testing.curve_laws import check_curve as check_curve
from paramsched.testing.curve_laws import check_dialect as check_dialect
from paramsched.testing.curve_laws import check_rule as check_rule
from paramsched.testing.schedule_laws import check_shape as check_shape
