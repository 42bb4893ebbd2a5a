"""A run's folder, the stage protocol, and sharding."""
