"""The recipe: one section a file, and loading."""
