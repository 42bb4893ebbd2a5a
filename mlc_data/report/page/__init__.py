"""The report of a run: one HTML file that needs no network."""

from mlc_data.report.page.context import PageOptions
from mlc_data.report.page.report import write_report

__all__ = ["PageOptions", "write_report"]
