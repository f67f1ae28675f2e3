"""Published training recipes: what a paper or its code says of a run, as a plan with the run's facts.

A recipe is a document in a file of `data`, and the file is its area; no document is read before it is asked for.
"""

from paramsched.recipe_book.book import Likeness as Likeness
from paramsched.recipe_book.book import Recipe as Recipe
from paramsched.recipe_book.book import RecipeBook as RecipeBook
from paramsched.recipe_book.book import nearest_recipes as nearest_recipes
from paramsched.recipe_book.book import recipes as recipes
