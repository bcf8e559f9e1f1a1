"""Guessing is slowed down, and nobody is locked out: not by ten thousand wrong passwords, not for strangers' sake."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of
from tests.service.api.signing_in import CHEAP, audited, client_from, give_password, log_in, try_login

GUESSERS, NEIGHBOUR, ELSEWHERE = "127.0.1.1", "127.0.1.7", "127.0.2.1"


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers, **CHEAP, rate_limit_sign_in="1000000/minute")) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        yield acme


@pytest.fixture
async def guessers(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_from(url, GUESSERS) as http:
        yield http


async def guess(http: httpx.AsyncClient, email: str, times: int) -> list[httpx.Response]:
    return [await try_login(http, email, f"wrong {number}") for number in range(times)]


async def guessed_bluntly(url: str, email: str, numbers: Iterator[int]) -> AsyncIterator[int]:
    """The statuses of guesses over one connection. A proper client takes longer to ask than the gateway to answer."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port, local_addr=(GUESSERS, 0))
    for number in numbers:
        body = json.dumps({"email": email, "password": f"wrong {number}"})
        writer.write(
            f"POST /v1/auth/login/json HTTP/1.1\r\nHost: {address.host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        _, _, length = head.partition("content-length: ")
        await reader.readexactly(int(length.split()[0]))
        yield int(head.split()[1])
    writer.close()
    await writer.wait_closed()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_wrong_passwords_lock_nobody_out(acme: Company, database: Database, url: str) -> None:
    email = await give_password(database, acme, "boris")
    async with client_from(url, NEIGHBOUR) as neighbour, client_from(url, ELSEWHERE) as elsewhere:
        device = (await log_in(neighbour, email)).device

        numbers: Iterator[int] = iter(range(10_000))
        answers: list[int] = []

        async def keep_guessing() -> None:
            answers.extend([status async for status in guessed_bluntly(url, email, numbers)])

        await asyncio.gather(*(keep_guessing() for _ in range(20)))
        assert len(answers) == 10_000
        assert set(answers) == {401, 429}
        # Ten at once and one each half minute.
        assert answers.count(401) < 20

        # The device on which one has signed in before, in the guessers' own network.
        assert (await try_login(neighbour, email, device_token=device)).status_code == 200
        # Without it, from another network.
        assert (await try_login(elsewhere, email)).status_code == 200
        # Without it, from the guessers' network: after the wait that it is told.
        delayed = await try_login(neighbour, email)
        if delayed.status_code == 429:
            seconds = int(delayed.headers["retry-after"])
            assert 1 <= seconds <= 30
            await asyncio.sleep(seconds)
            delayed = await try_login(neighbour, email)
        assert delayed.status_code == 200
    assert await audited(database, acme, "session.refused") == answers.count(401)


async def test_unknown_addresses_are_treated_the_same(
    acme: Company, database: Database, guessers: httpx.AsyncClient
) -> None:
    known, unknown = await give_password(database, acme, "boris"), f"nobody@{acme.slug}.example"
    seen = []
    for email in (known, unknown):
        answers = await guess(guessers, email, 12)
        seen.append([(answer.status_code, answer.json()["type"]) for answer in answers])
    assert seen[0] == seen[1]
    assert [status for status, _ in seen[0]] == [401] * 10 + [401, 429]


async def test_naming_the_tenant_gives_no_second_chance(
    acme: Company, database: Database, guessers: httpx.AsyncClient
) -> None:
    for email in (await give_password(database, acme, "boris"), f"nobody@{acme.slug}.example"):
        await guess(guessers, email, 11)
        assert (await try_login(guessers, email, tenant=acme.slug)).status_code == 429
        assert (await try_login(guessers, email, tenant="another")).status_code == 429


async def test_tries_at_once_are_counted_each(acme: Company, database: Database, guessers: httpx.AsyncClient) -> None:
    email = await give_password(database, acme, "boris")
    answers = await asyncio.gather(*(try_login(guessers, email, f"wrong {number}") for number in range(40)))
    assert sum(answer.status_code == 401 for answer in answers) == 11


async def test_who_signs_in_has_all_tries_again(acme: Company, database: Database, guessers: httpx.AsyncClient) -> None:
    email = await give_password(database, acme, "boris")
    for _ in range(3):
        assert {answer.status_code for answer in await guess(guessers, email, 9)} == {401}
        assert (await try_login(guessers, email)).status_code == 200


async def test_a_device_has_tries_of_its_own_and_no_more(
    acme: Company, database: Database, guessers: httpx.AsyncClient
) -> None:
    email = await give_password(database, acme, "boris")
    device = (await log_in(guessers, email)).device
    answers = [await try_login(guessers, email, "wrong", device_token=device) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 11 + [429]
    # A stolen device token uses up nothing of its owner's elsewhere.
    assert (await try_login(guessers, email)).status_code == 200


async def test_a_device_token_is_of_one_address_and_not_made_up(
    acme: Company, database: Database, guessers: httpx.AsyncClient
) -> None:
    boris, owner = await give_password(database, acme, "boris"), await give_password(database, acme, "owner")
    login = await log_in(guessers, owner)
    await guess(guessers, boris, 11)
    for token in (login.device, login.access, login.refresh, "x"):
        assert (await try_login(guessers, boris, device_token=token)).status_code == 429


async def test_many_failures_are_told_once_and_block_nobody(acme: Company, database: Database, url: str) -> None:
    email = await give_password(database, acme, "boris")
    with capture_logs() as logs:
        for network in range(3, 11):
            async with client_from(url, f"127.0.{network}.1") as http:
                await guess(http, email, 9)
        async with asyncio.timeout(20):
            while await audited(database, acme, "session.refused") < 72:  # noqa: ASYNC110  # written aside
                await asyncio.sleep(0.01)
    told = [entry for entry in logs if entry["event"] == "many_failed_sign_ins"]
    assert [entry["member_id"] for entry in told] == [str(acme.members["boris"].id)]
    assert email not in str(logs)
    async with client_from(url, "127.0.3.9") as http:
        assert (await try_login(http, email)).status_code == 200


async def test_a_crowd_of_one_network_is_bounded(servers: Servers, acme: Company) -> None:
    async with serving(settings_of(servers, **CHEAP, rate_limit_sign_in="5/minute")) as (url, _):
        async with client_from(url, "127.0.20.1") as http:
            answers = [await try_login(http, f"nobody-{number}@{acme.slug}.example") for number in range(7)]
        async with client_from(url, "127.0.21.1") as http:
            other = await try_login(http, f"nobody@{acme.slug}.example")
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) <= 60
    assert other.status_code == 401
