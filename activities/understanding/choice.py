"""From what is configured to who understands messages."""

from pathlib import Path

from activities.embedding.port import Embedder
from activities.generation.port import ChatModel
from activities.understanding.classify import ExampleClassifier
from activities.understanding.llm import LlmClassifier
from activities.understanding.port import Classifier


def classifier_for(embedder: Embedder, cache_dir: Path | None = None, *, model: ChatModel | None = None) -> Classifier:
    """A model where one is given, the examples otherwise and behind it."""
    by_example = ExampleClassifier(embedder, cache_dir)
    return LlmClassifier(model, by_example) if model else by_example
