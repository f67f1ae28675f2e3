"""Schedules, plans, files of plans and the Scheduler.

Imports nothing of the packages above. Users import from `paramsched`, authors of extensions from `paramsched.extend`.
"""

# For the distributions beside this one, which import from lists.
from paramsched.core.calls.lazy_imports import lazy_names as lazy_names
from paramsched.core.calls.number_checks import check_fields as check_fields
from paramsched.core.calls.number_checks import checked as checked
from paramsched.core.calls.number_checks import finite_number as finite_number
from paramsched.core.calls.number_checks import one_of as one_of
from paramsched.core.calls.number_checks import positive_number as positive_number
from paramsched.core.calls.number_checks import require_choice as require_choice
from paramsched.core.calls.number_checks import whole_number as whole_number
