"""Rules that move hyperparameters to another batch size or another number of tokens, each with its source."""

from paramsched.scaling.batch_growth import seesaw as seesaw
from paramsched.scaling.rescaling import Rescaled as Rescaled
from paramsched.scaling.rescaling import batch_for_tokens as batch_for_tokens
from paramsched.scaling.rescaling import rescale as rescale
