from collections.abc import Callable

import pytest
from aiohttp import web

from assay.connectors import probe
from assay.contracts.agent import Finding
from assay.errors import BadInput

NAMES = ("answers", "keeps_state", "streams", "calls_tools", "times_out", "deterministic")


@pytest.fixture
def probed(write, card) -> Callable:
    """Probes a Python agent and gives the findings by name, and the report."""

    async def made(module: str, code: str, *, timeout_s: float = 5.0, **more: object):
        folder = write(f"{module}.py", code)
        target = {"kind": "python", "target": f"{module}:answer", "timeout_s": timeout_s}
        report = await probe(card(target, **more), card_dir=folder)
        assert tuple(check.name for check in report.checks) == NAMES
        return {check.name: check.finding.value for check in report.checks}, report

    return made


async def test_an_agent_that_repeats_the_last_words_keeps_no_state(probed):
    found, report = await probed("probe_echo", "def answer(messages): return messages[-1]['content']")
    assert found == {
        "answers": "yes",
        "keeps_state": "no",
        "streams": "no",
        "calls_tools": "no",
        "times_out": "no",
        "deterministic": "yes",
    }
    assert report.latency_s is not None and report.latency_s < 1


async def test_a_word_that_comes_back_shows_that_state_is_kept_even_if_answers_vary(probed):
    found, _ = await probed(
        "probe_memory",
        """
        import random
        def answer(messages):
            return f"{random.random()} " + " ".join(m["content"] for m in messages)
        """,
    )
    assert (found["keeps_state"], found["deterministic"]) == ("yes", "no")


async def test_answers_that_vary_prove_nothing_about_state(probed):
    found, report = await probed("probe_random", "import random\ndef answer(messages): return str(random.random())")
    assert (found["keeps_state"], found["deterministic"]) == ("unknown", "no")
    assert "vary by themselves" in next(check.detail for check in report.checks if check.name == "keeps_state")


async def test_streams_and_tools_are_seen(probed):
    code = """
    def answer(messages):
        yield "Hel"
        yield "lo"
        yield {"tool_calls": [{"name": "look", "arguments": {}}]}
    """
    found, report = await probed("probe_tools", code, tools=[{"name": "look", "description": "Looks it up."}])
    assert (found["streams"], found["calls_tools"]) == ("yes", "yes")
    assert "it called look" in [check.detail for check in report.checks]


async def test_tools_that_the_card_names_and_nobody_sees_are_not_known(probed):
    tools = [{"name": "look", "description": "Looks it up."}]
    found, _ = await probed("probe_no_tools", "def answer(messages): return 'hi'", tools=tools)
    assert found["calls_tools"] == "unknown"


async def test_an_agent_that_hangs_is_found_out(probed):
    code = "import time\ndef answer(messages):\n    time.sleep(5)"
    found, report = await probed("probe_hangs", code, timeout_s=0.1)
    assert (found["answers"], found["times_out"], found["deterministic"]) == ("no", "yes", "unknown")
    assert report.latency_s is None


async def test_an_agent_that_fails_says_why(probed):
    found, report = await probed("probe_raises", "def answer(messages): raise ValueError('no key')")
    assert found["answers"] == "no"
    assert "agent_exception: ValueError: no key" in report.checks[0].detail


async def test_an_agent_that_says_nothing_does_not_answer(probed):
    found, _ = await probed("probe_mute", "def answer(messages): return '  '")
    assert found["answers"] == "no"


async def test_a_failure_half_way_leaves_the_rest_of_the_findings(probed):
    code = """
    def answer(messages):
        if len(messages) > 1:
            raise RuntimeError("one turn only")
        return "hi"
    """
    found, _ = await probed("probe_half", code)
    assert (found["answers"], found["keeps_state"], found["deterministic"]) == ("yes", "unknown", "yes")


async def test_it_asks_with_the_openings_that_it_is_given_and_at_most_eight_times(serve, card, tmp_path):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((await request.json())["messages"][-1]["content"])
        return web.json_response({"choices": [{"message": {"content": "hi"}}]})

    connector = {"kind": "openai", "base_url": await serve(handler), "model": "m", "api_key_env": None}
    agent = card(connector, tools=[{"name": "look"}], topics=["returns"])
    report = await probe(agent, card_dir=tmp_path, openings=("Where is my parcel?",))
    assert asked[0] == "Where is my parcel?"
    assert len(asked) == 8
    assert report.finding("streams") is Finding.NO


async def test_a_wrong_card_is_bad_input_and_no_finding(card, tmp_path):
    with pytest.raises(BadInput, match="no module"):
        await probe(card({"kind": "python", "target": "nobody.here:answer"}), card_dir=tmp_path)
