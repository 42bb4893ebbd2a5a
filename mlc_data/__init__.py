"""mlc-data: from raw English safety prompts to a multilingually aligned checkpoint."""

from mlc_data._version import __version__

__all__ = ["__version__"]
