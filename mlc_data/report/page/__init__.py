"""The report of a run: one HTML file that needs no network."""

from mlc_data.report.page.context import PageOptions
from mlc_data.report.page.report import bring_up_to_date, write_report

__all__ = ["PageOptions", "bring_up_to_date", "write_report"]
