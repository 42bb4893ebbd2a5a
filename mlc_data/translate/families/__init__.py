"""One file a family of models: its token layout and its language tokens, and nothing else."""
