"""Causal language models for training, probing and judging: loading, generation, perplexity."""
