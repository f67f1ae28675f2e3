"""Predict the loss of a plan before training, from the losses of two or three earlier runs. Experimental."""

from paramsched.tools.loss_law.convex_bound import Bound as Bound
from paramsched.tools.loss_law.convex_bound import bound as bound
from paramsched.tools.loss_law.fitting import fit as fit
from paramsched.tools.loss_law.inputs import read as read
from paramsched.tools.loss_law.law import Difference as Difference
from paramsched.tools.loss_law.law import LossLaw as LossLaw
from paramsched.tools.loss_law.law import Prediction as Prediction
from paramsched.tools.loss_law.law import load as load
from paramsched.tools.loss_law.optimizing import Optimum as Optimum
from paramsched.tools.loss_law.optimizing import optimize as optimize
