"""Predict the loss of a plan before training, from the losses of two or three earlier runs. Experimental."""

from paramsched.loss_law.convex_bound import Bound as Bound
from paramsched.loss_law.convex_bound import bound as bound
from paramsched.loss_law.fitting import fit as fit
from paramsched.loss_law.inputs import read as read
from paramsched.loss_law.law import Difference as Difference
from paramsched.loss_law.law import LossLaw as LossLaw
from paramsched.loss_law.law import Prediction as Prediction
from paramsched.loss_law.law import load as load
from paramsched.loss_law.optimizing import Optimum as Optimum
from paramsched.loss_law.optimizing import optimize as optimize
