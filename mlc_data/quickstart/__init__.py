"""The phrasebook translator, its prompts and its preference pairs: everything runs without a model hub."""
