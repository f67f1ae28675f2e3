"""Metric rules: schedule components that react to an observed metric."""

from paramsched.feedback.base import Guided as Guided
from paramsched.feedback.base import MetricRule as MetricRule
from paramsched.feedback.greedy import Greedy as Greedy
from paramsched.feedback.greedy import GreedyState as GreedyState
from paramsched.feedback.greedy import greedy as greedy
from paramsched.feedback.hold import Hold as Hold
from paramsched.feedback.hold import HoldState as HoldState
from paramsched.feedback.hold import hold as hold
from paramsched.feedback.plateau import NewBob as NewBob
from paramsched.feedback.plateau import NewBobState as NewBobState
from paramsched.feedback.plateau import Plateau as Plateau
from paramsched.feedback.plateau import PlateauState as PlateauState
from paramsched.feedback.plateau import new_bob as new_bob
from paramsched.feedback.plateau import plateau as plateau
from paramsched.feedback.spike import Spike as Spike
from paramsched.feedback.spike import SpikeState as SpikeState
from paramsched.feedback.spike import spike as spike
