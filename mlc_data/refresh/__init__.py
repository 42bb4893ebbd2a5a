"""Refresh: compare a run with what its sources, models and settings have become, do what is needed, and tell
what changed."""
