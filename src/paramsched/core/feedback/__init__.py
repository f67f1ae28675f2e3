"""Metric rules: schedule components that react to an observed metric."""

from paramsched.core.feedback.base import Guided as Guided
from paramsched.core.feedback.base import MetricRule as MetricRule
from paramsched.core.feedback.greedy import Greedy as Greedy
from paramsched.core.feedback.greedy import GreedyState as GreedyState
from paramsched.core.feedback.greedy import greedy as greedy
from paramsched.core.feedback.hold import Hold as Hold
from paramsched.core.feedback.hold import HoldState as HoldState
from paramsched.core.feedback.hold import hold as hold
from paramsched.core.feedback.plateau import NewBob as NewBob
from paramsched.core.feedback.plateau import NewBobState as NewBobState
from paramsched.core.feedback.plateau import Plateau as Plateau
from paramsched.core.feedback.plateau import PlateauState as PlateauState
from paramsched.core.feedback.plateau import new_bob as new_bob
from paramsched.core.feedback.plateau import plateau as plateau
from paramsched.core.feedback.spike import Spike as Spike
from paramsched.core.feedback.spike import SpikeState as SpikeState
from paramsched.core.feedback.spike import spike as spike
