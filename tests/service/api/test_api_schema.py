"""The OpenAPI document keeps its word, whatever schemathesis sends."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from cli.search import searching
from runtime.embedded import Servers
from tests.service.api.house import Company, serving, settings_of

# Not positive_data_acceptance: whether a member exists, or a key was used before, no schema can say.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
    "missing_required_header",
    "use_after_free",
]
# Streams never end; what they do is in test_api_events.
ENDLESS = ["streamTenant", "streamConversation"]


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_schemathesis_finds_nothing(acme: Company, servers: Servers, tmp_path: Path) -> None:
    settings = settings_of(servers)
    async with serving(settings, searching(settings)) as (url, _):
        await acme.escalated()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", f"{url}/openapi.json", "--header", f"Authorization: {acme.as_('owner')['Authorization']}"),
            *("--checks", ",".join(CHECKS), "--max-examples", "15", "--phases", "examples,coverage,fuzzing,stateful"),
            *(argument for operation in ENDLESS for argument in ("--exclude-operation-id", operation)),
            *("--generation-deterministic", "--no-color", "--max-time", "60", "--max-failures", "20"),
            cwd=tmp_path,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        report, _ = await process.communicate()
    assert process.returncode == 0, report.decode()
