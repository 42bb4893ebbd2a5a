"""Reports of a run: summary, safety tables, changes of a refresh, figures."""
