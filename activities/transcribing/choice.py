"""From the settings to the transcriber."""

from activities.transcribing.openai import OpenAITranscriber
from activities.transcribing.port import Transcriber
from runtime.settings import Settings


def transcriber_for(settings: Settings) -> Transcriber | None:
    """None where none is configured: voice messages then stay without words."""
    if settings.transcribe_provider is None:
        return None
    assert settings.transcribe_url, "settings require it"
    key = settings.transcribe_api_key
    return OpenAITranscriber(
        base_url=settings.transcribe_url,
        model=settings.transcribe_model,
        api_key=None if key is None else key.get_secret_value(),
        deadline_seconds=settings.transcribe_seconds,
    )
