"""The lineage record that a checkpoint carries: its format, and how it is made from a manifest."""
