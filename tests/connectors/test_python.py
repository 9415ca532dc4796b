import asyncio
import sys
import threading
from pathlib import Path

import pytest

from assay.connectors import ConversationStart, connect, converse
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError


def python(card, target: str, folder: Path, **more):
    return connect(card({"kind": "python", "target": target, **more}), card_dir=folder)


async def test_a_function_gets_the_conversation_so_far(write, card, start):
    folder = write(
        "agent_messages.py",
        "def answer(messages):\n    return ' / '.join(m['role'] + ':' + m['content'] for m in messages)",
    )
    async with converse(python(card, "agent_messages:answer", folder), start) as dialogue:
        await dialogue.reply("one")
        second = await dialogue.reply("two")
    assert second.text == "user:one / assistant:user:one / user:two"
    assert second.latency_s > 0


async def test_a_function_is_told_only_what_it_asks_for(write, card, start):
    folder = write(
        "agent_told.py",
        """
        async def answer(messages, greeting, seed, conversation_id, traceparent, state=None):
            turns = (state or {}).get("turns", 0) + 1
            text = f"{greeting} {seed} {conversation_id} {traceparent}"
            return {"text": text, "state": {"turns": turns}, "input_tokens": 3, "cost_usd": "0.002"}
        """,
    )
    connector = python(card, "agent_told:answer", folder, config={"greeting": "Hi"})
    async with converse(connector, start) as dialogue:
        first, second = await dialogue.reply("a"), await dialogue.reply("b")
    assert first.text.startswith(f"Hi 7 {start.conversation_id} 00-{start.conversation_id}-")
    assert (first.state, second.state) == ({"turns": 1}, {"turns": 2})
    assert (first.input_tokens, str(first.cost_usd)) == (3, "0.002")


async def test_the_traceparent_names_the_span_that_the_turn_gets_in_the_trace(write, card, start):
    from assay.tracking import turn_span_id

    folder = write("agent_trace.py", "def answer(messages, traceparent):\n    return traceparent")
    async with converse(python(card, "agent_trace:answer", folder), start) as dialogue:
        said = [(await dialogue.reply("a")).text, (await dialogue.reply("b")).text]
    spans = [turn_span_id(start.conversation_id, turn) for turn in (1, 3)]
    assert said == [f"00-{start.conversation_id}-{span}-01" for span in spans]


CLASS = """
class Counter:
    def __init__(self, step, state, seed):
        self.step, self.state, self.seed = step, dict(state), seed

    def reply(self, text):
        self.state["sum"] += self.step
        return f"{text} {self.seed}"
"""


async def test_a_class_is_made_anew_for_each_conversation_and_keeps_its_own_state(write, card):
    folder = write("agent_class.py", CLASS)
    connector = python(card, "agent_class:Counter", folder, config={"step": 2})
    starts = [ConversationStart(f"{n:032x}", "s", seed=n, initial_state={"sum": 10 * n}) for n in (1, 2)]
    async with converse(connector, starts[0]) as one, converse(connector, starts[1]) as other:
        await one.reply("a")
        last, first = await one.reply("a"), await other.reply("a")
    assert (last.state, last.text) == ({"sum": 14}, "a 1")
    assert (first.state, first.text) == ({"sum": 22}, "a 2")


async def test_a_state_that_was_shown_does_not_change_later(write, card):
    folder = write("agent_class_2.py", CLASS)
    connector = python(card, "agent_class_2:Counter", folder, config={"step": 1})
    async with converse(connector, ConversationStart("0" * 32, "s", 0, {"sum": 0})) as dialogue:
        first = await dialogue.reply("a")
        await dialogue.reply("b")
    assert first.state == {"sum": 1}


async def test_a_call_method_that_wants_messages_gets_them(write, card, start):
    folder = write(
        "agent_call.py",
        """
        class Agent:
            closed = []
            async def __call__(self, messages):
                return f"{len(messages)} messages"
            async def close(self):
                Agent.closed.append(True)
        """,
    )
    connector = python(card, "agent_call:Agent", folder)
    async with converse(connector, start) as dialogue:
        await dialogue.reply("a")
        assert (await dialogue.reply("b")).text == "3 messages"
    assert connector.inner.target.closed == [True]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_generator_streams_and_its_last_piece_may_carry_more(write, card, start, kind):
    nap = "await asyncio.sleep(0.02)" if kind == "async def" else "time.sleep(0.02)"
    module = f"agent_stream_{kind.replace(' ', '_')}"
    folder = write(
        f"{module}.py",
        f"""
        import asyncio, time
        {kind} answer(messages):
            yield "Hel"
            {nap}
            yield "lo"
            yield {{"tool_calls": [{{"name": "look", "arguments": {{"at": 1}}, "result": "seen"}}]}}
        """,
    )
    async with converse(python(card, f"{module}:answer", folder), start) as dialogue:
        reply = await dialogue.reply("a")
    assert reply.text == "Hello"
    assert reply.first_token_s is not None and reply.first_token_s < 0.02 <= reply.latency_s
    assert [(call.name, call.arguments, call.result) for call in reply.tool_calls] == [("look", {"at": 1}, "seen")]


