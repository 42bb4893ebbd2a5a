"""Models for the translation engine: converting them, and what a converted one says of itself."""

from mlc_data.models.convert import convert

__all__ = ["convert"]
