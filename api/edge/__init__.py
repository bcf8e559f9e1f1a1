"""What every request passes before the framework sees it: headers, origins, time, and room."""

from starlette.types import ASGIApp

from api import uploads
from api.edge.origins import CrossOrigin
from api.edge.room import Admission
from api.edge.security_headers import SecurityHeaders
from api.edge.time_limit import TimeLimit
from runtime.settings import Settings


def behind_the_edge(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app`, seen through all of it. The outermost comes last."""
    app = TimeLimit(
        app,
        body=lambda path: uploads.arrival_seconds(settings.body_seconds, uploads.largest_form(path, settings)),
        answer=settings.request_seconds,
    )
    app = CrossOrigin(app, settings)
    app = Admission(
        app,
        requests=settings.concurrent_requests,
        streams=settings.concurrent_streams,
        share=settings.concurrent_share,
    )
    return SecurityHeaders(app, https=settings.origin.startswith("https:"), subdomains=settings.https_subdomains)
