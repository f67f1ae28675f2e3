"""Comparison of a log with a plan, causes of differences, and the history of a run's plans."""

from paramsched.audit.checkpoint_log import PlanSince as PlanSince
from paramsched.audit.checkpoint_log import read_plan_history as read_plan_history
from paramsched.audit.compare import Report as Report
from paramsched.audit.compare import compare_with_plan as compare_with_plan
from paramsched.audit.log_file import read_log as read_log
from paramsched.audit.log_to_plan import LoggedMetric as LoggedMetric
from paramsched.audit.log_to_plan import plan_from_log as plan_from_log
from paramsched.audit.log_to_plan import read_metrics as read_metrics
from paramsched.audit.log_values import AmountColumn as AmountColumn
from paramsched.audit.log_values import LoggedValues as LoggedValues
from paramsched.audit.recognition import Recognition as Recognition
from paramsched.audit.recognition import RecognitionNote as RecognitionNote
from paramsched.audit.recognition import Recognized as Recognized
from paramsched.audit.recognition import recognize as recognize
from paramsched.errors import UnreadableLog as UnreadableLog
