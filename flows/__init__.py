"""Prefect flows: a thin skin over `mlc_data`. Tasks pass paths and ids, never tables."""

import logging
import os

# Before Prefect is imported: it reads its settings then. What the user has set stays.
for _name, _value in {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "mlc_data",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}.items():
    os.environ.setdefault(_name, _value)

# Prefect sends our lines to its server, but leaves the level to us: without one only warnings would go.
_logger = logging.getLogger("mlc_data")
if _logger.level == logging.NOTSET:
    _logger.setLevel(logging.INFO)
