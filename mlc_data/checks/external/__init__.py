"""Checks whose scores a command computes, in an environment of its own."""
