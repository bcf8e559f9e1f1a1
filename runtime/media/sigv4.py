"""How requests to S3 are signed: AWS Signature Version 4, in the header.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one key and region."""

    access_key: str
    secret_key: str
    region: str

    def headers(
        self,
        method: str,
        host: str,
        path: str,
        *,
        now: datetime,
        sha256: str = EMPTY_SHA256,
        more: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """`more` headers, signed with those that make the signature. `path` as it is sent, without a query; `sha256` of
        the body, in hex; `now` in UTC."""
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        signed = {
            "host": host,
            **{name.lower(): value.strip() for name, value in (more or {}).items()},
            "x-amz-content-sha256": sha256,
            "x-amz-date": stamp,
        }
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join((method, quote(path, safe="/~-._%"), "", lines, names, sha256))
        scope = f"{now:%Y%m%d}/{self.region}/s3/aws4_request"
        to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signature = hmac.new(self._key(now), to_sign.encode(), hashlib.sha256).hexdigest()
        credential = f"{self.access_key}/{scope}"
        authorization = f"{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
        return {**signed, "authorization": authorization}

    def _key(self, now: datetime) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (f"{now:%Y%m%d}", self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key
