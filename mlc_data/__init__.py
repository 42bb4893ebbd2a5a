"""Pipeline from raw English safety prompts to a multilingually aligned checkpoint."""

from pathlib import Path as _Path

from mlc_data._version import __version__

__all__ = ["__version__"]

# The flows are installed as `mlc_data.flows`, so that a user's own folder `flows` never takes their place. In a
# checkout they are in the folder next to this package.
_checkout = _Path(__file__).parent.parent
if (_checkout / "flows" / "__init__.py").is_file() and (_checkout / "prefect.yaml").is_file():
    __path__.append(str(_checkout))
