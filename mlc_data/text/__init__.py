"""Text functions that checks and evaluation share: preserved spans, loops, refusals."""
