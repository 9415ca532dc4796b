"""Models that were really logged, in a real store; the loader is handed in, as the stage does."""

import asyncio
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pandas
import pytest

from assay.connectors import ConversationStart, connect, converse
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError

MODELS = {
    "responses": """
        import mlflow
        from mlflow.pyfunc import ResponsesAgent
        from mlflow.types.responses import ResponsesAgentResponse

        class Agent(ResponsesAgent):
            def predict(self, request):
                told = request.custom_inputs or {}
                items = [item.model_dump() for item in request.input]
                users = [item["content"] for item in items if item.get("role") == "user"]
                calls = sum(item.get("type") == "function_call" for item in items)
                session = request.context and request.context.conversation_id
                text = f"{users} after {calls} calls, seed {told.get('seed')}, {session}"
                return ResponsesAgentResponse(
                    output=[
                        self.create_function_call_item("f1", f"c{calls}", "look", '{"at": 1}'),
                        self.create_function_call_output_item(f"c{calls}", "seen"),
                        self.create_text_output_item(text, "m1"),
                    ],
                    custom_outputs={"state": {"turns": (told.get("state") or {"turns": 0})["turns"] + 1}},
                    usage={
                        "input_tokens": 5, "output_tokens": 6, "total_tokens": 11,
                        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
                    },
                )

        mlflow.models.set_model(Agent())
        """,
    "chat_agent": """
        import mlflow
        from mlflow.pyfunc import ChatAgent
        from mlflow.types.agent import ChatAgentMessage, ChatAgentResponse

        class Agent(ChatAgent):
            def predict(self, messages, context=None, custom_inputs=None):
                roles = [message.role for message in messages]
                calls = [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
                return ChatAgentResponse(messages=[
                    ChatAgentMessage(id="1", role="assistant", content="", tool_calls=calls),
                    ChatAgentMessage(id="2", role="tool", tool_call_id="c1", name="look", content="seen"),
                    ChatAgentMessage(id="3", role="assistant", content=f"{roles} {(custom_inputs or {}).get('seed')}"),
                ])

        mlflow.models.set_model(Agent())
        """,
    "chat_model": """
        import mlflow
        from mlflow.pyfunc import ChatModel
        from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage, TokenUsageStats

        class Agent(ChatModel):
            def predict(self, context, messages, params):
                text = " / ".join(message.content for message in messages)
                return ChatCompletionResponse(
                    choices=[ChatChoice(index=0, message=ChatMessage(role="assistant", content=text))],
                    usage=TokenUsageStats(prompt_tokens=1, completion_tokens=2, total_tokens=3),
                    model="m",
                )

        mlflow.models.set_model(Agent())
        """,
    "pyfunc": """
        import mlflow

        class Agent(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                texts = [message["content"] for message in model_input["messages"]]
                if texts[-1] == "break":
                    raise RuntimeError("out of order")
                if texts[-1] == "number":
                    return 5
                return {"text": " / ".join(texts), "state": {"said": len(texts)}}

        mlflow.models.set_model(Agent())
        """,
    "question": """
        import mlflow

        class Agent(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                return [f"answer to {question}" for question in model_input["question"]]

        mlflow.models.set_model(Agent())
        """,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Logs a model from its code and gives its URI."""
    folder: Path = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment_id = mlflow.create_experiment("agents", artifact_location=(folder / "artifacts").as_uri())
    logged: dict[str, str] = {}

    def uri(name: str) -> str:
        if name not in logged:
            code = folder / f"{name}_model.py"
            code.write_text(textwrap.dedent(MODELS[name]))
            signature = None
            if name == "question":
                signature = mlflow.models.infer_signature(pandas.DataFrame({"question": ["a"]}), ["b"])
            with mlflow.start_run(experiment_id=experiment_id):
                model = mlflow.pyfunc.log_model(
                    name=name, python_model=str(code), signature=signature, registered_model_name=name,
                    pip_requirements=["mlflow"],
                )  # fmt: skip
            logged[name] = f"models:/{name}/{model.registered_model_version}"
        return logged[name]

    yield uri
    mlflow.set_tracking_uri(before)


@pytest.fixture
def open_model(store, card, tmp_path):
    def opened(name: str, **more):
        connector = {"kind": "mlflow", "model_uri": store(name), **more}
        return connect(card(connector), card_dir=tmp_path, load_model=mlflow.pyfunc.load_model)

    return opened


async def test_a_responses_agent_gets_its_own_tool_calls_back(open_model):
    start = ConversationStart("b" * 32, "s", 7, {"turns": 10})
    async with converse(open_model("responses"), start) as dialogue:
        first, second = await dialogue.reply("one"), await dialogue.reply("two")
    assert first.text == f"['one'] after 0 calls, seed 7, {'b' * 32}"
    assert second.text == f"['one', 'two'] after 1 calls, seed 7, {'b' * 32}"
    assert [(call.name, call.arguments, call.result) for call in second.tool_calls] == [("look", {"at": 1}, "seen")]
    assert (first.state, second.state) == ({"turns": 11}, {"turns": 12})
    assert (first.input_tokens, first.output_tokens) == (5, 6)


async def test_a_chat_agent(open_model, start):
    async with converse(open_model("chat_agent"), start) as dialogue:
        await dialogue.reply("one")
        second = await dialogue.reply("two")
    assert second.text == "['user', 'assistant', 'tool', 'assistant', 'user'] 7"
    assert [(call.name, call.result) for call in second.tool_calls] == [("look", "seen")]


async def test_a_chat_model(open_model, start):
    async with converse(open_model("chat_model"), start) as dialogue:
        await dialogue.reply("one")
        second = await dialogue.reply("two")
    assert second.text == "one / one / two"
    assert (second.input_tokens, second.output_tokens) == (1, 2)


async def test_any_pyfunc_that_takes_messages(open_model, start):
    async with converse(open_model("pyfunc"), start) as dialogue:
        await dialogue.reply("one")
        second = await dialogue.reply("two")
    assert (second.text, second.state) == ("one / one / two", {"said": 3})


async def test_a_pyfunc_with_one_named_input_gets_what_was_said_last(open_model, start):
    async with converse(open_model("question"), start) as dialogue:
        await dialogue.reply("one")
        assert (await dialogue.reply("two")).text == "answer to two"


async def test_what_the_model_raises_and_what_cannot_be_read_are_failed_calls(open_model, start):
    connector = open_model("pyfunc")
    for text, cause, said in (
        ("break", FailureCause.AGENT_EXCEPTION, "out of order"),
        ("number", FailureCause.BAD_ANSWER, "answered with a int"),
    ):
        async with converse(connector, start) as dialogue:
            with pytest.raises(CallError, match=said) as raised:
                await dialogue.reply(text)
        assert raised.value.failed.cause is cause


async def test_the_model_is_loaded_once_for_all_conversations(store, card, tmp_path):
    loads = []

    def load(uri: str):
        loads.append(uri)
        return mlflow.pyfunc.load_model(uri)

    connector = connect(card({"kind": "mlflow", "model_uri": store("pyfunc")}), card_dir=tmp_path, load_model=load)

    async def one(number: int) -> str:
        async with converse(connector, ConversationStart(f"{number:032x}", "s", 0)) as dialogue:
            return (await dialogue.reply(f"number {number}")).text

    assert await asyncio.gather(*map(one, range(8))) == [f"number {n}" for n in range(8)]
    assert len(loads) == 1


async def test_a_model_that_is_not_there_is_a_failed_call(card, tmp_path, start, store):
    connector = connect(
        card({"kind": "mlflow", "model_uri": "models:/nobody/1"}),
        card_dir=tmp_path,
        load_model=mlflow.pyfunc.load_model,
    )
    with pytest.raises(CallError, match="models:/nobody/1 cannot be loaded"):
        await connector.open(start)


def test_without_a_loader_it_is_said_how_to_get_one(card, tmp_path):
    with pytest.raises(BadInput, match=r"tracking\.load_pyfunc"):
        connect(card({"kind": "mlflow", "model_uri": "models:/shop/1"}), card_dir=tmp_path)
