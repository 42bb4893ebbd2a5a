"""The command line, `mlc-data`."""
