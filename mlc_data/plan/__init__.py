"""Cost of a run, and the stages that would run, found without running any."""
