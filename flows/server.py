"""The Prefect server that commands use, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterId
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL

from mlc_data.errors import MlcDataError, UsageError, first_line

PAGE = 200

_REFUSED = (401, 403)


@contextmanager
def server() -> Iterator[SyncPrefectClient]:
    """Yield a client of the server in PREFECT_API_URL, once it has answered.

    Raises:
        UsageError: no server is named, none answers, or it requires other credentials.
        MlcDataError: it refused a request, or stopped answering.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise UsageError(
            "no server is named: start one with `prefect server start` and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
        if problem is not None:
            raise UsageError(
                f"no Prefect server answers at {url} ({first_line(problem)}): start it with "
                "`prefect server start`, or set PREFECT_API_URL to where it is"
            ) from problem
        try:
            yield client
        except httpx.HTTPStatusError as error:
            if error.response.status_code in _REFUSED:
                raise UsageError(
                    f"the server at {url} refuses access ({error.response.status_code}): set "
                    "PREFECT_API_AUTH_STRING to its user:password"
                ) from error
            raise MlcDataError(f"the server at {url} refused: {detail(error)}") from error
        except httpx.TransportError as error:
            raise MlcDataError(
                f"the server at {url} stopped answering: {first_line(error)}"
            ) from error


def deployments(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """Return every deployment on the server by ``flow/deployment``."""
    by_name: dict[str, DeploymentResponse] = {}
    while page := client.read_deployments(limit=PAGE, offset=len(by_name)):
        wanted = FlowFilter(id=FlowFilterId(any_=[deployment.flow_id for deployment in page]))
        flows = {flow.id: flow.name for flow in client.read_flows(flow_filter=wanted, limit=PAGE)}
        by_name |= {
            f"{flows[deployment.flow_id]}/{deployment.name}": deployment for deployment in page
        }
    return by_name


def detail(error: httpx.HTTPStatusError) -> str:
    """Return the server's own reason for a refusal."""
    try:
        body = error.response.json()
    except ValueError:
        body = None
    reason = body.get("detail") if isinstance(body, dict) else None
    return str(reason) if reason else first_line(error)
