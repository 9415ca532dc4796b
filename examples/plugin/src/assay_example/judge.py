"""A judge: an expectation such as `says "tomorrow"` is met where the agent says each word that it quotes."""

import re
from collections.abc import Sequence

from assay.agents.judge import Ruled
from assay.contracts.base import JsonObject, content_hash
from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Evidence, Ruling, Verdict
from assay.contracts.stage import Usage
from assay.errors import BadInput

QUOTED = re.compile(r'"([^"]+)"')


class Quotes:
    """Made once for each run. Options: `{"case": true}` tells capital letters from small ones."""

    name = "quotes"
    prompt_hash = content_hash("quotes")

    def __init__(self, options: JsonObject) -> None:
        if unknown := options.keys() - {"case"}:
            raise BadInput(f"judges: options: quotes has no {', '.join(sorted(unknown))}: leave it out")
        self.flags = re.NOFLAG if options.get("case") else re.IGNORECASE

    async def rule(
        self,
        conversation: Conversation,
        expectations: Sequence[Expectation],
        *,
        scenario: Scenario | None,
        rubric: str,
        votes: int,
        seed: int,
    ) -> Ruled:
        """One verdict an expectation. It makes no calls, so its usage is empty and every vote would be the same."""
        del scenario, rubric, votes, seed
        return Ruled(tuple(self._verdict(conversation, expectation) for expectation in expectations), Usage())

    def _verdict(self, conversation: Conversation, expectation: Expectation) -> Verdict:
        words = QUOTED.findall(expectation.text)
        evidence = [self._said(conversation, word) for word in words]
        if not words:
            ruling, rationale = Ruling.ABSTAINED, "The expectation quotes no words."
        elif all(evidence) == (expectation.kind == "must"):
            ruling, rationale = Ruling.MET, f"Said: {sum(map(bool, evidence))} of {len(words)} quoted words."
        else:
            ruling, rationale = Ruling.NOT_MET, f"Said: {sum(map(bool, evidence))} of {len(words)} quoted words."
        return Verdict(
            expectation_id=expectation.expectation_id,
            rationale=rationale,
            evidence=tuple(one for one in evidence if one is not None),
            ruling=ruling,
            confidence=1.0 if words else 0.0,
            source="code",
            judge=self.name,
        )

    def _said(self, conversation: Conversation, word: str) -> Evidence | None:
        for place, turn in enumerate(conversation.turns):
            if turn.role == "agent" and (match := re.search(re.escape(word), turn.text, self.flags)):
                return Evidence(turn=place, quote=match.group())
        return None
