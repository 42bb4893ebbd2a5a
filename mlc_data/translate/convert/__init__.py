"""Models for the translation engine: conversion, and the record of a converted model."""

from mlc_data.translate.convert.convert import convert

__all__ = ["convert"]
