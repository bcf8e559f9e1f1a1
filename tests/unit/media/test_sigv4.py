"""Requests to S3 are signed as its documentation's examples are."""

import hashlib
from datetime import UTC, datetime

import pytest

from runtime.media.sigv4 import EMPTY_SHA256, Signer

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
HOST = "examplebucket.s3.amazonaws.com"
NOW = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "sha256", "more", "signature"),
    [
        (
            "GET",
            "/test.txt",
            EMPTY_SHA256,
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
    ],
)
def test_signatures_are_those_of_the_examples(
    method: str, path: str, sha256: str, more: dict[str, str], signature: str
) -> None:
    headers = SIGNER.headers(method, HOST, path, now=NOW, sha256=sha256, more=more)
    assert headers["authorization"].endswith(f"Signature={signature}")
