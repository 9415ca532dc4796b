"""A judge from another package, with its verdicts checked."""

from collections.abc import Sequence

from assay.agents.judge import Judge, Ruled
from assay.contracts.base import content_hash
from assay.contracts.conversation import CallFailed, Conversation, FailureCause
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import JudgeSpec, Ruling, Verdict
from assay.contracts.plugins import PluginGroup
from assay.errors import CallError
from assay.plugins import load


class PackageJudge:
    """An exception or an invalid result is an error of that conversation only."""

    def __init__(self, spec: JudgeSpec, field: str) -> None:
        """`field`: where the judge was named. Raises BadInput or PluginFailed if it cannot be created."""
        self._loaded = load(PluginGroup.JUDGES, spec.kind, field)
        self._inner: Judge = self._loaded(dict(spec.options))
        plugin = self._loaded.plugin
        options = f", options {content_hash(spec.options)[:8]}" if spec.options else ""
        self.name = f"{plugin.name} ({plugin.package} {plugin.version}{options})"
        """With package, version and options: another version or other options are another judge."""
        self.prompt_hash = content_hash(self.name)

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
        """An expectation without a verdict is abstained. Raises CallError if it fails or does not return `Ruled`."""
        try:
            ruled = await self._inner.rule(
                conversation, expectations, scenario=scenario, rubric=rubric, votes=votes, seed=seed
            )
            verdicts = [_checked(verdict) for verdict in ruled.verdicts]
            usage = ruled.usage
        except CallError:
            raise
        except (Exception, SystemExit) as error:
            detail = self._loaded.words(error)
            raise CallError(CallFailed(cause=FailureCause.BAD_ANSWER, detail=detail)) from error
        by_name = {verdict.expectation_id: verdict.replace(judge=self.name) for verdict in verdicts}
        asked = tuple(by_name.pop(e.expectation_id, None) or self._abstained(e) for e in expectations)
        return Ruled((*asked, *by_name.values()), usage)

    def _abstained(self, expectation: Expectation) -> Verdict:
        return Verdict(
            expectation_id=expectation.expectation_id,
            rationale=f"The judge {self.name} gave no verdict on it.",
            ruling=Ruling.ABSTAINED,
            confidence=0.0,
            source="llm_judge",
            judge=self.name,
        )


def _checked(verdict: object) -> Verdict:
    if not isinstance(verdict, Verdict):
        raise TypeError(f"gave a {type(verdict).__name__} as a verdict: give assay.contracts.judgment.Verdict")
    if verdict.source == "human":
        raise ValueError("gave a verdict of source `human`: use `code` or `llm_judge`")
    return verdict
