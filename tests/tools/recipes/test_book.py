"""The published recipes: a lazily read mapping, and the recipes most similar to a plan."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import paramsched as ps
from paramsched.core import plan as plans
from paramsched.core.plan.resolve import amounts_of_run, updates_of_total
from paramsched.errors import UnknownRecipe
from support.tables import table


def test_a_recipe_has_its_plan_its_run_and_its_source():
    recipe = ps.recipes["llama3-405b"]

    assert recipe.plan.total.updates == 1_200_000
    assert recipe.bases == ({"lr": 8e-05},)
    assert "2407.21783" in recipe.source
    assert recipe.certain
    assert recipe.inferred
    assert recipe.facts == ps.RunFacts()


@pytest.mark.heavy
def test_names_are_available_without_reading_yaml():
    code = "import sys, paramsched as ps; list(ps.recipes); sys.exit('yaml' in sys.modules)"

    assert "gpt3-175b" in ps.recipes
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.heavy
def test_importing_the_library_reads_no_recipe():
    code = "import sys, paramsched; sys.exit(any('recipe_book' in name for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.heavy
def test_recipes_stay_a_mapping_after_importing_recipe_book():
    code = "import paramsched.tools.recipes.book, paramsched as ps; ps.recipes['bert-base']"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "meant"), [("gpt3", "gpt3-175b"), ("llama3-405B", "llama3-405b"), ("dinov2", "dinov2-vitl")]
)
def test_an_unknown_name_gets_the_nearest_suggestion(name, meant):
    with pytest.raises(UnknownRecipe, match=f'did you mean "{meant}"'):
        ps.recipes[name]
    assert name not in ps.recipes
    assert ps.recipes.get(name) is None


@pytest.mark.heavy
@table("name", list(ps.recipes))
def test_every_recipe_is_described_and_survives_its_text(name):
    recipe = ps.recipes[name]

    assert recipe.name == name
    assert recipe.title
    assert recipe.area
    assert recipe.source
    assert recipe.certain
    assert recipe.plan.total is not None
    assert ps.loads(ps.dump(recipe.plan)) == recipe.plan
    assert recipe.plan.resolve(facts=recipe.facts).total is not None


@table("name", list(ps.recipes))
def test_every_schedule_has_a_base_and_every_base_a_schedule(name):
    recipe = ps.recipes[name]

    plans.bind(recipe.plan.resolve(facts=recipe.facts), list(recipe.bases))  # raises for a field without a base


FILES = sorted((Path(ps.__file__).parent / "tools" / "recipes" / "data").glob("*.yaml"))
DOCUMENTS = [one for file in FILES for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


@table("entries", DOCUMENTS)
def test_a_document_has_exactly_the_entries_of_a_recipe(entries):
    assert list(entries) == ["name", "title", "source", "certain", "inferred", "facts", "bases", "plan"]
    assert all(isinstance(one, str) for one in [*entries["certain"], *entries["inferred"]])


@table("file", FILES)
def test_the_recipes_of_a_file_are_sorted_by_name(file):
    names = [one["name"] for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]

    assert names == sorted(names)
    assert {ps.recipes[name].area for name in names} == {file.stem.replace("_", " ")}


@pytest.mark.heavy
@table("name", list(ps.recipes))
def test_every_run_is_short_enough_to_be_drawn(name):
    recipe = ps.recipes[name]
    resolved = recipe.plan.resolve(facts=recipe.facts)
    total = updates_of_total(resolved, amounts_of_run(resolved, recipe.facts))

    assert total * len(recipe.bases) * len({one.name for one in recipe.plan.bindings}) <= 25_000_000


def test_there_are_at_least_120_recipes():
    assert list(ps.recipes) == sorted(one["name"] for one in DOCUMENTS)
    assert len(ps.recipes) >= 120
