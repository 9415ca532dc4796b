"""What an agent does when it is asked, found out in a few calls before any money is spent."""

import hashlib
import statistics
from collections.abc import Callable, Sequence
from typing import Literal

from assay.connectors.protocol import AgentReply, Connector, ConversationStart, converse, shortened
from assay.contracts.agent import AgentCard, Finding, OpenAIConnector, ProbeCheck, ProbeReport
from assay.contracts.conversation import CallFailed, FailureCause
from assay.errors import CallError

CODE_WORD = "heliotrope"
FOLLOW_UP = "Can you help me with that?"
SEED = 7
Name = Literal["answers", "keeps_state", "streams", "calls_tools", "times_out", "deterministic"]


class Probe:
    """Calls, one after the other: an opening twice (the same seed), a follow-up with and without what came before,
    a code word to remember (2), a streamed call and one that wants a tool, where these are not yet known."""

    def __init__(self, card: AgentCard, reach: Callable[[AgentCard], Connector], openings: Sequence[str]) -> None:
        self.card = card
        self.reach = reach
        self.openings = openings or _openings(card)
        self.replies: list[AgentReply] = []
        self.failures: list[CallFailed] = []
        self.conversations = 0

    async def run(self) -> ProbeReport:
        connector = self.reach(self.card)
        opening = self.openings[0]
        first = await self._talk(connector, opening, FOLLOW_UP)
        if not first:
            return self._report(self._answers(first), *(_unknown(name) for name in ("keeps_state", "streams")))
        again = await self._talk(connector, opening)
        deterministic = _deterministic(first[:1], again)
        keeps_state = await self._keeps_state(connector, first, deterministic.finding)
        streams = await self._streams()
        calls_tools = await self._calls_tools(connector)
        return self._report(self._answers(first), keeps_state, streams, calls_tools, deterministic)

    def _report(self, *checks: ProbeCheck) -> ProbeReport:
        found = {check.name: check for check in (*checks, self._times_out())}
        order: tuple[Name, ...] = ("answers", "keeps_state", "streams", "calls_tools", "times_out", "deterministic")
        latencies = [reply.latency_s for reply in self.replies]
        return ProbeReport(
            checks=tuple(found.get(name) or _unknown(name) for name in order),
            latency_s=statistics.median(latencies) if latencies else None,
        )

    async def _talk(self, connector: Connector, *texts: str) -> list[AgentReply]:
        """The answers of one conversation, up to the first that failed."""
        self.conversations += 1
        conversation_id = hashlib.sha256(f"probe/{self.card.ref}/{self.conversations}".encode()).hexdigest()[:32]
        start = ConversationStart(conversation_id=conversation_id, scenario_id="probe", seed=SEED)
        replies: list[AgentReply] = []
        try:
            async with converse(connector, start) as dialogue:
                for text in texts:
                    replies.append(await dialogue.reply(text))
        except CallError as error:
            self.failures.append(error.failed)
        self.replies += replies
        return replies

    def _answers(self, first: list[AgentReply]) -> ProbeCheck:
        if not first:
            failed = self.failures[-1]
            return _check("answers", Finding.NO, f"{failed.cause.value}: {failed.detail}")
        if not first[0].text.strip() and not first[0].tool_calls:
            return _check("answers", Finding.NO, f"it answered {self.openings[0]!r} with nothing")
        said = shortened(first[0].text)[:120]
        return _check("answers", Finding.YES, f"to {self.openings[0]!r} it said {said!r}")

    async def _keeps_state(self, connector: Connector, first: list[AgentReply], deterministic: Finding) -> ProbeCheck:
        """A second turn that differs from the same words said first, or a word that comes back later on."""
        fresh = await self._talk(connector, FOLLOW_UP)
        told = await self._talk(
            connector, f"Please remember this: my code word is {CODE_WORD}.", "What is my code word?"
        )
        if len(told) == 2 and CODE_WORD in told[1].text.lower():
            return _check("keeps_state", Finding.YES, "it gave back a code word of the turn before")
        if len(first) < 2 or not fresh:
            return _check("keeps_state", Finding.UNKNOWN, "the follow-up was not answered")
        if first[1].text == fresh[0].text and deterministic is Finding.YES:
            return _check("keeps_state", Finding.NO, f"{FOLLOW_UP!r} got one answer, whatever was said before")
        if first[1].text != fresh[0].text and deterministic is Finding.YES:
            return _check("keeps_state", Finding.YES, f"{FOLLOW_UP!r} got another answer after an opening than without")
        return _check("keeps_state", Finding.UNKNOWN, "its answers vary by themselves, and it repeated no code word")

    async def _streams(self) -> ProbeCheck:
        if any(reply.first_token_s is not None for reply in self.replies):
            first_s = min(reply.first_token_s for reply in self.replies if reply.first_token_s is not None)
            return _check("streams", Finding.YES, f"its first words came after {first_s:.2f} s")
        spec = self.card.connector
        if not isinstance(spec, OpenAIConnector) or spec.stream:
            return _check("streams", Finding.NO, "its answers came whole")
        streamed = await self._talk(
            self.reach(self.card.replace(connector=spec.replace(stream=True))), self.openings[0]
        )
        if streamed and streamed[0].first_token_s is not None:
            return _check("streams", Finding.YES, "it can; the card does not ask for it (connector.stream)")
        return _check("streams", Finding.NO, "asked to stream, it did not")

    async def _calls_tools(self, connector: Connector) -> ProbeCheck:
        if not self._tools_called() and self.card.tools:
            tool = self.card.tools[0]
            await self._talk(connector, f"Please use your tool {tool.name}. {tool.description}".strip())
        if called := self._tools_called():
            return _check("calls_tools", Finding.YES, f"it called {', '.join(called)}")
        if self.card.tools:
            return _check("calls_tools", Finding.UNKNOWN, "the card names tools, and none was called or shown so far")
        return _check("calls_tools", Finding.NO, "it showed no tool call, and the card names no tools")

    def _tools_called(self) -> list[str]:
        return sorted({call.name for reply in self.replies for call in reply.tool_calls})

    def _times_out(self) -> ProbeCheck:
        limit_s = self.card.connector.timeout_s
        if late := sum(failed.cause is FailureCause.TIMEOUT for failed in self.failures):
            return _check("times_out", Finding.YES, f"{late} of its calls took longer than {limit_s:g} s")
        if not self.replies:
            return _unknown("times_out")
        slowest = max(reply.latency_s for reply in self.replies)
        return _check("times_out", Finding.NO, f"its slowest answer took {slowest:.2f} s of {limit_s:g} s")


def _deterministic(first: list[AgentReply], again: list[AgentReply]) -> ProbeCheck:
    if not again:
        return _check("deterministic", Finding.UNKNOWN, "the same opening was not answered a second time")
    same = first[0].text == again[0].text and first[0].tool_calls == again[0].tool_calls
    if same:
        return _check("deterministic", Finding.YES, "the same opening with the same seed got the same answer twice")
    return _check("deterministic", Finding.NO, "the same opening with the same seed got two answers")


def _openings(card: AgentCard) -> tuple[str, ...]:
    if card.topics:
        return (f"Hello, I need help with {card.topics[0].replace('-', ' ').replace('_', ' ')}.",)
    return ("Hello, what can you help me with?",)


def _check(name: Name, finding: Finding, detail: str) -> ProbeCheck:
    return ProbeCheck(name=name, finding=finding, detail=detail)


def _unknown(name: Name) -> ProbeCheck:
    return _check(name, Finding.UNKNOWN, "it was not asked, since the agent did not answer")
