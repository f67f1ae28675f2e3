"""A plan as a field of a pydantic model."""

import pytest

import paramsched as ps

pydantic = pytest.importorskip("pydantic")


class Run(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    plan: ps.Plan
    seed: int = 0


@pytest.mark.parametrize("form", ["total: 100\nlr: cosine()\n", {"lr": "cosine()", "total": 100}, "plan.yaml"])
def test_each_form_of_a_plan_is_read_and_written(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("total: 100\nlr: cosine()\n")

    run = Run(plan=form)

    assert run.plan == ps.Plan(lr="cosine()", total=100)
    assert Run.model_validate_json(run.model_dump_json()) == run == Run(**run.model_dump())
    assert "plan" in Run.model_json_schema()["properties"]


@pytest.mark.parametrize(
    ("form", "reported"), [("lr: cosin()\n", ":1:5: $.lr"), ("none.yaml", "none.yaml"), (3, "expected"), ({}, "plan")]
)
def test_a_mistake_is_reported_with_those_of_other_fields(form, reported):
    with pytest.raises(pydantic.ValidationError) as refused:
        Run(plan=form, seed="x")

    assert [error["loc"] for error in refused.value.errors()] == [("plan",), ("seed",)]
    assert reported in refused.value.errors()[0]["msg"]
