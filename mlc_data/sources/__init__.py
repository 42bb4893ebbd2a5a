"""English prompts and preference pairs, read and checked row by row."""
