"""Tools around a run: check, recipes, audit, export, range test, scaling rules, loss law. A page says if one is stable.

A training run needs none of them. Imports `engines`, `show` and `core`; never `compat` or `mmengine`.
"""
