"""What an error says to write in the place of a wrong field is accepted."""

import pytest

import paramsched as ps
from paramsched.core.groups.fields import Field
from paramsched.errors import InvalidArgument, PlanError


@pytest.mark.parametrize(
    ("name", "group", "entry"),
    [
        ("momentum", {}, 'group["momentum"] = 0.1'),
        ("betas[0]", {}, 'group["betas"] = (0.9, 0.999)'),
        ("betas[1]", {"betas": "0.9", "lr": 0.1}, "betas=(0.9, 0.999)"),
    ],
)
def test_a_group_with_the_advised_entry_has_the_field(name, group, entry):
    field = Field.of(name)
    with pytest.raises(PlanError) as refused:
        field.within(group, "group 0")

    assert entry in str(refused.value)
    if entry.startswith("group["):
        exec(entry, {"group": group})  # the advice of the error itself
    else:
        group |= eval(f"dict({entry})")
    assert field.within(group, "group 0") is field


@pytest.mark.parametrize(
    ("name", "group", "advised"),
    [
        ("lr[0]", {"lr": 0.1}, '"lr"'),
        ("learning_rate", {"lr": 0.1, "rate": 0.1}, '"lr"'),
        ("beta2", {"betas": (0.9, 0.99), "beta": 0.1}, '"betas[1]"'),
        ("betas[2]", {"betas": (0.9, 0.99)}, '"betas[0]" or "betas[1]"'),
    ],
)
def test_the_advised_fields_are_those_of_the_group(name, group, advised):
    with pytest.raises(PlanError) as refused:
        Field.of(name).within(group, "group 0")

    assert advised in str(refused.value)
    for other in advised.split(" or "):
        assert Field.of(other.strip('"')).within(group, "group 0")


@pytest.mark.parametrize("name", ["lr[head]", "head.lr"])
def test_a_name_with_a_group_gets_the_form_of_a_plan_with_groups(name):
    with pytest.raises(InvalidArgument) as refused:
        Field.of(name)

    written = '{"groups": {"head": {"lr": "cosine()"}}}'
    assert written in str(refused.value)
    assert [binding.groups for binding in ps.loads(written).bindings] == ["head"]


@pytest.mark.parametrize("name", ["head.tail", "a.lr.b"])
def test_another_name_with_points_gets_no_group(name):
    with pytest.raises(InvalidArgument) as refused:
        Field.of(name)

    assert "groups" not in str(refused.value)
