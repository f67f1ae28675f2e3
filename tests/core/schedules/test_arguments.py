"""Every shape and rule refuses the arguments that its documentation excludes."""

import pytest

from paramsched.errors import InvalidArgument
from support.excluded_arguments import calls_with_excluded, cases
from support.tables import table


@table(("name", "parameter"), cases("paramsched.core.schedules"))
def test_an_argument_that_the_documentation_excludes_is_refused(name, parameter):
    invalid, valid = calls_with_excluded(name, parameter)

    valid()
    for call in invalid:
        with pytest.raises(InvalidArgument):
            call()
