"""A bucket of S3 as a real server: it refuses every request whose signature is not that of what arrived."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.media.sigv4 import Signer
from tests.fakes.listening import listening

SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "eu-north-1")
BUCKET = "mainstay"
CLOCKS_DIFFER = timedelta(minutes=15)


@dataclass
class FakeBucket:
    """`objects` by key. `status`: what it answers to everything instead, if it is not 200."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    status: int = 200

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        if self.status != 200:
            return Response(status_code=self.status)
        if not _is_signed(request, body):
            return Response(b"<Error><Code>SignatureDoesNotMatch</Code></Error>", 403)
        bucket, key = request.path_params["bucket"], request.path_params["key"]
        if bucket != BUCKET:
            return Response(b"<Error><Code>NoSuchBucket</Code></Error>", 404)
        if request.method == "PUT":
            if "content-length" not in request.headers:
                return Response(b"<Error><Code>MissingContentLength</Code></Error>", 411)
            self.objects[key] = body
            return Response()
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return Response(status_code=204)
        if key not in self.objects:
            return Response(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        return _part(self.objects[key], request.headers.get("range"))


def _part(content: bytes, asked: str | None) -> Response:
    if asked is None:
        return Response(content)
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    assert found is not None, asked
    first, last = int(found[1]), int(found[2]) if found[2] else len(content) - 1
    return Response(content[first : last + 1], 206, {"Content-Range": f"bytes {first}-{last}/{len(content)}"})


def _is_signed(request: Request, body: bytes) -> bool:
    """Signed anew from what arrived: the method, the raw path, the headers that the signature names, and the body."""
    given = request.headers.get("authorization", "")
    names = re.search(r"SignedHeaders=([a-z0-9;-]+)", given)
    stamp, sha256 = request.headers.get("x-amz-date", ""), request.headers.get("x-amz-content-sha256", "")
    if names is None or not stamp or sha256 != hashlib.sha256(body).hexdigest():
        return False
    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - now) > CLOCKS_DIFFER:
        return False
    more = {
        name: request.headers[name] for name in names[1].split(";") if name != "host" and not name.startswith("x-amz-")
    }
    path = request.scope["raw_path"].decode()
    signed = SIGNER.headers(request.method, request.headers["host"], path, now=now, sha256=sha256, more=more)
    return signed["authorization"] == given


@asynccontextmanager
async def serving() -> AsyncIterator[FakeBucket]:
    fake = FakeBucket()
    app = Starlette(routes=[Route("/{bucket}/{key:path}", fake.answer, methods=["GET", "PUT", "DELETE"])])
    async with listening(app) as fake.url:
        yield fake
