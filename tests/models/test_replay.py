"""A recording gives the same answers again, with no server."""

import asyncio
from dataclasses import replace

import pytest
from pydantic import BaseModel

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError, NotFound
from assay.models import open_model
from assay.models.chat import Message, Sampling
from assay.models.replay import Recording, request_key
from tests.stub_llm import Reply, Status, StubLLM, always

NAME = "openai:stub"
ASKED = [Message("system", "Be short."), Message("user", "Say something.")]


class Answer(BaseModel):
    word: str


class Other(BaseModel):
    word: str
    count: int = 0


def numbered(request, nth):
    return Reply({"word": f"answer {nth}"}, usage=(10, 2))


async def test_a_replay_gives_the_same_answers_and_calls_nobody(tmp_path):
    file = tmp_path / "deep" / "run.jsonl"
    async with StubLLM(numbered) as stub:
        chat = open_model(NAME, base_url=stub.base_url, recording=Recording(file))
        first = [await chat.complete(ASKED, schema=Answer, sampling=Sampling(seed=seed)) for seed in range(3)]
        await chat.aclose()
    again = open_model(NAME, recording=Recording(file), replay=True)
    for seed, done in enumerate(first):
        replayed = await again.complete(ASKED, schema=Answer, sampling=Sampling(seed=seed))
        assert (replayed.text, replayed.parsed, replayed.model) == (done.text, done.parsed, done.model)
        assert replayed.replayed
        assert not done.replayed
        assert (replayed.usage.calls, replayed.usage.input_tokens, replayed.usage.cost_usd) == (0, 0, 0)


def test_the_key_holds_all_that_changes_the_answer_and_nothing_else():
    sampling = Sampling(temperature=0.5, max_tokens=10, seed=1)
    key = request_key(NAME, ASKED, Answer, sampling)
    others = [
        request_key("openai:other", ASKED, Answer, sampling),
        request_key(NAME, ASKED[:1], Answer, sampling),
        request_key(NAME, [Message("user", ASKED[0].content), ASKED[1]], Answer, sampling),
        request_key(NAME, ASKED, None, sampling),
        request_key(NAME, ASKED, Other, sampling),
        request_key(NAME, ASKED, Answer, replace(sampling, seed=2)),
        request_key(NAME, ASKED, Answer, replace(sampling, temperature=None)),
        request_key(NAME, ASKED, Answer, replace(sampling, max_tokens=11)),
    ]
    assert len({key, *others}) == len(others) + 1
    assert key == request_key(NAME, list(ASKED), Answer, replace(sampling, timeout_s=1))


async def test_one_request_is_asked_once_also_when_it_comes_twice_at_once(tmp_path):
    async with StubLLM(numbered) as stub:
        chat = open_model(NAME, base_url=stub.base_url, recording=Recording(tmp_path / "run.jsonl"))
        done = await asyncio.gather(*(chat.complete(ASKED, schema=Answer) for _ in range(5)))
        await chat.aclose()
        assert stub.calls == 1
    assert {answer.parsed.word for answer in done} == {"answer 0"}
    assert sum(answer.replayed for answer in done) == 4


async def test_a_failure_is_replayed_as_one_and_asked_again_when_recording_goes_on(tmp_path):
    file = tmp_path / "run.jsonl"
    async with StubLLM(always(Status(400, "no"))) as stub:
        chat = open_model(NAME, base_url=stub.base_url, recording=Recording(file))
        with pytest.raises(CallError):
            await chat.complete(ASKED)
        await chat.aclose()
        with pytest.raises(CallError) as replayed:
            await open_model(NAME, recording=Recording(file), replay=True).complete(ASKED)
        assert replayed.value.failed.cause is FailureCause.BAD_REQUEST
        stub.responder = always("fine")
        chat = open_model(NAME, base_url=stub.base_url, recording=Recording(file))
        assert (await chat.complete(ASKED)).text == "fine"
        await chat.aclose()
    assert (await open_model(NAME, recording=Recording(file), replay=True).complete(ASKED)).text == "fine"


async def test_what_was_not_recorded_is_not_found_in_words(tmp_path):
    file = tmp_path / "run.jsonl"
    with pytest.raises(NotFound, match=r"run\.jsonl: none of its 0 answers .* 'Say something\.'"):
        await open_model(NAME, recording=Recording(file), replay=True).complete(ASKED)
    assert not file.exists()


async def test_a_line_that_a_crash_left_half_written_is_passed_over(tmp_path):
    file = tmp_path / "run.jsonl"
    async with StubLLM(always("fine")) as stub:
        chat = open_model(NAME, base_url=stub.base_url, recording=Recording(file))
        await chat.complete(ASKED)
        await chat.complete(ASKED, sampling=Sampling(seed=1))
        await chat.aclose()
        file.write_bytes(file.read_bytes()[:-30])
        chat = open_model(NAME, base_url=stub.base_url, recording=Recording(file))
        assert (await chat.complete(ASKED)).replayed
        assert not (await chat.complete(ASKED, sampling=Sampling(seed=1))).replayed
        await chat.aclose()
    assert len(Recording(file)) == 2


@pytest.mark.parametrize("line", ['{"key": "x"}', '{"unknown": 1}', "nonsense"])
def test_a_recording_that_is_none_is_refused_with_its_line(tmp_path, line):
    file = tmp_path / "run.jsonl"
    file.write_text(f"{line}\n\n")
    with pytest.raises(BadInput, match=r"run\.jsonl:1"):
        Recording(file)


def test_a_replay_without_a_recording_is_refused():
    with pytest.raises(BadInput, match="name its file"):
        open_model(NAME, replay=True)
