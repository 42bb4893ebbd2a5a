"""Output of the temporary server that does not start."""

from flows.temporary import explain_output

TRACEBACK = """Traceback (most recent call last):
  File "script/base.py", line 239, in _catch_revision_errors
    raise util.CommandError(resolution) from re
alembic.util.exc.CommandError: Can't locate revision identified by '27d8f4e1a6c9'

22:50:06.502 | ERROR   | uvicorn.error - Application startup failed. Exiting.
"""


def test_a_database_of_another_version_is_named() -> None:
    reason, advice = explain_output(TRACEBACK)
    assert reason.startswith("alembic.util.exc.CommandError: Can't locate revision")
    assert "PREFECT_HOME" in advice


def test_without_an_error_there_is_no_reason() -> None:
    assert explain_output("Starting.\n") == ("", "Run the same command again")
