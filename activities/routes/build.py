"""All routes of a process, put together from what is configured."""

from activities.generation.choice import chat_for
from activities.routes.chat import RoutedChat
from activities.routes.endpoint import Endpoint
from activities.routes.metering import Observer
from activities.routes.policy import Circuit, Condition, Key
from models.contracts.assistants import DEFAULT_ROUTE, QUOTE_ROUTE
from models.contracts.model_health import RouteHealth
from models.contracts.usage import ModelCall, Purpose
from runtime.models_file import EndpointConfig, Models


def unobserved(_: ModelCall) -> None:
    """For whoever counts no calls."""


class Routes:
    """The models of a process by route and purpose. Without any configured, answers are quotes."""

    def __init__(self, models: Models | None, observe: Observer = unobserved) -> None:
        self._observe = observe
        self._endpoints = [] if models is None else _endpoints(models)
        by_name = {name: [each for each, of in self._endpoints if of == name] for _, name in self._endpoints}
        self._routes: dict[str, tuple[Endpoint, ...]] = (
            {}
            if models is None
            else {
                route: tuple(endpoint for name in names for endpoint in by_name[name])
                for route, names in models.file.routes.items()
            }
        )
        self._purposes = {} if models is None else {str(key): route for key, route in models.file.purposes.items()}

    def chat(self, purpose: Purpose, route: str | None = None) -> RoutedChat | None:
        """The model for a purpose: of `route`, else of the purpose's own, else of the default one.

        None where no model is configured, or the route is that of quotes.
        """
        name = route or self._purposes.get(purpose, DEFAULT_ROUTE)
        if name == QUOTE_ROUTE or not self._routes:
            return None
        # A route that was taken out of the configuration since an assistant chose it.
        found = name if name in self._routes else DEFAULT_ROUTE
        return RoutedChat(found, purpose, self._routes[found], self._observe)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(endpoint for endpoint, _ in self._endpoints)

    def health(self) -> tuple[RouteHealth, ...]:
        return tuple(
            RouteHealth(name=name, endpoints=tuple(endpoint.health() for endpoint in endpoints))
            for name, endpoints in self._routes.items()
        )

    async def close(self) -> None:
        for endpoint, _ in self._endpoints:
            for chat in endpoint.chats:
                await chat.close()


def _endpoints(models: Models) -> list[tuple[Endpoint, str]]:
    """Each endpoint with the name it is configured under: fallback models are endpoints of their own."""
    found = []
    for name, config in models.file.endpoints.items():
        for model in (config.model, *config.fallback_models):
            shown = name if model == config.model else f"{name}/{model}"
            found.append((_endpoint(shown, model, config, models), name))
    return found


def _endpoint(shown: str, model: str, config: EndpointConfig, models: Models) -> Endpoint:
    keys = models.secrets[shown.partition("/")[0]]
    return Endpoint(
        name=shown,
        provider=config.provider,
        model=model,
        chats=tuple(
            chat_for(
                config.provider,
                model=model,
                base_url=config.url,
                api_key=None if key is None else key.get_secret_value(),
                stall_seconds=config.stall_seconds,
                first_token_seconds=config.first_token_seconds,
                proxy=config.proxy,
                max_context=config.max_context,
            )
            for key in keys
        ),
        price=config.price,
        max_context=config.max_context,
        condition=Condition(Circuit(), tuple(Key() for _ in keys)),
    )
