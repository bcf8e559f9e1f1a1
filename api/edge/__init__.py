"""What every request passes before the framework sees it: headers, origins, time, and room."""

from starlette.types import ASGIApp

from api import uploads
from api.edge.origins import CrossOrigin
from api.edge.room import Admission
from api.edge.security_headers import SecurityHeaders
from api.edge.time_limit import TimeLimit
from api.limits import MIB
from runtime.settings import Settings


def behind_the_edge(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app`, seen through all of it. The outermost comes last."""
    largest = settings.kb_request_mib * MIB
    app = TimeLimit(
        app,
        body=settings.body_seconds,
        answer=settings.request_seconds,
        longer={uploads.PATH: uploads.arrival_seconds(settings.body_seconds, largest)},
    )
    app = CrossOrigin(app, settings)
    app = Admission(
        app,
        requests=settings.concurrent_requests,
        streams=settings.concurrent_streams,
        share=settings.concurrent_share,
    )
    return SecurityHeaders(app, https=settings.origin.startswith("https:"), subdomains=settings.https_subdomains)
