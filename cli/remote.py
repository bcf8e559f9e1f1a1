"""Commands that talk to a running system: each can be told which tenant, which API, whose key."""

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any

from cli.context import DataDir
from cli.options import KeyOption, TenantOption, UrlOption


def remote(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with options that say where the API is; what it gets as `api` connects with the first call."""

    def run(
        tenant: TenantOption = None, url: UrlOption = None, key: KeyOption = None, data_dir: DataDir = None, **own: Any
    ) -> None:
        from cli.http import Api

        with Api(tenant, url, key, data_dir) as api:
            command(api, **own)

    _, *parameters = signature(command).parameters.values()
    *where, _ = signature(run).parameters.values()
    shown: Any = run
    shown.__signature__ = Signature([*parameters, *where])
    shown.__name__, shown.__doc__ = command.__name__, command.__doc__
    return run
