"""The rescue stage: retries of rejected variants, strategy by strategy."""
