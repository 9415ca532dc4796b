"""How the platform's agents reach a language model. What a provider needs is imported when it is used."""

from typing import TYPE_CHECKING

from assay.errors import BadInput
from assay.models.chat import ChatModel, Completion, Message, Patience, Sampling
from assay.models.price import price

if TYPE_CHECKING:
    from assay.models.budget import Budget
    from assay.models.replay import Recording


def open_model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    budget: "Budget | None" = None,
    recording: "Recording | None" = None,
    replay: bool = False,
    hedge_after_s: float | None = None,
    patience: Patience = Patience(),
) -> ChatModel:
    """`openai:<model>` goes straight over aiohttp to `base_url` (OpenAI's own where it is None); every other provider
    through pydantic-ai.

    `base_url` and `api_key` are OpenAI's, and no other provider ever sees them: those find theirs in their own
    variables, such as ANTHROPIC_API_KEY. `budget` holds over all models that were opened with it. `recording` keeps
    every answer and asks no request twice; with `replay` it is all there is, and no key is needed. `hedge_after_s`:
    an `openai:` server that is silent for so long is asked once more. `patience`: time-outs, and how long a server that
    is away is waited for. Raises BadInput for a name that is no model's.
    """
    provider, _, model = name.partition(":")
    if not model or not provider:
        raise BadInput(f"model: {name!r} is no model: write it as provider:model, or `offline` for the rules")
    if replay:
        from assay.models.replay import ReplayModel

        if recording is None:
            raise BadInput(f"model: {name} is to be replayed, and no recording is given: name its file")
        return ReplayModel(name, recording)
    opened = _open(name, model, base_url, api_key, hedge_after_s, patience)
    if budget is not None:
        from assay.models.budget import BudgetedModel

        opened = BudgetedModel(opened, budget, base_url=base_url)
    if recording is not None:
        from assay.models.replay import RecordingModel

        # outermost: what the recording answers is not paid for again
        opened = RecordingModel(opened, recording)
    return opened


def _open(
    name: str,
    model: str,
    base_url: str | None,
    api_key: str | None,
    hedge_after_s: float | None,
    patience: Patience,
) -> ChatModel:
    if name.startswith("openai:"):
        from assay.models.openai import OpenAIChat

        if base_url is None and api_key is None:
            raise BadInput(f"model: {name} needs OPENAI_API_KEY, or OPENAI_BASE_URL for another server")
        return OpenAIChat(model, base_url=base_url, api_key=api_key, hedge_after_s=hedge_after_s, patience=patience)
    from assay.models.pydantic_ai import ProviderChat, pydantic_ai_model

    return ProviderChat(name, pydantic_ai_model(name, base_url=base_url, api_key=api_key), patience)


__all__ = ["ChatModel", "Completion", "Message", "Patience", "Sampling", "open_model", "price"]
