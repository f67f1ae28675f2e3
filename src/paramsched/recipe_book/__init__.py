"""Published training recipes: the plan and the facts of a run, from a paper or its code.

A recipe is a YAML document in a file of `data`; the file is its area. Each document is parsed on first access.
"""

from paramsched.recipe_book.book import Likeness as Likeness
from paramsched.recipe_book.book import Recipe as Recipe
from paramsched.recipe_book.book import RecipeBook as RecipeBook
from paramsched.recipe_book.book import nearest_recipes as nearest_recipes
from paramsched.recipe_book.book import recipes as recipes
