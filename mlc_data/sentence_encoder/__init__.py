"""Encoders that turn sentences of many languages into vectors of one space."""
