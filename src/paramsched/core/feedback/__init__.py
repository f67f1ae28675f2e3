"""Metric rules: schedule components that react to an observed metric."""

from paramsched.core.feedback.base import MetricRule as MetricRule
from paramsched.core.feedback.hold import Hold as Hold
from paramsched.core.feedback.hold import HoldState as HoldState
from paramsched.core.feedback.hold import hold as hold
from paramsched.core.feedback.plateau import Plateau as Plateau
from paramsched.core.feedback.plateau import PlateauState as PlateauState
from paramsched.core.feedback.plateau import plateau as plateau
