"""Tools around a run: check, recipes, audit, export, range test, scaling rules, loss law.

Promised, except `loss_law`, which is experimental. A training run needs none of them. Imports `engines`, `show` and
`core`; never `compat` or `mmengine`.
"""
