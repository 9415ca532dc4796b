"""Every other provider, through pydantic-ai: Anthropic, Google, Bedrock and whatever it learns next."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput
from assay.models.answers import instructions, json_schema
from assay.models.asking import REASONING_TOKENS, Again, Reply, Unanswered, clean, complete, unanswered
from assay.models.chat import Completion, Message, Patience, Sampling
from assay.models.price import price
from assay.models.waiting import pace_of

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ModelAPIError
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

OPENAI_CHAT = ("openai", "openai-chat")
OPENAI_RESPONSES = "openai-responses"


def pydantic_ai_model(name: str, *, base_url: str | None = None, api_key: str | None = None) -> "Model":
    """The provider's model, for a chat agent or behind a ProviderChat.

    `base_url` and `api_key` go to OpenAI's models alone; every other provider reads its own variables. Raises BadInput
    where pydantic-ai does not know the name, or the provider's package or key is missing.
    """
    from pydantic_ai.models import infer_model

    provider, _, model = name.partition(":")
    try:
        if (base_url or api_key) and provider in (*OPENAI_CHAT, OPENAI_RESPONSES):
            from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
            from pydantic_ai.providers.openai import OpenAIProvider

            server = OpenAIProvider(base_url=base_url, api_key=api_key or "none")
            return (OpenAIChatModel if provider in OPENAI_CHAT else OpenAIResponsesModel)(model, provider=server)
        return infer_model(name)
    except ImportError as error:
        raise BadInput(f"model: {name} needs its provider's package: pip install 'assay[{provider}]'") from error
    except Exception as error:
        # pydantic-ai for an unknown name or a missing key, a provider's SDK with an error of its own for a region
        raise BadInput(f"model: {name} cannot be used: {clean(error, api_key)}") from None


class ProviderChat:
    def __init__(self, name: str, model: "Model", patience: Patience = Patience()) -> None:
        self._name = name
        self._model = model
        self._patience = patience
        self._reasoning_tokens = 0

    @property
    def name(self) -> str:
        return self._name

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Completion[Any]:
        """The time-out holds for each attempt, not for the waiting for a rate limit or a server that is away."""

        async def send(asked: Sequence[Message]) -> Reply:
            return await self._send(asked, schema, sampling)

        def adapted(reply: Reply) -> bool:
            if lacked := reply.lacked_room(sampling):
                self._reasoning_tokens = REASONING_TOKENS
            return lacked

        pace = pace_of(self._name.partition(":")[0])
        return await complete(self._name, send, messages, schema, pace, patience=self._patience, adapted=adapted)

    async def aclose(self) -> None:
        async with self._model:  # leaving it closes its connections
            pass

    async def _send(self, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling) -> Reply:
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError

        try:
            async with asyncio.timeout(self._patience.for_answer(sampling)):
                response = await model_request(
                    self._model,
                    _history(messages, None if self._knows_schemas else schema),
                    model_settings=self._settings(sampling),
                    model_request_parameters=self._parameters(schema),
                )
        except TimeoutError:
            raise self._timed_out(sampling) from None
        except ModelAPIError as error:
            raise self._refusal(error, sampling) from None
        except UnexpectedModelBehavior as error:
            return Reply("", self._model.model_name, None, None, None, None, fault=clean(error.message))
        except UserError as error:
            raise Unanswered(FailureCause.BAD_REQUEST, f"cannot be asked so: {clean(error)}") from None
        said = response.usage
        known = bool(said.input_tokens or said.output_tokens)
        read, written = (said.input_tokens, said.output_tokens) if known else (None, None)
        return Reply(
            text=response.text or "",
            model=response.model_name or self._model.model_name,
            input_tokens=read,
            output_tokens=written,
            cost_usd=price(self._name, read, written, cached_tokens=said.cache_read_tokens),
            request_id=response.provider_response_id,
            fault=_fault(response.finish_reason, response.text),
            cut=response.finish_reason == "length",
            reasoned=bool(response.thinking) or not response.text,
        )

    @property
    def _knows_schemas(self) -> bool:
        return bool(self._model.profile.get("supports_json_schema_output"))

    def _parameters(self, schema: type[BaseModel] | None) -> "ModelRequestParameters | None":
        if schema is None or not self._knows_schemas:
            return None
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        wanted = OutputObjectDefinition(json_schema=json_schema(schema), name=schema.__name__)
        return ModelRequestParameters(output_mode="native", output_object=wanted)

    def _settings(self, sampling: Sampling) -> "ModelSettings":
        settings: ModelSettings = {}
        if "timeout" not in self._model.unsupported_settings:
            settings["timeout"] = self._patience.for_answer(sampling)
        if "max_retries" not in self._model.unsupported_settings:
            settings["max_retries"] = 0  # retried here, where it is counted and all calls learn of the rate limit
        if sampling.temperature is not None:
            settings["temperature"] = sampling.temperature
        if sampling.max_tokens is not None:
            settings["max_tokens"] = sampling.max_tokens + self._reasoning_tokens
        if sampling.seed is not None:
            settings["seed"] = sampling.seed
        return settings

    def _timed_out(self, sampling: Sampling) -> Unanswered:
        waited_s = self._patience.for_answer(sampling)
        detail = f"gave no answer within {waited_s:g} s: set ASSAY_MODEL_TIMEOUT_S higher, or ask fewer at once"
        return Unanswered(FailureCause.TIMEOUT, detail, Again.WHEN_FASTER)

    def _refusal(self, error: "ModelAPIError", sampling: Sampling) -> Unanswered:
        from pydantic_ai.exceptions import (
            ModelConnectionError,
            ModelHTTPError,
            ModelQuotaExceededError,
            ModelRequestTimeout,
            ModelTimeoutError,
        )

        match error:
            case ModelRequestTimeout() | ModelTimeoutError():
                return self._timed_out(sampling)
            case ModelQuotaExceededError():
                return Unanswered(FailureCause.RATE_LIMIT, "has no quota left: check the account's plan and billing")
            case ModelHTTPError():
                key = f"the key of {self._name.partition(':')[0]}"
                return unanswered(error.status_code, clean(error.body or ""), key=key, retry_after_s=error.retry_after)
            case ModelConnectionError(phase="read" | "write"):
                return Unanswered(FailureCause.SERVER_ERROR, "broke off", Again.LATER)
            case ModelConnectionError():
                return Unanswered(FailureCause.REFUSED, "cannot be reached: check the network", Again.WHEN_BACK)
            case _:
                return Unanswered(FailureCause.SERVER_ERROR, f"failed: {clean(error)}", Again.LATER)


def _fault(finish_reason: str | None, text: str | None) -> str | None:
    match finish_reason:
        case "length":
            return "it was cut off at the limit of tokens: be shorter"
        case "content_filter":
            return "the provider's filter held it back"
        case _:
            return None if text else "it is empty"


def _history(messages: Sequence[Message], told: type[BaseModel] | None) -> "list[ModelMessage]":
    """`told`: a schema that goes in words, with the system message, because the provider takes none."""
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    history: list[ModelMessage] = []
    if told is not None:
        messages = [*messages[:1], Message("system", instructions(told)), *messages[1:]]
        if messages[0].role != "system":
            messages = [messages[1], messages[0], *messages[2:]]
    for message in messages:
        match message.role:
            case "system":
                history.append(ModelRequest(parts=[SystemPromptPart(content=message.content)]))
            case "user":
                history.append(ModelRequest(parts=[UserPromptPart(content=message.content)]))
            case "assistant":
                history.append(ModelResponse(parts=[TextPart(content=message.content)]))
    return history
