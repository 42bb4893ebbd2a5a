"""Near-duplicate variants of different prompts: MinHash index and check."""
