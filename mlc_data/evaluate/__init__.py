"""Evaluation before and after alignment: consistency of hidden states, safety of replies, utility."""
