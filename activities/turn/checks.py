"""The checks of one answer that a model writes: of what is there so far, and of the whole in the end."""

from activities.embedding.port import Embedder
from activities.embedding.remembering import RememberingEmbedder
from activities.generation.port import GenerateRequest
from activities.generation.prompt import NO_ANSWER, told
from activities.guards import claims, shape
from activities.guards.grounding import check
from models.contracts.policy import Claims


class Checks:
    """`question` is what the customer wrote, of which `request` has what a model may see; `allowed` is the tenant's."""

    def __init__(self, request: GenerateRequest, question: str, allowed: Claims, embedder: Embedder) -> None:
        self._request = request
        self._question = question
        self._allowed = allowed
        self._embedder = RememberingEmbedder(embedder)

    def of_quote(self, answer: str) -> tuple[str, ...]:
        """Why a passage's own words may not be sent."""
        return claims.forbidden(answer, self._allowed)

    async def of_written(self, answer: str) -> tuple[str, ...]:
        """Why what a model wrote may not be sent. May raise ProviderError."""
        if NO_ANSWER in answer:
            return ("no_answer",)
        request = self._request
        grounding = await check(
            answer, request.passages, self._question, language=request.language, embedder=self._embedder
        )
        return (
            *claims.forbidden(answer, self._allowed),
            *grounding.reasons,
            *shape.faults(answer, request.passages, told(request), request.mark),
        )
