"""Review by people: a sample to judge, and what the judgements say about the checks."""
