"""What messages ask for: held-out sentences, bursts, and the errors that must not happen."""

import csv
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from activities.embedding.nano import NanoEmbedder
from activities.understanding import examples
from activities.understanding.classify import ExampleClassifier, combined, core, verdict
from activities.understanding.head import KernelHead
from activities.understanding.spelling import plain
from activities.understanding.vector_cache import VectorCache
from activities.understanding.weights_cache import WeightsCache
from models.contracts.enums import Intent, Language

ROOT = Path(__file__).parents[2]
HELD_OUT = tomllib.loads((ROOT / "tests" / "data" / "intents-heldout.toml").read_text("utf-8"))
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
async def classifier() -> ExampleClassifier:
    found = ExampleClassifier(NanoEmbedder())
    await found.load()
    return found


def held_out(intent: Intent) -> Iterator[str]:
    for language in Language:
        yield from HELD_OUT[language][intent]


@pytest.mark.parametrize(
    ("intent", "share"),
    [
        (Intent.OPT_OUT, 0.9),
        (Intent.HUMAN_REQUEST, 0.97),
        (Intent.FRUSTRATION, 0.87),
        (Intent.QUESTION, 0.97),
        (Intent.GREETING, 0.88),
        (Intent.THANKS, 0.93),
        (Intent.OUT_OF_SCOPE, 0.87),
    ],
)
async def test_held_out_sentences(classifier: ExampleClassifier, intent: Intent, share: float) -> None:
    found = [(await classifier.understand(text)).intent for text in held_out(intent)]
    assert found.count(intent) >= share * len(found)


async def test_no_held_out_question_silences_the_bot_and_hardly_any_is_waved_away(
    classifier: ExampleClassifier,
) -> None:
    found = [(await classifier.understand(text)).intent for text in held_out(Intent.QUESTION)]
    assert Intent.OPT_OUT not in found
    waved_away = {Intent.GREETING, Intent.THANKS, Intent.OUT_OF_SCOPE}
    assert sum(intent in waved_away for intent in found) <= 0.03 * len(found)


async def test_hardly_any_held_out_sentence_brings_a_person_unasked(classifier: ExampleClassifier) -> None:
    persons = {Intent.HUMAN_REQUEST, Intent.FRUSTRATION}
    found = [
        (await classifier.understand(text)).intent for intent in set(Intent) - persons for text in held_out(intent)
    ]
    assert sum(intent in persons for intent in found) <= 0.02 * len(found)


async def test_a_request_for_a_person_is_never_taken_for_small_talk(classifier: ExampleClassifier) -> None:
    found = [(await classifier.understand(text)).intent for text in held_out(Intent.HUMAN_REQUEST)]
    assert not {Intent.GREETING, Intent.THANKS, Intent.OUT_OF_SCOPE, Intent.OPT_OUT} & set(found)


@pytest.mark.skipif(not SHARED.exists(), reason="the public test data is not here")
async def test_public_questions_are_questions(classifier: ExampleClassifier) -> None:
    with (SHARED / "banking77-train.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)][::101]
    found = [(await classifier.understand(text)).intent for text in texts]
    assert found.count(Intent.QUESTION) >= 0.93 * len(found)
    assert Intent.OPT_OUT not in found


@pytest.mark.skipif(not SHARED.exists(), reason="the public test data is not here")
async def test_public_requests_for_a_person_are_heard(classifier: ExampleClassifier) -> None:
    with (SHARED / "bitext-utterances.csv").open(encoding="utf-8-sig") as file:
        texts = [row["utterance"] for row in csv.DictReader(file) if row["intent"] == "contact_human_agent"][::5]
    found = [(await classifier.understand(text)).intent for text in texts]
    assert found.count(Intent.HUMAN_REQUEST) >= 0.95 * len(found)


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("Hello! How much is delivery to Astana?", (Intent.QUESTION, Intent.GREETING)),
        ("Thanks.\nCan I speak to a real person?", (Intent.HUMAN_REQUEST, Intent.THANKS)),
        ("Не пишите мне больше. Сколько стоит доставка?", (Intent.OPT_OUT, Intent.QUESTION)),
        ("Сәлем!\nЖеткізу қанша тұрады?", (Intent.QUESTION, Intent.GREETING)),
        ("Привет", (Intent.GREETING,)),
        ("", (Intent.QUESTION,)),
        ("👍", None),
    ],
)
async def test_bursts(classifier: ExampleClassifier, text: str, intents: tuple[Intent, ...] | None) -> None:
    found = await classifier.understand(text)
    if intents is not None:
        assert found.intents == intents
    assert found.intent is found.intents[0]
    assert found.has_question is (Intent.QUESTION in found.intents[1:])
    assert 0 <= found.confidence <= 1


