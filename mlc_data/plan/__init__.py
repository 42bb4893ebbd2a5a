"""What a run would cost and which of its stages would run, without running any."""
