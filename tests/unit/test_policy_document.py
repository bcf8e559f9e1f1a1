"""A policy as people write it: what is wrong in it is named by line, column and field, and nothing in it can hurt."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contracts.policy import Policy
from models.policies import starters
from models.policies.document import MAX_BYTES, Format, InvalidPolicyError, read, write

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"

EVERYTHING = """\
topics:
  - name: refund
    phrases: [верните деньги, money back]
    unless: [refund policy]
    examples: [I want my money back]
  - name: hours
    phrases: [opening hours]
    action: rule
    text: {en: We are open from 9 to 18., ru: Мы работаем с 9 до 18.}
matching: {inflections: false, typos: false, likeness: 0.95}
opt_out:
  phrases: [не пишите мне]
  muted: {ru: Хорошо.}
quiet_hours: {begins: 22:30, ends: 08:00}
greetings: {goes_on_minutes: 10, returns_hours: 12}
flood: {messages_per_minute: 5, repeats_per_minute: 3}
claims:
  forbidden: [guarantee, "discount # %"]
  allowed: [guarantee of 12 months]
  link_domains: [Altyn.example]
"""


def faults(source: str | bytes, format_: Format = Format.YAML) -> list[str]:
    with pytest.raises(InvalidPolicyError) as raised:
        read(source.encode() if isinstance(source, str) else source, format_)
    return [str(fault) for fault in raised.value.faults]


def test_everything_can_be_said_and_is_read_as_it_was_written() -> None:
    policy = read(EVERYTHING.encode(), Format.YAML)
    assert policy.quiet_hours is not None
    assert f"{policy.quiet_hours.begins:%H:%M}" == "22:30", "not a number of seconds"
    assert policy.claims.link_domains == ("altyn.example",)
    assert read(write(policy).encode(), Format.YAML) == policy
    assert read(policy.model_dump_json(indent=1).encode(), Format.JSON) == policy
    assert read(policy.model_dump_json().encode(), Format.YAML) == policy, "JSON is YAML"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("topics:\n  - name: а1\n    phrases: [ab]\n", "line 2, column 11: topics.0.name: must be 1 to 64 of"),
        ("topics:\n- {name: a, phrases: [возврат, 1]}", "line 2, column 32: topics.0.phrases.1: Input should be a "),
        ("topics:\n- {name: a, frases: [ab], phrases: [ab]}", "column 13: topics.0.frases: unknown field: did you mea"),
        ("topics:\n- name: a\n", "line 2, column 3: topics.0.phrases: required"),
        ("topics:\n- {name: a, phrases: []}", "column 22: topics.0.phrases: must have at least one item"),
        ("topics:\n- {name: a, phrases: ['!!']}", "column 23: topics.0.phrases.0: must have a word"),
        (
            "topics:\n- {name: a, phrases: [ab], action: rule}",
            "line 2, column 3: topics.0: text is required when action",
        ),
        (
            "topics:\n- {name: a, phrases: [ab], text: {fr: x}}",
            "column 35: topics.0.text.fr: Input should be 'en', 'ru'",
        ),
        ("topics:\n- {name: a, phrases: [ab], text: {ru: ' '}}", "column 39: topics.0.text.ru: must not be blank"),
        (
            "topics:\n- {name: a, phrases: [ab]}\n- {name: a, phrases: [ab]}",
            "line 2, column 1: topics: every topic needs",
        ),
        ("flood: {messages_per_minute: 0}", "line 1, column 30: flood.messages_per_minute: Input should be greater"),
        ("quiet_hours: {begins: 22:00, ends: 22:00}", "line 1, column 14: quiet_hours: begins and ends must differ"),
        ("quiet_hours: {begins: 1350, ends: 22:00}", "line 1, column 23: quiet_hours.begins: must be a time of day"),
        ("quiet_hours: {begins: 22:00Z, ends: 23:00Z}", "quiet_hours: begins and ends are local times"),
        ("greetings: {returns_hours: 0.1}", "line 1, column 12: greetings: goes_on_minutes must not be longer"),
        ("claims: {link_domains: ['https://a.example']}", "claims.link_domains.0: must be a domain without scheme"),
        ("matching: {typos: yes}", "line 1, column 19: matching.typos: Input should be a valid boolean"),
        ("topics: []\ntopics: []", "line 2, column 1: topics: stands twice; the first is in line 1"),
        ("? [a]\n: 1", "line 1, column 3: a name must be a word"),
        ("- 1", "line 1, column 1: must be a mapping of names to values"),
        ("topics: nothing", "line 1, column 9: topics: must be a list"),
        ("", "is empty: a policy without any rule is {}"),
        ("topics: [\n  }", "line 2, column 3: is not YAML"),
        ("topics: []\n---\ntopics: []", "line 2, column 1: must be one document"),
        ("a: &x []\nb: *x", "line 1, column 4: anchors and aliases are not supported"),
        ("a: !!python/object/apply:os.abort []", "line 1, column 4: tags are not supported"),
        ("a: \x07", "line 1, column 4: must not contain control characters"),
        (b"topics: []\n# \xff", "line 2, column 3: must be text in UTF-8"),
        ("[" * 200_000, "is nested deeper than 12 levels"),
        ("#" * (MAX_BYTES + 1), "the document is larger than 256 KiB"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(source: str | bytes, expected: str) -> None:
    assert expected in " | ".join(faults(source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            '{\n\t"topics": [\n\t\t{"name": "a", "phrases": [5]}]}',
            "line 3, column 29: topics.0.phrases.0: Input should",
        ),
        ('{"topics": [],\n "tropics": 1}', "line 2, column 2: tropics: unknown field: did you mean topics?"),
        ('{"topics": [],\n "topics": []}', "line 2, column 2: topics: stands twice; the first is in line 1"),
        ('{"topics": [}', "line 1, column 13: is not JSON: Expecting value"),
        ("topics: []", "line 1, column 1: is not JSON"),
        ("[" * 200_000, "is nested too deep"),
    ],
)
def test_in_json_too(source: str, expected: str) -> None:
    assert expected in " | ".join(faults(source, Format.JSON))


def test_everything_that_is_wrong_is_told_at_once_in_order() -> None:
    found = faults("flood: {repeats_per_minute: 1}\ntopics:\n- {name: A, phrases: [x]}\nmood: good\n")
    assert [line.split(":")[1].strip() for line in found] == [
        "flood.repeats_per_minute",
        "topics.0.name",
        "topics.0.phrases.0",
        "mood",
    ]


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    policy = read(json.dumps({"topics": [{"name": "a", "phrases": ["\U0001f600 ab"]}]}).encode(), Format.JSON)
    assert policy.topics[0].phrases == ("\U0001f600 ab",)


@given(st.one_of(st.binary(max_size=60), st.text("{}[]:,-?&*!|>'\"%#@ \n\tab1", max_size=60).map(str.encode)))
def test_whatever_is_given_is_read_or_refused(source: bytes) -> None:
    for format_ in Format:
        try:
            assert isinstance(read(source, format_), Policy)
        except InvalidPolicyError as invalid:
            assert invalid.faults  # noqa: PT017  # an outcome like the other


@given(st.integers(0, len(EVERYTHING) - 1), st.sampled_from("x:{}[]-#&*!\n\"' \t\x00"))
def test_one_wrong_character_is_read_or_refused(place: int, wrong: str) -> None:
    source = (EVERYTHING[:place] + wrong + EVERYTHING[place + 1 :]).encode()
    try:
        assert isinstance(read(source, Format.YAML), Policy)
    except InvalidPolicyError as invalid:
        assert all(fault.line for fault in invalid.faults)  # noqa: PT017  # an outcome like the other


def test_what_was_stored_before_a_rule_existed_keeps_working() -> None:
    stored = {"topics": [{"name": "a", "phrases": ["!!"], "action": "rule", "text": {"en": " "}}] * 2}
    assert len(Policy.model_validate(stored).topics) == 2
    assert len(faults(json.dumps(stored), Format.JSON)) == 4


@pytest.mark.parametrize("industry", starters.INDUSTRIES)
def test_a_starter_is_a_policy_with_people_for_what_matters(industry: str) -> None:
    policy = read(starters.document(industry).encode(), Format.YAML)
    assert {"complaint", "legal", "payment_confirmation"} <= {
        topic.name for topic in policy.topics if topic.action == "person"
    }
    for topic in policy.topics:
        assert any(re.search("[әғқңөұүһі]", phrase) for phrase in topic.phrases) or topic.name == "wholesale", (
            topic.name
        )


def test_the_example_of_the_guide_is_a_policy() -> None:
    (example,) = re.findall(r"```yaml\n(topics:.*?)```", GUIDE.read_text(), re.DOTALL)
    policy = read(example.encode(), Format.YAML)
    assert all(getattr(policy, part) != getattr(Policy(), part) for part in Policy.model_fields), "it shows every part"
