"""Refresh: bring a run up to date with its sources, models and settings, and report the changes."""
