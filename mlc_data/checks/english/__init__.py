"""Meaning of English requests: negations, objects, words."""
