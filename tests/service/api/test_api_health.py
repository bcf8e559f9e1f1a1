"""Health and metrics: for everybody, about nobody."""

from prometheus_client.parser import text_string_to_metric_families

from tests.service.api.house import Company


async def test_health_needs_no_key_and_says_what_works(acme: Company) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        response = await acme.http.get(path, headers={"Authorization": ""})
        assert response.status_code == 200
        assert response.json()["status"] == "ok"
    found = (await acme.get("/health")).json()
    assert all(found[part] for part in ("database", "schema_current", "temporal", "listening"))


async def test_the_agent_says_what_it_answers_with(acme: Company) -> None:
    found = (await acme.get("/v1/agent/health")).json()
    assert found["answerer"] == "extractive"
    assert found["embedding_provider"] == "embedded"
    assert found["temporal"] is True
    assert found["pollers"]["conversations"] >= 1


async def test_metrics_name_routes_and_never_texts(acme: Company) -> None:
    marker = "Wombat-7731"
    conversation = await acme.opened(customer={"name": marker, "external_id": marker})
    await acme.said(conversation, marker, client_message_id=marker)
    await acme.get(f"/v1/{marker}")
    text = (await acme.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    routes = {sample.labels["route"] for sample in families["mainstay_http_request_duration_seconds"].samples}
    assert "/v1/conversations/{conversation_id}/messages" in routes
    assert "unmatched" in routes
    assert {"mainstay_messages_accepted", "mainstay_handovers", "mainstay_listen_connections"} <= families.keys()
    assert marker not in text
    assert conversation not in text
