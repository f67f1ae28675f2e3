"""The published recipes: a lazily read mapping, `paramsched recipes`, and recipe:NAME in place of a plan."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core import plan as plans
from paramsched.core.plan import amounts_of_run, updates_of_total
from paramsched.errors import UnknownRecipe
from support.tables import table


@pytest.mark.heavy
def test_importing_the_library_reads_no_recipe():
    code = "import sys, paramsched; sys.exit(any('recipe_book' in name for name in sys.modules))"

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


pytestmark = pytest.mark.package("show")  # the commands draw
FILES = sorted((Path(ps.__file__).parent / "tools" / "recipes" / "data").glob("*.yaml"))
DOCUMENTS = [document for file in FILES for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


@table("entries", DOCUMENTS)
def test_a_document_has_exactly_the_entries_of_a_recipe(entries):
    assert list(entries) == ["name", "title", "source", "certain", "inferred", "facts", "bases", "plan"]
    assert all(isinstance(field, str) for field in [*entries["certain"], *entries["inferred"]])


@table("file", FILES)
def test_the_recipes_of_a_file_are_sorted_by_name(file):
    names = [document["name"] for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]

    assert names == sorted(names)
    assert {ps.recipes[name].area for name in names} == {file.stem.replace("_", " ")}


@pytest.mark.heavy
@table("name", list(ps.recipes))
def test_every_run_is_short_enough_to_be_plotted(name):
    recipe = ps.recipes[name]
    resolved = recipe.plan.resolve(facts=recipe.facts)
    total = updates_of_total(resolved, amounts_of_run(resolved, recipe.facts))

    assert total * len(recipe.bases) * len({binding.name for binding in recipe.plan.bindings}) <= 25_000_000


def output_of(*arguments):
    result = CliRunner().invoke(main, [*arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_recipes_are_listed_and_search_words_narrow_the_list():
    assert [line.split()[0] for line in output_of("recipes").splitlines()] == list(ps.recipes)
    assert "gpt3-175b" not in output_of("recipes", "vision")


def test_one_recipe_is_printed_completely_and_reads_back_as_its_plan():
    text = output_of("recipes", "gpt3-175b")

    assert "# Inferred: the batch grows over 12 billion tokens" in text
    assert "# Base values: lr=6e-05, weight_decay=0.1" in text
    assert ps.loads(text) == ps.recipes["gpt3-175b"].plan


def test_recipes_can_be_printed_as_json():
    rows = json.loads(output_of("recipes", "--json"))

    assert [row["name"] for row in rows] == list(ps.recipes)
    assert rows[0].keys() >= {"title", "area", "source", "certain", "inferred", "bases", "facts"}


def test_a_search_without_matches_is_rejected():
    result = CliRunner().invoke(main, ["recipes", "no", "such"])

    assert result.exit_code == 2
    assert "no recipe matches all of: no such" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "recipe:dinov2-vitl"),
        ("check", "recipe:dinov2-vitl"),
        ("diff", "recipe:yolov5s", "recipe:yolov5s"),
        ("show", "recipe:bert-base", "recipe:resnet50-goyal"),
    ],
    ids=" ".join,
)
def test_every_command_that_takes_a_plan_takes_a_recipe(arguments):
    output_of(*arguments)


def test_a_recipe_is_plotted_with_its_bases_and_the_facts_of_its_run():
    values = json.loads(output_of("show", "recipe:resnet50-goyal", "--at", "5 epochs", "--json"))

    assert values == {"total": 90 * 157, "at": [785], "values": {"lr": [3.2]}}


def test_command_line_options_take_precedence_over_the_facts_of_a_recipe():
    values = json.loads(
        output_of(
            "show", "recipe:resnet50-goyal", "--steps-per-epoch", "10", "--base", "lr=1", "--at", "5 epochs", "--json"
        )
    )

    assert values == {"total": 900, "at": [50], "values": {"lr": [1.0]}}


def test_an_unknown_recipe_gets_the_nearest_suggestion():
    result = CliRunner().invoke(main, ["show", "recipe:gpt3"])

    assert result.exit_code != 0
    assert 'did you mean "gpt3-175b"?' in result.output
