"""Errors about numbers end with an argument that can be pasted into the call.

These tests need further doors.
"""