async def test_the_callers_vector_is_used_and_gives_the_same(classifier: ExampleClassifier) -> None:
    text = "Good morning! Where is my parcel?"
    vector = await classifier._embedder.embed_query(core(text))
    assert await classifier.understand(text, vector) == await classifier.understand(text)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I don't need a manager, only tell me the price", Intent.QUESTION),
        ("Don't stop my service, the bill is paid", Intent.QUESTION),
        ("Оператора звать не надо, подскажите адрес", Intent.QUESTION),
        ("не нужен мне менеджер, сколько стоит ремонт?", Intent.QUESTION),
        ("Оператор керек емес, бағасы қанша?", Intent.QUESTION),
        ("What does the «Talk to a human» link do?", Intent.QUESTION),
        ("I don't want a robot, I want a person", Intent.HUMAN_REQUEST),
        ("CONNECT ME WITH A MANAGER", Intent.HUMAN_REQUEST),
        ("opeрaтoра позовите", Intent.HUMAN_REQUEST),
        ("оператооооор", Intent.HUMAN_REQUEST),
        ("pozovite cheloveka", Intent.HUMAN_REQUEST),
        ("кызметкерге косыныз", Intent.HUMAN_REQUEST),
        ("Can I bring my bicycle into the office?", Intent.QUESTION),
        ("Сәлемдемелер", Intent.QUESTION),
        ("zhazbanyz endi", Intent.OPT_OUT),
        ("ne pishite mne", Intent.OPT_OUT),
    ],
)
async def test_denials_quotes_and_ways_of_typing(classifier: ExampleClassifier, text: str, intent: Intent) -> None:
    assert (await classifier.understand(text)).intent is intent


def test_the_core_of_a_message_is_what_is_worth_searching() -> None:
    assert core("Hello! Where is my parcel? Thanks!") == "Where is my parcel?"
    assert core("Привет") == "Привет"
    assert core(" Where is it? ") == "Where is it?"


async def test_a_long_message_is_judged_in_bounded_time(classifier: ExampleClassifier) -> None:
    found = await classifier.understand("Some words. " * 600 + "Please connect me with an operator.")
    assert found.intent is Intent.HUMAN_REQUEST


@pytest.fixture
def few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    few = examples.Examples(tuple(Intent), tuple(Intent), ())
    monkeypatch.setattr(examples, "load", lambda: few)


async def load(folder: Path, *, closed: bool = False) -> None:
    embedder = NanoEmbedder()
    if closed:
        await embedder.close()
    await ExampleClassifier(embedder, folder).load()


@pytest.mark.usefixtures("few_examples")
async def test_the_vectors_of_examples_are_read_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        await load(tmp_path, closed=True)
    await load(tmp_path)
    # What cannot embed any more can still load.
    await load(tmp_path, closed=True)


@pytest.mark.usefixtures("few_examples")
@pytest.mark.parametrize("kind", ["intents", "head"])
async def test_a_damaged_cache_is_made_anew(tmp_path: Path, kind: str) -> None:
    await load(tmp_path)
    (cached,) = list(tmp_path.glob(f"{kind}-*"))  # noqa: ASYNC240 - a local file in a test
    whole = cached.read_bytes()
    cached.write_bytes(whole[:1000])
    await load(tmp_path)
    assert cached.read_bytes() == whole


@pytest.mark.usefixtures("few_examples")
async def test_a_new_example_alone_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await load(tmp_path)
    more = examples.Examples((*Intent, "hello from a new example"), (*Intent, Intent.GREETING), ())
    monkeypatch.setattr(examples, "load", lambda: more)
    embedder = Counting()
    await ExampleClassifier(embedder, tmp_path).load()
    assert embedder.texts == ["hello from a new example"]
    assert len(list(tmp_path.glob("head-*"))) == 1, "what is fitted anew takes the place of the last"  # noqa: ASYNC240


