"""The API from the command line: where it is, a key for it, and its errors in words."""

from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from cli.context import settings_of
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.runfile import find

if TYPE_CHECKING:
    from runtime.database import Database

# The API itself waits for up to 60 seconds where it is asked to.
TIMEOUT_SECONDS = 75
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class RefusedError(OperatorError):
    """The API answered, and not with success."""


class Api:
    """The API at `url`, or that of the system running here, with `key`, or as the owner of `tenant`.

    Looked for when it is first asked something: a command can refuse what it was given without any.
    """

    def __init__(
        self,
        tenant: str | None = None,
        url: str | None = None,
        key: str | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self._tenant = tenant
        self._url = url
        self._key = key
        self._data_dir = data_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "http" in vars(self):
            self.http.close()

    @cached_property
    def url(self) -> str:
        return self._url or _running(self._data_dir)

    @cached_property
    def http(self) -> httpx.Client:
        auth = Key(self._key) if self._key else Pass(self._tenant, self._data_dir)
        # A proxy is of no use for the system that runs here.
        here = httpx.URL(self.url).host in LOOPBACK
        return httpx.Client(base_url=self.url, auth=auth, timeout=TIMEOUT_SECONDS, trust_env=not here)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the answer. Raises RefusedError in the API's own words, OperatorError when nobody answers."""
        response = self._asked(method, path, **options)
        check(response)
        return response.json()

    def get(self, path: str, **params: str | int | None) -> Any:
        return self.call("GET", path, params={name: value for name, value in params.items() if value is not None})

    def pages(self, path: str, **params: str | int | None) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, limit=200, **params)
            yield from page["items"]
            if (cursor := page["next"]) is None:
                return

    def post(self, path: str, body: dict[str, Any] | None = None, **params: str | int) -> Any:
        return self.call("POST", path, json=body or {}, params=params)

    def delete(self, path: str) -> None:
        check(self._asked("DELETE", path))

    def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self.http.request(method, path, **options)
        except httpx.TransportError as error:
            raise OperatorError(f"the API at {self.url} does not answer ({type(error).__name__})") from None


class Pass(httpx.Auth):
    """A key for a quarter of an hour, issued through the database, and anew when it has run out."""

    def __init__(self, tenant: str | None, data_dir: Path | None) -> None:
        self._tenant = tenant
        self._data_dir = data_dir
        self._key = self._issue()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._key = self._issue()
            request.headers["Authorization"] = f"Bearer {self._key}"
            yield request

    def _issue(self) -> str:
        # Half of the time that a command takes to start, and of no use to those who bring a key.
        from cli.records import tenant_called, with_database
        from models.repositories import passes

        async def issue(database: "Database") -> str:
            tenant = await tenant_called(database, self._tenant)
            async with database.tenant(tenant.id) as tx:
                key = await passes.issue(tx)
            if key is None:
                raise OperatorError(f"tenant {tenant.slug} has no owner: `mainstay member add NAME --role owner`")
            return key

        return with_database(self._data_dir, issue)


class Key(httpx.Auth):
    """A key that was given."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key}"
        yield request


def check(response: httpx.Response) -> None:
    """Raises RefusedError with what the problem says, every wrong field included."""
    if response.is_success:
        return
    try:
        problem = response.json()
        lines = [problem["detail"], *(f"{each['field']}: {each['message']}" for each in problem.get("errors") or [])]
    except (ValueError, KeyError, TypeError):
        raise OperatorError(f"{response.request.url} answered {response.status_code}: is it a Mainstay API?") from None
    raise RefusedError("\n".join(lines))


def _running(data_dir: Path | None) -> str:
    home = Home.at(settings_of(data_dir).data_dir)
    running = find(home)
    if running is None:
        raise OperatorError(
            f"no system runs in {home.root}: start one with `mainstay up`, name its folder with --data-dir, or say with "
            "--url where the API is"
        )
    return running.api_url
