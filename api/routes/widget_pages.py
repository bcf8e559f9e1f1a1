"""What browsers load: the widget's script, and a page with nothing but the widget, for sites that frame it."""

import html
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from api import widget_script
from api.gateway import InGateway
from api.identity import visitors
from api.problems import documented, not_found

router = APIRouter(prefix="/widget/v1", tags=["widget"], include_in_schema=False)

CACHE = "public, max-age=300, stale-while-revalidate=86400"
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
NOBODY = "'none'"
FRAME = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<script src="/widget/v1/widget.js" data-account="{account}" data-mode="frame" async></script>
</html>
"""


@router.get("/widget.js", operation_id="getWidgetScript")
async def script(
    if_none_match: Annotated[str, Header()] = "", accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """The widget, for every site. Browsers ask again after five minutes, and get 304 if it is the same."""
    built = widget_script.built()
    headers = {
        "Cache-Control": CACHE,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": built.etag,
        "Vary": "Accept-Encoding",
    }
    if built.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    if "gzip" in accept_encoding:
        return Response(built.zipped, media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(built.plain, media_type="text/javascript", headers=headers)


@router.get("/frame", operation_id="getWidgetFrame", responses=documented(404))
async def frame(account: Annotated[str, Query(max_length=100)], gateway: InGateway) -> Response:
    """The widget as a page of its own. Only pages of the site's origins may show it."""
    account_id = visitors.site_id(account)
    site = None if account_id is None else await visitors.site_of(gateway.records, account_id)
    if site is None:
        raise not_found("site")
    policy = f"{POLICY}; frame-ancestors {' '.join(site.settings.origins) or NOBODY}"
    page = FRAME.format(
        language=site.language.value, title=html.escape(site.settings.title or "Chat"), account=site.account_id
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return Response(page, media_type="text/html", headers=headers)
