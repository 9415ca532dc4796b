"""Agents that are models in MLflow: ResponsesAgent, ChatAgent, ChatModel, or any pyfunc that takes messages.

The model is loaded by a function that the stage hands in, since only `tracking` imports mlflow. It is loaded once and
serves all conversations, as it would behind MLflow's own server.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from assay.connectors.answers import Answer, read_answer, read_state
from assay.connectors.protocol import AgentReply, ConversationStart, call_error, messages_of, shortened, traceparent
from assay.connectors.threads import in_thread
from assay.contracts.agent import MlflowConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, Turn
from assay.errors import CallError
from assay.protocols import Answer as ServerAnswer
from assay.protocols import UnusableAnswer, read_message
from assay.protocols import read_answer as read_body
from assay.protocols.answers import answer_of


class Pyfunc(Protocol):
    """As mlflow.pyfunc.load_model gives it."""

    @property
    def metadata(self) -> Any: ...

    def predict(self, data: Any) -> Any: ...


LoadModel = Callable[[str], Pyfunc]


class LoadedModel:
    def __init__(self, spec: MlflowConnector, load: LoadModel) -> None:
        self.spec = spec
        self._load = load
        self._loading: asyncio.Task[Pyfunc] | None = None

    async def open(self, start: ConversationStart) -> "ModelDialogue":
        return ModelDialogue(self.spec, start, await self._model())

    async def _model(self) -> Pyfunc:
        """Loaded by the first conversation; the others wait for it."""
        if self._loading is None:
            self._loading = asyncio.create_task(in_thread(lambda: self._load(self.spec.model_uri)))
        try:
            return await asyncio.shield(self._loading)
        except CallError:
            raise
        except Exception as error:
            detail = f"{self.spec.model_uri} cannot be loaded: {type(error).__name__}: {error}"
            raise call_error(FailureCause.AGENT_EXCEPTION, detail) from error


class ModelDialogue:
    def __init__(self, spec: MlflowConnector, start: ConversationStart, model: Pyfunc) -> None:
        self.spec = spec
        self.start = start
        self.model = model
        self.task = _task(model)
        self.items: list[JsonObject] = []
        """All that was said and done, in the model's own form, so that its tool calls come back to it."""
        self.state = start.initial_state
        self.turn = 0

    async def reply(self, user_text: str) -> AgentReply:
        self.items.append({"role": "user", "content": user_text})
        self.turn += 1
        asked = self._asked()
        scope = asyncio.timeout(self.spec.timeout_s)
        began = time.perf_counter()
        try:
            async with scope:
                given = await in_thread(lambda: self.model.predict(asked))
        except Exception as error:
            if scope.expired():
                raise call_error(FailureCause.TIMEOUT, f"no answer in {self.spec.timeout_s:g} s") from error
            raise call_error(FailureCause.AGENT_EXCEPTION, f"{type(error).__name__}: {error}") from error
        latency_s = time.perf_counter() - began
        answer, said = self._read(given)
        self.items.extend(said)
        self.turn += 1
        self.state = answer.state if answer.state is not None else self.state
        return AgentReply(
            text=answer.text,
            tool_calls=answer.tool_calls,
            latency_s=latency_s,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            cost_usd=answer.cost_usd,
            finish_reason=answer.finish_reason,
            refusal=answer.refusal,
            reasoning=answer.reasoning,
            state=answer.state,
        )

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        """A model that calls tools wants its own items back, and those are gone."""
        if self.task == "agent/v1/responses" or any(turn.tool_calls for turn in turns):
            return False
        self.items = [{"role": said["role"], "content": said["content"]} for said in messages_of(turns)]
        self.turn = len(turns)
        self.state = state if state is not None else self.state
        return True

    async def close(self) -> None: ...

    def _asked(self) -> dict[str, Any]:
        items = [dict(item) for item in self.items]
        told = {
            "scenario_id": self.start.scenario_id,
            "seed": self.start.seed,
            "traceparent": traceparent(self.start.conversation_id, self.turn),
            **({} if self.state is None else {"state": self.state}),
        }
        context = {"conversation_id": self.start.conversation_id}
        match self.task:
            case "agent/v1/responses":
                return {"input": items, "context": context, "custom_inputs": told}
            case "agent/v2/chat":
                messages = [{"id": str(place), **item} for place, item in enumerate(items)]
                return {"messages": messages, "context": context, "custom_inputs": told}
            case "agent/v1/chat":
                return {"messages": items, "custom_inputs": told}
            case _:
                return _fitted(self.model, {"messages": items, **context, **told})

    def _read(self, given: Any) -> tuple[Answer, list[JsonObject]]:
        """The answer, and what of it the model is told in the next turn."""
        match self.task:
            case "agent/v1/responses":
                return _read_messages(given, "output"), list(given["output"])
            case "agent/v2/chat":
                return _read_messages(given, "messages"), list(given["messages"])
            case _:
                answer = _read_any(given)
                return answer, [{"role": "assistant", "content": answer.text}]


def _task(model: Pyfunc) -> str:
    """What MLflow notes of a ResponsesAgent, a ChatAgent and a ChatModel; empty: any other pyfunc."""
    return str((getattr(model.metadata, "metadata", None) or {}).get("task", ""))


def _fitted(model: Pyfunc, told: dict[str, Any]) -> dict[str, Any]:
    """What the model's signature names; the messages alone where it has none.

    A required input of another name, such as `question`, gets what the user said last.
    """
    schema = getattr(getattr(model.metadata, "signature", None), "inputs", None)
    if schema is None or not schema.has_input_names():
        return {"messages": told["messages"]}
    last = told["messages"][-1]["content"]
    wanted = set(schema.required_input_names()) | (set(schema.input_names()) & told.keys())
    return {name: told.get(name, last) for name in sorted(wanted)}


def _read_messages(given: Any, rows: str) -> Answer:
    """A ResponsesAgent's `output` or a ChatAgent's `messages`, with calls and results."""
    if not isinstance(given, Mapping) or not isinstance(given.get(rows), list):
        raise _no_answer(given)
    messages = [message for row in given[rows] if (message := read_message(row)) is not None]
    return _with_state(answer_of([m for m in messages if m.role in ("agent", "tool")], given), given)


def _with_state(answer: ServerAnswer, given: Mapping[str, Any]) -> Answer:
    custom = given.get("custom_outputs")
    return Answer(
        text=answer.text,
        tool_calls=answer.tool_calls,
        state=read_state(custom.get("state") if isinstance(custom, Mapping) else None),
        input_tokens=answer.usage.input,
        output_tokens=answer.usage.output,
        finish_reason=answer.finish_reason,
        refusal=answer.refusal,
        reasoning=answer.reasoning,
    )


def _read_any(given: Any) -> Answer:
    """A chat completion, a string, a mapping with a text, or the only row of a list or a data frame of these."""
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        given = given.to_dict(orient="records")
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, dict) and isinstance(given.get("choices"), list):
        try:
            return _with_state(read_body(given), given)
        except UnusableAnswer as unusable:
            raise call_error(unusable.cause, unusable.detail) from unusable
    if isinstance(given, dict) and "text" not in given and "content" not in given and len(given) == 1:
        given = next(iter(given.values()))
    if isinstance(given, dict | str):
        return read_answer(given)
    raise _no_answer(given)


def _no_answer(given: object) -> CallError:
    return call_error(
        FailureCause.BAD_ANSWER,
        f"the model answered with a {type(given).__name__}, {shortened(repr(given))[:80]}: give a string, a chat "
        "completion, or a mapping with a string `text`",
    )
