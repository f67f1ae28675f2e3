"""Tools around a run: check, recipes, audit, range test.

Promised. A training run needs none of them. Imports `engines`, `show` and
`core`; never `compat` or `mmengine`.
"""
