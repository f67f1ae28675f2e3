"""Other libraries, one folder each: its classes. Follows the versions that they name.

Imports `engines`, `show` and `core`; never `mmengine` or `tools`.
"""
