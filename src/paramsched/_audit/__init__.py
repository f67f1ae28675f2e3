"""Compare a log of hyperparameters with a plan, and say what would explain a difference."""

from paramsched._audit.compared import Report as Report
from paramsched._audit.compared import audit as audit
from paramsched._audit.logged import Logged as Logged
from paramsched._audit.logged import Unreadable as Unreadable
from paramsched._audit.read import read_log as read_log
