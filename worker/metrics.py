"""Model calls as metrics of the worker, served where Temporal's own are (MAINSTAY_METRICS_ADDRESS)."""

from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.routes.metering import Observer
from models.contracts.usage import ModelCall


def observing(client: Client) -> Observer:
    """Counts calls, tokens, cost and time by endpoint, purpose and outcome. Not by tenant: that would be a series each."""
    meter = (client.service_client.config.runtime or Runtime.default()).metric_meter
    calls = meter.create_counter("mainstay_model_calls", "Calls of models.")
    tokens = meter.create_counter("mainstay_model_tokens", "Tokens of questions and answers.")
    cost = meter.create_counter("mainstay_model_cost_millionths", "Cost, in millionths of the prices' currency.")
    seconds = meter.create_histogram_float("mainstay_model_call_seconds", "Time to the end of a call.", "s")

    def observe(call: ModelCall) -> None:
        labels = {"endpoint": call.endpoint, "purpose": call.purpose.value, "outcome": call.outcome.value}
        calls.add(1, labels)
        tokens.add(call.tokens, labels)
        cost.add(call.cost, labels)
        seconds.record(call.milliseconds / 1000, labels)

    return observe
