"""Assistants over HTTP: created, tuned, their prompts by version, and what is wrong named by its field."""

from typing import Any
from uuid import uuid4

import pytest

from tests.service.api.house import Company


async def made(acme: Company, slug: str = "seller", **assistant: Any) -> dict[str, Any]:
    response = await acme.post("/v1/assistants", {"slug": slug, "name": "Seller", "assistant": assistant})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_an_assistant_is_made_replaced_and_removed(acme: Company) -> None:
    first = await made(acme, persona="You are brief.", tags=["almaty"], answer_at=0.9)
    assert first["assistant"]["unsure_at"] == 0.3, "what nobody has set has its default"
    path = f"/v1/assistants/{first['id']}"
    assert (await acme.get(path)).json() == first
    changed = await acme.http.put(path, json={"name": "Other", "assistant": {"persona": "You are long."}})
    assert (changed.json()["name"], changed.json()["assistant"]["tags"]) == ("Other", [])
    second = await made(acme, "another")
    listed = (await acme.get("/v1/assistants?limit=1")).json()
    assert [each["slug"] for each in listed["items"]] == ["seller"]
    rest = (await acme.get(f"/v1/assistants?cursor={listed['next']}")).json()
    assert ([each["id"] for each in rest["items"]], rest["next"]) == ([second["id"]], None)
    assert (await acme.http.delete(path)).status_code == 204
    assert (await acme.get(path)).status_code == 404
    actions = [each["action"] for each in (await acme.get("/v1/audit?limit=20")).json()["items"]]
    assert {"assistant.created", "assistant.changed", "assistant.removed"} <= set(actions)


async def test_a_slug_is_taken_once(acme: Company) -> None:
    await made(acme)
    again = await acme.post("/v1/assistants", {"slug": "seller", "name": "Again"})
    assert again.status_code == 409
    assert again.json()["type"].endswith(":slug-taken")


@pytest.mark.parametrize(
    ("assistant", "field"),
    [
        ({"answer_at": 1.5}, "assistant.answer_at"),
        ({"answer_at": 0.2, "unsure_at": 0.5}, "assistant"),
        ({"temperature": 3.0}, "assistant.temperature"),
        ({"max_tokens": 5}, "assistant.max_tokens"),
        ({"route": "Nowhere!"}, "assistant.route"),
        ({"route": "nowhere"}, "assistant.route"),
        ({"greeting": {"de": "Hallo"}}, "assistant.greeting.de.[key]"),
        ({"persona": "a\x00b"}, "assistant.persona"),
        ({"modle": "x"}, "assistant.modle"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_kept(acme: Company, assistant: dict[str, Any], field: str) -> None:
    response = await acme.post("/v1/assistants", {"slug": "seller", "name": "Seller", "assistant": assistant})
    assert response.status_code == 422, response.text
    assert [each["field"] for each in response.json()["errors"]] == [field]
    assert (await acme.get("/v1/assistants")).json()["items"] == []


async def test_prompts_are_kept_by_version_and_rolled_back(acme: Company) -> None:
    path = f"/v1/assistants/{(await made(acme))['id']}"
    assert (await acme.get(path)).json()["prompt_version"] == 0
    for number, template in enumerate(("One. {persona}", "Two. {persona}"), start=1):
        response = await acme.post(f"{path}/prompts", {"template": template, "note": f"note {number}"})
        assert (response.status_code, response.json()["version"]) == (201, number)
    assert (await acme.get(path)).json()["prompt_version"] == 2
    kept = await acme.post(f"{path}/prompts", {"template": "Three.", "activate": False})
    assert kept.json()["version"] == 3
    assert (await acme.get(path)).json()["prompt_version"] == 2
    rolled = await acme.post(f"{path}/prompts/activate", {"version": 1})
    assert rolled.json()["prompt_version"] == 1
    versions = (await acme.get(f"{path}/prompts")).json()["items"]
    assert [each["version"] for each in versions] == [3, 2, 1]
    assert versions[-1]["template"] == "One. {persona}"
    assert (await acme.post(f"{path}/prompts/activate", {"version": 0})).json()["prompt_version"] == 0
    unknown = await acme.post(f"{path}/prompts/activate", {"version": 9})
    assert unknown.json()["errors"][0]["field"] == "version"
    wrong = await acme.post(f"{path}/prompts", {"template": "Hello {customer}"})
    assert wrong.status_code == 422
    assert "there are {assistant}" in wrong.json()["errors"][0]["message"]


async def test_starters_are_listed_and_are_what_an_assistant_may_be(acme: Company) -> None:
    found = (await acme.get("/v1/assistant-starters?language=kk")).json()["items"]
    assert {"shop", "clinic", "telecom"} <= {each["industry"] for each in found}
    assert {each["language"] for each in found} == {"kk"}
    await made(acme, "clinic", **next(each["assistant"] for each in found if each["industry"] == "clinic"))


async def test_an_agent_sees_assistants_and_changes_none_and_sees_no_costs(acme: Company) -> None:
    path, headers = f"/v1/assistants/{(await made(acme))['id']}", acme.as_("aigerim")
    assert (await acme.get(path, headers=headers)).status_code == 200
    assert (await acme.http.put(path, json={"name": "x"}, headers=headers)).status_code == 403
    assert (await acme.post(f"{path}/prompts", {"template": "x"}, headers=headers)).status_code == 403
    assert (await acme.get("/v1/usage", headers=headers)).status_code == 403


async def test_a_conversation_and_a_branch_take_only_what_there_is(acme: Company) -> None:
    response = await acme.post("/v1/conversations", {"assistant": "nobody"})
    assert response.json()["errors"][0]["field"] == "assistant"
    assert (await acme.get("/v1/conversations")).json()["items"] == []
    assert (await acme.post("/v1/conversations", {"assistant": "default"})).status_code == 201
    branch = {"slug": "second", "name": "Second", "assistant_id": str(uuid4())}
    refused = await acme.post("/v1/branches", branch)
    assert refused.json()["errors"][0]["field"] == "assistant_id"
    made_one = await acme.post("/v1/branches", branch | {"assistant_id": (await made(acme))["id"]})
    assert made_one.status_code == 201


@pytest.mark.parametrize(
    "query",
    ["from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from=2020-01-01T00:00:00Z", "from=2026-01-01", "group_by=x"],
)
async def test_a_report_has_a_time_that_makes_sense(acme: Company, query: str) -> None:
    assert (await acme.get(f"/v1/usage?{query}")).status_code == 422
    assert (await acme.get("/v1/usage")).json()["rows"] == []
