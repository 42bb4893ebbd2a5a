"""Prefect flows: a thin layer over `mlc_data`. Tasks pass paths and ids, never tables."""

import logging
import os

# Prefect reads its settings on import, so these come first. The user's own settings are kept.
for _name, _value in {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "mlc_data",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}.items():
    os.environ.setdefault(_name, _value)

# Prefect sends our log lines to its server, but we must set the level: by default only warnings are sent.
_logger = logging.getLogger("mlc_data")
if _logger.level == logging.NOTSET:
    _logger.setLevel(logging.INFO)
