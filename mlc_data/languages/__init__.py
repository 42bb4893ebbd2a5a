"""FLORES-200 languages."""
