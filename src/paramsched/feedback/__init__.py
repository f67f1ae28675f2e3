"""Rules that react to metrics."""

from paramsched.feedback.base import Guided as Guided
from paramsched.feedback.base import MetricRule as MetricRule
from paramsched.feedback.plateau import Plateau as Plateau
from paramsched.feedback.plateau import PlateauState as PlateauState
from paramsched.feedback.plateau import plateau as plateau
