"""The stub that stands in for a language model's server in all tests."""

import aiohttp
import httpx
import jsonschema
import pytest
from openai import APIStatusError, AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, Field

from assay.cli.schema import published
from tests.minimal_json import minimal
from tests.stub_llm import Cut, Raw, Reply, Status, StubLLM, ToolCall, always, in_order

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello there"}]


class Tree(BaseModel):
    name: str = Field(pattern=r"^[a-z]+$")
    weight: float = Field(gt=0, le=1)
    children: list["Tree"]


def test_openais_own_client_reads_answers_tools_and_streams():
    with StubLLM() as stub, OpenAI(base_url=stub.base_url, api_key="k") as client:
        assert [model.id for model in client.models.list()] == ["stub"]
        answer = client.chat.completions.create(model="stub", messages=HELLO)
        assert answer.choices[0].message.content == "I heard: hello there"
        assert answer.usage and answer.usage.prompt_tokens == 2
        stream = client.chat.completions.create(
            model="stub", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "I heard: hello there"
        assert chunks[-1].usage
        stub.responder = always(Reply(tool_calls=[ToolCall("look", {"at": "sky"})]))
        called = client.chat.completions.create(model="stub", messages=HELLO).choices[0].message.tool_calls
        assert called and called[0].model_dump()["function"] == {"name": "look", "arguments": '{"at": "sky"}'}
        assert stub.calls == len(stub.requests) == 3


async def test_the_default_answer_fits_the_schema_that_was_asked_for():
    async with StubLLM() as stub, AsyncOpenAI(base_url=stub.base_url, api_key="k") as client:
        answer = await client.chat.completions.parse(model="stub", messages=HELLO, response_format=Tree)
        assert answer.choices[0].message.parsed == Tree(
            name="name", weight=0.5, children=[Tree(name="name", weight=0.5, children=[])]
        )


@pytest.mark.parametrize("name", sorted(published()))
def test_every_contract_has_a_smallest_value_that_its_schema_allows(name: str):
    schema = published()[name].model_json_schema()
    jsonschema.validate(minimal(schema), schema)


async def test_faults_come_as_they_were_told():
    faults = in_order(Status(429, retry_after=3), Cut(), Cut(after_bytes=20), Raw("<html>"))
    async with StubLLM(faults) as stub, aiohttp.ClientSession() as session:
        url, body = f"{stub.base_url}/chat/completions", {"model": "stub", "messages": HELLO}
        async with session.post(url, json=body) as limited:
            assert limited.status == 429
            assert limited.headers["Retry-After"] == "3"
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(url, json=body)
        with pytest.raises(aiohttp.ClientPayloadError):
            await (await session.post(url, json=body)).read()
        async with session.post(url, json=body) as raw:
            assert await raw.text() == "<html>"
        async with session.post(url, json=body) as good:
            assert good.ok
        assert stub.calls == 5


def test_a_wrong_key_is_refused():
    with StubLLM(api_key="right") as stub, OpenAI(base_url=stub.base_url, api_key="wrong") as client:
        with pytest.raises(APIStatusError) as refused:
            client.chat.completions.create(model="stub", messages=HELLO)
        assert refused.value.status_code == httpx.codes.UNAUTHORIZED
