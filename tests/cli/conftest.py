"""Commands that run in the process of the tests."""

from in_process import display_as_before

__all__ = ["display_as_before"]
