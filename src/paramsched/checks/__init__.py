"""The checks of a plan, by `ps.check` and at the start of a run: likely mistakes, each with what to write."""

from paramsched.checks.checked_line import binding_path as binding_path
from paramsched.checks.plan_check import check as check
from paramsched.checks.plan_check import codes_given as codes_given
from paramsched.checks.plan_check import note_of_first_update as note_of_first_update