async def test_an_exception_of_the_agent_is_a_failed_call_that_says_where(write, card, start):
    folder = write("agent_raises.py", "def answer(messages):\n    raise KeyError('order')")
    async with converse(python(card, "agent_raises:answer", folder), start) as dialogue:
        with pytest.raises(CallError, match=r"KeyError: 'order' \(agent_raises.py:2\)") as raised:
            await dialogue.reply("a")
    assert raised.value.failed.cause is FailureCause.AGENT_EXCEPTION


async def test_an_agent_that_hangs_is_given_up_and_holds_nobody_up(write, card, start):
    folder = write("agent_hangs.py", "import time\ndef answer(messages):\n    time.sleep(3600)")
    connector = python(card, "agent_hangs:answer", folder, timeout_s=0.1)
    async with converse(connector, start) as dialogue:
        with pytest.raises(CallError, match=r"no answer in 0\.1 s") as raised:
            await dialogue.reply("a")
    assert raised.value.failed.cause is FailureCause.TIMEOUT
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "assay-agent")


async def test_many_blocking_agents_answer_at_the_same_time(write, card):
    source = "import threading\nall = threading.Barrier(50)\ndef answer(messages):\n    all.wait()\n    return 'late'"
    folder = write("agent_slow.py", source)  # nobody is answered before all 50 are asked
    connector = python(card, "agent_slow:answer", folder)

    async def one(number: int) -> str:
        async with converse(connector, ConversationStart(f"{number:032x}", "s", 0)) as dialogue:
            return (await dialogue.reply("a")).text

    assert set(await asyncio.gather(*map(one, range(50)))) == {"late"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("None", "a NoneType"),
        ("{'txt': 'hi'}", "string `text`"),
        ("{'text': 'hi', 'state': {1, 2}}", "state is a set"),
        ("{'text': 'hi', 'state': {'x': object()}}", "no JSON"),
        ("{'text': 'hi', 'tool_calls': [{}]}", "a call has a `name`"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_bad_answer(write, card, start, answer, said):
    module = f"agent_odd_{abs(hash(answer))}"
    folder = write(f"{module}.py", f"def answer(messages):\n    return {answer}")
    async with converse(python(card, f"{module}:answer", folder), start) as dialogue:
        with pytest.raises(CallError, match=said) as raised:
            await dialogue.reply("a")
    assert raised.value.failed.cause is FailureCause.BAD_ANSWER


@pytest.mark.parametrize(
    ("target", "config", "said"),
    [
        ("no_such_module:answer", {}, "no module no_such_module"),
        ("agent_bad:nothing", {}, "agent_bad has no nothing"),
        ("agent_bad:VALUE", {}, "cannot be called"),
        ("agent_bad:Mute", {}, "no `reply` and no `__call__`"),
        ("agent_bad:answer", {"tone": "dry"}, "takes no tone"),
        ("agent_broken:answer", {}, "importing agent_broken failed: ZeroDivisionError"),
    ],
)
def test_a_wrong_target_is_said_before_any_call(write, card, target, config, said):
    folder = write("agent_bad.py", "VALUE = 1\nclass Mute: ...\ndef answer(messages): return ''")
    write("agent_broken.py", "1 / 0")
    with pytest.raises(BadInput, match=said):
        python(card, target, folder, config=config)


async def test_two_cards_with_modules_of_one_name_each_get_their_own(tmp_path, card, start):
    texts = []
    connectors = []
    for version in ("old", "new"):
        folder = tmp_path / version
        folder.mkdir()
        (folder / "twin_words.py").write_text(f"WORD = '{version}'")
        (folder / "twin_agent.py").write_text("from twin_words import WORD\ndef answer(messages): return WORD")
        connectors.append(python(card, "twin_agent:answer", folder))
    for connector in connectors:
        async with converse(connector, start) as dialogue:
            texts.append((await dialogue.reply("a")).text)
    assert texts == ["old", "new"]


def test_a_folder_that_is_loaded_twice_is_imported_once(write, card):
    folder = write("agent_once.py", "def answer(messages): return ''")
    first = python(card, "agent_once:answer", folder).inner.target  # type: ignore[attr-defined]
    assert python(card, "agent_once:answer", folder).inner.target is first  # type: ignore[attr-defined]
    assert "agent_once" in sys.modules


async def test_a_class_that_cannot_be_made_fails_the_call(write, card, start):
    folder = write(
        "agent_unmade.py",
        "class Agent:\n    def __init__(self): raise OSError('no weights')\n    def reply(self, text): ...",
    )
    with pytest.raises(CallError, match="no weights"):
        await python(card, "agent_unmade:Agent", folder).open(start)
