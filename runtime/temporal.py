"""The one way to a Temporal client."""

import dataclasses
import logging
from functools import cache
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.failure.v1 import Failure
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadCodec, PayloadConverter
from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode, TLSConfig

from runtime.errors import OperatorError
from runtime.search_attributes import SEARCH_ATTRIBUTES
from runtime.settings import Settings

KINDS = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
}


class FailuresWithoutTexts(DefaultFailureConverter):
    """Of an exception that was not raised for Temporal, histories keep the class and the places, not the message:
    messages of databases, parsers and HTTP clients quote rows, inputs and answers."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        if not isinstance(exception, TemporalError):
            kind = type(exception).__name__
            without = ApplicationError(kind, type=kind)
            without.__traceback__, without.__cause__ = exception.__traceback__, exception.__cause__
            exception = without
        super().to_failure(exception, payload_converter, failure)


class EncodedFailures(FailuresWithoutTexts):
    """Messages and places become a payload, which the codec encrypts."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)


def data_converter(codec: PayloadCodec | None = None) -> DataConverter:
    """How everything that crosses becomes bytes. `codec` sees every payload, for encryption."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=FailuresWithoutTexts if codec is None else EncodedFailures,
    )


async def connect(
    settings: Settings, *, lazy: bool = False, serve_metrics: bool = False, codec: PayloadCodec | None = None
) -> Client:
    """A client of the namespace in `settings`.

    `lazy` connects at the first call: the gateway must start, and store messages, without Temporal (a worker
    needs one that is connected). `serve_metrics` publishes the SDK's metrics on `metrics_address`, which one client
    of a process, in one process, can do. `codec` sees every payload, for encryption.
    Raises OperatorError if the server cannot be reached (never when lazy).
    """
    address = settings.temporal_address
    if address is None:
        raise OperatorError("MAINSTAY_TEMPORAL_ADDRESS is not set, and no embedded Temporal runs here: `mainstay up`")
    key = settings.temporal_api_key
    try:
        return await Client.connect(
            address,
            tls=tls_of(settings),
            api_key=None if key is None else key.get_secret_value(),
            namespace=settings.temporal_namespace,
            data_converter=data_converter(codec),
            runtime=_runtime(settings.metrics_address if serve_metrics else None),
            lazy=lazy,
            # Compressing costs a third of a call's latency and saves nothing inside one machine.
            grpc_compression=GrpcCompression.NONE if _is_loopback(address) else GrpcCompression.GZIP,
        )
    except (RuntimeError, RPCError) as error:
        # The SDK has no class of its own for a refused connection.
        raise OperatorError(
            f"Temporal at {address} cannot be reached: start it, or correct MAINSTAY_TEMPORAL_ADDRESS"
        ) from error


def tls_of(settings: Settings) -> TLSConfig | bool:
    """Raises OperatorError naming a certificate that cannot be read."""
    ca, certificate, key = (
        _read(settings, name) for name in ("temporal_ca_file", "temporal_certificate_file", "temporal_key_file")
    )
    if ca is None and certificate is None:
        return settings.temporal_tls or settings.temporal_api_key is not None
    return TLSConfig(server_root_ca_cert=ca, client_cert=certificate, client_private_key=key)


def _read(settings: Settings, name: str) -> bytes | None:
    path: Path | None = getattr(settings, name)
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise OperatorError(f"MAINSTAY_{name.upper()}: {path} cannot be read ({error.strerror})") from None


async def missing_search_attributes(client: Client) -> dict[str, IndexedValueType.ValueType]:
    """Those of SEARCH_ATTRIBUTES that the namespace does not know yet, with their kinds.

    Raises OperatorError if one exists with another kind, RPCError if the server does not answer.
    """
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = {}
    for name, kind in SEARCH_ATTRIBUTES.items():
        found = answer.custom_attributes.get(name)
        if found is None:
            missing[name] = KINDS[kind]
        elif found != KINDS[kind]:
            raise OperatorError(
                f"search attribute {name} of namespace {client.namespace} must be a {kind}: "
                f"`temporal operator search-attribute remove --name {name}`, then start again"
            )
    return missing


async def ensure_search_attributes(client: Client) -> list[str]:
    """Register what is missing; the names registered now. Safe to call at every start, by many at once."""
    missing = await missing_search_attributes(client)
    if missing:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            if error.status == RPCStatusCode.PERMISSION_DENIED:
                raise OperatorError(
                    f"not allowed to register the search attributes {', '.join(missing)} "
                    f"in namespace {client.namespace}: have its operator do it"
                ) from error
            if error.status != RPCStatusCode.ALREADY_EXISTS:
                raise
    return list(missing)


async def pollers(client: Client, queue: str) -> int:
    """How many workers have polled a queue for activities lately. Raises RPCError."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    return len((await client.workflow_service.describe_task_queue(request)).pollers)


@cache
def _runtime(metrics_address: str | None) -> Runtime:
    """The SDK's native threads: one set a process, and one more for metrics where they are served."""
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(
                    logger=logging.getLogger("temporalio.core"),
                    # The fields quote failures of activities, which may quote customers.
                    append_log_fields_to_message=False,
                ),
            ),
            metrics=None
            if metrics_address is None
            else PrometheusConfig(
                bind_address=metrics_address,
                # Prometheus' own conventions: seconds, and names that end in _total and _seconds.
                counters_total_suffix=True,
                unit_suffix=True,
                durations_as_seconds=True,
            ),
        )
    )


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")
