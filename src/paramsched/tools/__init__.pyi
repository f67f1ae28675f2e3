from paramsched.tools import audit as audit
from paramsched.tools import range_test as range_test
from paramsched.tools import recipes as recipes
