"""Lineage: what a checkpoint was made from, down to one row, and whether that still holds."""
