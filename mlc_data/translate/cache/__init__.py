"""The translation cache: store, pruning, and replicas for other machines."""
