"""Comparison of a log with a plan."""

from paramsched.errors import UnreadableLog as UnreadableLog
from paramsched.tools.audit.compare import LogFacts as LogFacts
from paramsched.tools.audit.compare import Report as Report
from paramsched.tools.audit.compare import compare_with_plan as compare_with_plan
from paramsched.tools.audit.compare import log_facts as log_facts
from paramsched.tools.audit.compare import read_values as read_values
from paramsched.tools.records.log_file import LoggedMetric as LoggedMetric
from paramsched.tools.records.log_file import read_log as read_log
from paramsched.tools.records.log_file import read_metrics as read_metrics
from paramsched.tools.records.log_values import AmountColumn as AmountColumn
from paramsched.tools.records.log_values import LoggedValues as LoggedValues

__all__ = [
    "AmountColumn",
    "LogFacts",
    "LoggedMetric",
    "LoggedValues",
    "Report",
    "UnreadableLog",
    "compare_with_plan",
    "log_facts",
    "read_log",
    "read_metrics",
    "read_values",
]


def __dir__() -> list[str]:
    return __all__
