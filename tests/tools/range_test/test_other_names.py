"""The names of the range test in other libraries are answered with its name here."""

import pytest

import paramsched as ps


@pytest.mark.parametrize("name", ["lr_find", "lr_finder", "LRFinder", "LearningRateFinder"])
def test_a_name_of_a_rate_finder_is_answered_with_find_lr(name):
    with pytest.raises(AttributeError, match=r"find_lr"):
        getattr(ps, name)
