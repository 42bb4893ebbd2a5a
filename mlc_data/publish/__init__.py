"""A run's data set and checkpoint, published to a folder or to the Hugging Face Hub."""
