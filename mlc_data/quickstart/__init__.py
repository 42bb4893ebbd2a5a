"""The phrasebook translator, its prompts and its preference pairs: everything runs with no hub."""
