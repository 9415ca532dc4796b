"""Every other provider, through pydantic-ai: Anthropic, Google, Bedrock and whatever it learns next."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import Usage
from assay.errors import BadInput, CallError
from assay.models.answers import Unreadable, instructions, read_answer
from assay.models.chat import Completion, Message, Sampling
from assay.models.price import price
from assay.models.usage import add_usage
from assay.models.waiting import backoff_s

if TYPE_CHECKING:
    from pydantic_ai.models import Model

ATTEMPTS = 4
REPAIRS = 2


def pydantic_ai_model(name: str, *, base_url: str | None = None, api_key: str | None = None) -> "Model":
    """The provider's model. Raises BadInput where pydantic-ai does not know it, or its package or key is missing."""
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model

    try:
        if name.startswith("openai:") and (base_url or api_key):
            from pydantic_ai.models.openai import OpenAIChatModel
            from pydantic_ai.providers.openai import OpenAIProvider

            provider = OpenAIProvider(base_url=base_url, api_key=api_key or "none")
            return OpenAIChatModel(name.removeprefix("openai:"), provider=provider)
        return infer_model(name)
    except (UserError, ValueError) as error:
        raise BadInput(f"model: {name} cannot be used: {error}") from error
    except ImportError as error:
        extra = name.partition(":")[0]
        raise BadInput(f"model: {name} needs its provider's package: pip install 'assay[{extra}]'") from error


class ProviderChat:
    def __init__(self, name: str, model: "Model") -> None:
        self._name = name
        self._model = model

    @property
    def name(self) -> str:
        return self._name

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Any:
        """As the OpenAI one: retries what may pass, repairs JSON that does not fit."""
        usage = Usage()
        asked = list(messages)
        if schema is not None:
            asked.append(Message("system", instructions(schema)))
        first = list(asked)
        problem = ""
        for _ in range(REPAIRS + 1):
            text, spent = await self._ask(asked, sampling)
            usage = add_usage(usage, spent)
            if schema is None:
                return Completion(text=text, parsed=None, usage=usage, model=self._name)
            try:
                return Completion(text=text, parsed=read_answer(text, schema), usage=usage, model=self._name)
            except Unreadable as error:
                problem = str(error)
                told = f"That does not fit: {problem}. Answer again with the JSON object alone."
                asked = [*first, Message("assistant", text), Message("user", told)]
        raise self._failed(FailureCause.BAD_ANSWER, f"its JSON never fitted: {problem}", REPAIRS + 1)

    async def aclose(self) -> None:
        return None

    async def _ask(self, messages: Sequence[Message], sampling: Sampling) -> tuple[str, Usage]:
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError

        settings: Any = {
            key: value
            for key, value in (
                ("temperature", sampling.temperature),
                ("max_tokens", sampling.max_tokens),
                ("seed", sampling.seed),
                ("timeout", sampling.timeout_s),
            )
            if value is not None
        }
        last = self._failed(FailureCause.SERVER_ERROR, "no answer", 1)
        for attempt in range(ATTEMPTS):
            began = time.perf_counter()
            try:
                async with asyncio.timeout(sampling.timeout_s):
                    response = await model_request(self._model, _history(messages), model_settings=settings)
            except TimeoutError:
                raise self._failed(
                    FailureCause.TIMEOUT, f"no answer within {sampling.timeout_s:g} s", attempt + 1
                ) from None
            except ModelHTTPError as error:
                last = self._failed(_cause(error.status_code), f"answers {error.status_code}", attempt + 1)
                if error.status_code != 429 and error.status_code < 500:
                    raise last from None
            except ModelAPIError as error:
                last = self._failed(FailureCause.REFUSED, f"cannot be reached: {type(error).__name__}", attempt + 1)
            else:
                return response.text or "", self._usage(response.usage, time.perf_counter() - began, attempt)
            await asyncio.sleep(backoff_s(attempt + 1))
        raise last

    def _usage(self, said: Any, latency_s: float, failures: int) -> Usage:
        tokens = said.input_tokens, said.output_tokens
        return Usage(
            calls=1 + failures,
            failed_calls=failures,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cost_usd=price(self._name, *tokens),
            latency_s=latency_s,
        )

    def _failed(self, cause: FailureCause, detail: str, attempts: int) -> CallError:
        return CallError(CallFailed(cause=cause, detail=f"{self._name} {detail}", attempts=attempts))


def _cause(status: int) -> FailureCause:
    match status:
        case 401 | 403:
            return FailureCause.UNAUTHORIZED
        case 429:
            return FailureCause.RATE_LIMIT
        case _ if status >= 500:
            return FailureCause.SERVER_ERROR
        case _:
            return FailureCause.BAD_REQUEST


def _history(messages: Sequence[Message]) -> list[Any]:
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    parts = {
        "system": lambda text: ModelRequest(parts=[SystemPromptPart(content=text)]),
        "user": lambda text: ModelRequest(parts=[UserPromptPart(content=text)]),
        "assistant": lambda text: ModelResponse(parts=[TextPart(content=text)]),
    }
    return [parts[message.role](message.content) for message in messages]
