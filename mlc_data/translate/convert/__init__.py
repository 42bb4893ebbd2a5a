"""Models for the translation engine: converting them, and what a converted one says of itself."""

from mlc_data.translate.convert.convert import convert

__all__ = ["convert"]
