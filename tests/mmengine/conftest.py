"""Rows of the table of engines, of which the adapter for the real MMEngine has some."""

from support.table_rows import check_resumed as check_resumed
