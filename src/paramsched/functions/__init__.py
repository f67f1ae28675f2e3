"""A schedule as the function that another library takes: a factor for torch's `LambdaLR`, a schedule of optax."""

from paramsched.functions.handed_schedule import to_lambda as to_lambda
from paramsched.functions.handed_schedule import to_optax as to_optax
