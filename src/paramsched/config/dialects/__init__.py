"""Dialects: how other libraries say a plan, each a module or a folder of this package."""