async def test_a_first_start_embeds_nothing_and_fits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(KernelHead, "fit")
    embedder = Counting()
    await ExampleClassifier(embedder, tmp_path).load()
    assert (embedder.texts, list(tmp_path.iterdir())) == ([], [])  # noqa: ASYNC240 - a local folder in a test


async def test_the_product_comes_with_the_vectors_of_its_examples() -> None:
    texts = sorted({plain(sentence) for sentence in examples.load().sentences})
    shipped = VectorCache(examples.FOLDER, NanoEmbedder.space).known(texts)
    assert set(texts) - set(shipped) == set(), "examples were changed: run `make vectors`"
    (file,) = examples.FOLDER.glob("intents-*.npy")
    assert len(np.load(file)) == len(texts), "examples were taken out: run `make vectors`"
    some = texts[::400]
    anew = np.asarray(await NanoEmbedder().embed_queries(some))
    cosines = (anew * np.asarray([shipped[text] for text in some])).sum(axis=1)
    assert cosines.min() > 0.999, "the model embeds otherwise than it did: run `make vectors`"


async def test_the_product_comes_with_what_is_fitted_to_them(
    classifier: ExampleClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = examples.FOLDER.glob("head-*.npy")
    monkeypatch.setattr(WeightsCache, "known", lambda *_: None)
    anew = ExampleClassifier(NanoEmbedder(), tmp_path)
    await anew.load()
    (fitted,) = tmp_path.glob("head-*.npy")  # noqa: ASYNC240 - a local file in a test
    assert fitted.name == file.name, "run `make vectors`"
    for text in ("Where is my parcel?", "Позовите оператора", "Рахмет!", "Хватит мне писать"):
        ((intent, share),), ((again, share_again),) = await classifier.judged(text), await anew.judged(text)
        assert again is intent
        assert share_again == pytest.approx(share, abs=0.001)


class Counting(NanoEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return await super().embed_queries(texts)


def test_the_strongest_intent_leads() -> None:
    found = combined([(Intent.THANKS, 0.9), (Intent.QUESTION, 0.6), (Intent.OPT_OUT, 0.8)], Language.EN)
    assert found.intents == (Intent.OPT_OUT, Intent.QUESTION, Intent.THANKS)
    assert (found.confidence, found.has_question) == (0.8, True)


@pytest.mark.parametrize(
    ("likely", "second", "intent"),
    [
        ((Intent.OPT_OUT, 0.75), Intent.GREETING, Intent.QUESTION),
        ((Intent.OPT_OUT, 0.85), Intent.GREETING, Intent.OPT_OUT),
        ((Intent.FRUSTRATION, 0.65), Intent.GREETING, Intent.QUESTION),
        ((Intent.QUESTION, 0.7), Intent.HUMAN_REQUEST, Intent.HUMAN_REQUEST),
        ((Intent.QUESTION, 0.8), Intent.HUMAN_REQUEST, Intent.QUESTION),
        ((Intent.THANKS, 0.7), Intent.HUMAN_REQUEST, Intent.THANKS),
    ],
)
def test_what_an_intent_needs_to_count(likely: tuple[Intent, float], second: Intent, intent: Intent) -> None:
    first, share = likely
    shares = {first: share, second: 1 - share}
    found, confidence = verdict("words", np.array([shares.get(one, 0.0) for one in Intent]))
    assert found is intent
    assert confidence == pytest.approx(shares.get(intent, 0.0))


def test_the_head_separates_what_is_separable() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    head = KernelHead.fit(vectors, np.array([0, 0, 1, 1]), 2)
    probabilities = head.probabilities(np.array([[0.8, 0.2], [0.2, 0.8]], np.float32))
    assert probabilities[0, 0] > 0.9
    assert probabilities[1, 1] > 0.9
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_the_head_solves_its_regression() -> None:
    random = np.random.default_rng(1)
    vectors, classes = random.normal(1, 1, (300, 20)).astype(np.float32), random.integers(0, 3, 300)
    head = KernelHead.fit(vectors, classes, 3)
    likeness = np.exp(head.directions @ head.directions.T - 1)
    ridge = 0.03 * 3 * np.bincount(classes)[classes] / 300
    exact = np.linalg.solve(likeness + np.diag(ridge), np.eye(3)[classes] - 1 / 3)
    solved = KernelHead(head.mean, head.directions, exact)
    assert np.allclose(head.probabilities(vectors), solved.probabilities(vectors), atol=0.01)
