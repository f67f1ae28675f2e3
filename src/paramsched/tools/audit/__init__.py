"""Comparison of a log with a plan, causes of differences, and the history of a run's plans."""

from paramsched.errors import UnreadableLog as UnreadableLog
from paramsched.tools.audit.compare import Report as Report
from paramsched.tools.audit.compare import compare_with_plan as compare_with_plan
from paramsched.tools.audit.recognition import Recognition as Recognition
from paramsched.tools.audit.recognition import RecognitionNote as RecognitionNote
from paramsched.tools.audit.recognition import Recognized as Recognized
from paramsched.tools.audit.recognition import recognize as recognize
from paramsched.tools.records.checkpoint_log import PlanSince as PlanSince
from paramsched.tools.records.checkpoint_log import read_plan_history as read_plan_history
from paramsched.tools.records.log_file import read_log as read_log
from paramsched.tools.records.log_to_plan import LoggedMetric as LoggedMetric
from paramsched.tools.records.log_to_plan import plan_from_log as plan_from_log
from paramsched.tools.records.log_to_plan import read_metrics as read_metrics
from paramsched.tools.records.log_values import AmountColumn as AmountColumn
from paramsched.tools.records.log_values import LoggedValues as LoggedValues

__all__ = [
    "AmountColumn",
    "LoggedMetric",
    "LoggedValues",
    "PlanSince",
    "Recognition",
    "RecognitionNote",
    "Recognized",
    "Report",
    "UnreadableLog",
    "compare_with_plan",
    "plan_from_log",
    "read_log",
    "read_metrics",
    "read_plan_history",
    "recognize",
]
