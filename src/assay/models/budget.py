"""What a run may take, held before each call and not after the bill."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import Usage
from assay.errors import BadInput, CallError
from assay.models.asking import ModelCallError
from assay.models.chat import ChatModel, Completion, Message, Sampling
from assay.models.price import price
from assay.models.usage import add_usage

LETTERS_A_TOKEN = 3
"""Few, so that a guess errs on the side of the budget."""
FIRST_GUESS_TOKENS = 500
"""That an answer is thought to take before the first has come."""


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    calls: int | None = None
    tokens: int | None = None
    """Input and output together."""
    cost_usd: Decimal | None = None


class Budget:
    """Shared by all models that draw on it. `spent` is the running total."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = Usage()
        self._tokens = 0
        self._cost = Decimal(0)
        self._answers = 0
        self._written = 0
        self._promised_calls = 0
        self._promised_tokens = 0
        self._promised_cost = Decimal(0)

    def promise(self, name: str, letters: int, sampling: Sampling, base_url: str | None = None) -> "Promise":
        """Sets aside what a call is likely to take. Raises CallError (budget) where a limit leaves no room for it.

        Calls under way count with what was set aside for them, so that many at once do not overrun a limit together.
        """
        read = letters // LETTERS_A_TOKEN
        written = self._usual_output
        if sampling.max_tokens is not None:
            written = min(written, sampling.max_tokens)
        promise = Promise(tokens=read + written, cost_usd=price(name, read, written, base_url=base_url) or Decimal(0))
        limits = self.limits
        self._hold(name, "calls", self.spent.calls + self._promised_calls, 1, limits.calls)
        self._hold(name, "tokens", self._tokens + self._promised_tokens, promise.tokens, limits.tokens)
        self._hold(name, "USD", self._cost + self._promised_cost, promise.cost_usd, limits.cost_usd)
        self._promised_calls += 1
        self._promised_tokens += promise.tokens
        self._promised_cost += promise.cost_usd
        return promise

    def settle(self, promise: "Promise", usage: Usage) -> None:
        """What it took in place of what was set aside; where a server does not say, the promise stands as the guess."""
        self._promised_calls -= 1
        self._promised_tokens -= promise.tokens
        self._promised_cost -= promise.cost_usd
        self.spent = add_usage(self.spent, usage)
        answered = usage.calls > usage.failed_calls
        if usage.input_tokens is None and usage.output_tokens is None:
            self._tokens += promise.tokens if answered else 0
        else:
            self._tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
        self._cost += usage.cost_usd if usage.cost_usd is not None else (promise.cost_usd if answered else 0)
        if answered and usage.output_tokens is not None:
            self._answers += 1
            self._written += usage.output_tokens

    def count(self, input_tokens: int | None, output_tokens: int | None, cost_usd: Decimal | None) -> None:
        """A call that was not asked for here, such as the agent's own."""
        usage = Usage(calls=1, input_tokens=input_tokens, output_tokens=output_tokens, cost_usd=cost_usd)
        self.spent = add_usage(self.spent, usage)
        self._tokens += (input_tokens or 0) + (output_tokens or 0)
        self._cost += cost_usd or 0

    @property
    def _usual_output(self) -> int:
        return self._written // self._answers if self._answers else FIRST_GUESS_TOKENS

    def _hold(self, name: str, unit: str, taken: Any, more: Any, limit: Any) -> None:
        if limit is not None and taken + more > limit:
            detail = (
                f"{name} was not asked: {taken} of {limit} {unit} are spent or set aside and this needs {more} more"
            )
            raise CallError(CallFailed(cause=FailureCause.BUDGET, detail=f"{detail}; raise the limit to go on"))


@dataclass(frozen=True, slots=True)
class Promise:
    tokens: int
    cost_usd: Decimal


class BudgetedModel:
    """`model` within a budget. The retries of a call that has begun are counted, and not stopped.

    Raises BadInput where a limit of cost is set and the model's price is not known.
    """

    def __init__(self, model: ChatModel, budget: Budget, *, base_url: str | None = None) -> None:
        """`base_url`: where an `openai:` model is served, None at OpenAI's own; it decides the price."""
        if budget.limits.cost_usd is not None and price(model.name, 1, 1, base_url=base_url) is None:
            raise BadInput(
                f"the price of {model.name} is not known, so no limit of cost can hold: limit tokens instead"
            )
        self._model = model
        self._budget = budget
        self._base_url = base_url

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Completion[Any]:
        letters = sum(len(message.content) for message in messages)
        promise = self._budget.promise(self.name, letters, sampling, self._base_url)
        took = Usage()
        try:
            done = await (
                self._model.complete(messages, sampling=sampling)
                if schema is None
                else self._model.complete(messages, schema=schema, sampling=sampling)
            )
            took = done.usage
            return done
        except ModelCallError as error:
            took = error.usage
            raise
        except CallError as error:
            took = Usage(calls=error.failed.attempts, failed_calls=error.failed.attempts)
            raise
        except asyncio.CancelledError:
            took = Usage(calls=1)  # the provider may answer it all the same
            raise
        finally:
            self._budget.settle(promise, took)

    async def aclose(self) -> None:
        await self._model.aclose()
