"""How the platform's agents reach a language model. What a provider needs is imported when it is used."""

from assay.errors import BadInput
from assay.models.chat import ChatModel, Completion, Message, Sampling
from assay.models.price import price

OPENAI = "https://api.openai.com/v1"


def open_model(name: str, *, base_url: str | None = None, api_key: str | None = None) -> ChatModel:
    """`openai:<model>` goes straight over aiohttp to `base_url` (OpenAI's own where it is None); every other provider
    through pydantic-ai. Raises BadInput for a name that is no model's.
    """
    provider, colon, model = name.partition(":")
    if not colon or not model or not provider:
        raise BadInput(f"model: {name!r} is no model: write it as provider:model, or `offline` for the rules")
    if provider == "openai":
        from assay.models.openai import OpenAIChat

        if base_url is None and api_key is None:
            raise BadInput(f"model: {name} needs OPENAI_API_KEY, or OPENAI_BASE_URL for another server")
        return OpenAIChat(name, model, base_url=base_url or OPENAI, api_key=api_key)
    from assay.models.pydantic_ai import ProviderChat, pydantic_ai_model

    return ProviderChat(name, pydantic_ai_model(name))


__all__ = ["ChatModel", "Completion", "Message", "Sampling", "open_model", "price"]
