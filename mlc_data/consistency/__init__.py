"""The paper (arXiv 2602.16660): the loss, hidden states, measures, and the layer probe."""
