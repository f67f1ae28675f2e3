"""Rules that move hyperparameters to another batch size, number of tokens or width, each with its source."""

from paramsched.tools.scaling.batch_growth import seesaw as seesaw
from paramsched.tools.scaling.rescaling import Rescaled as Rescaled
from paramsched.tools.scaling.rescaling import batch_for_tokens as batch_for_tokens
from paramsched.tools.scaling.rescaling import rescale as rescale
from paramsched.tools.scaling.widths import WidthBases as WidthBases
from paramsched.tools.scaling.widths import width as width
