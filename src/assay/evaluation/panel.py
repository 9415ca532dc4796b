"""Several votes made one ruling, and a conversation's rulings made one judgment."""

from collections import Counter
from collections.abc import Sequence

from assay.contracts.conversation import CallFailed, Conversation
from assay.contracts.judgment import Judgment, Ruling, Verdict
from assay.contracts.stage import Usage


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """The majority of the votes on one expectation; a tie abstains. Abstentions do not vote.

    The rationale and evidence are those of the surest vote for the ruling; the confidence is the share of votes
    that agree times their mean confidence.
    """
    votes = Counter(verdict.ruling for verdict in verdicts)
    met, unmet = votes[Ruling.MET], votes[Ruling.NOT_MET]
    ruling = Ruling.ABSTAINED if met == unmet else (Ruling.MET if met > unmet else Ruling.NOT_MET)
    agreeing = [verdict for verdict in verdicts if verdict.ruling is ruling]
    spokesman = max(agreeing or verdicts, key=lambda verdict: verdict.confidence)
    rationale = spokesman.rationale
    if ruling is Ruling.ABSTAINED and met:
        rationale = f"The votes are split, {met} to {unmet}."
    mean = sum(verdict.confidence for verdict in agreeing) / len(agreeing) if agreeing else 0.0
    return spokesman.replace(
        ruling=ruling,
        rationale=rationale,
        confidence=mean * len(agreeing) / len(verdicts),
        judge=" + ".join(dict.fromkeys(verdict.judge for verdict in verdicts)),
        votes=dict(votes),
    )


def to_judgment(
    conversation: Conversation, verdicts: Sequence[Verdict], usage: Usage, error: CallFailed | None = None
) -> Judgment:
    """Score: the share of ruled expectations that are met. Passed: all are met; not passed: one is not.

    With an abstention and nothing unmet, whether it passed is not known. With an error nothing is.
    """
    ruled = [verdict for verdict in verdicts if verdict.ruling is not Ruling.ABSTAINED]
    unmet = [verdict for verdict in ruled if verdict.ruling is Ruling.NOT_MET]
    if error is not None or not ruled:
        score, passed = None, None
    else:
        score = (len(ruled) - len(unmet)) / len(ruled)
        passed = False if unmet else (True if len(ruled) == len(verdicts) else None)
    return Judgment(
        conversation_id=conversation.conversation_id,
        scenario_id=conversation.scenario_id,
        trial=conversation.trial,
        verdicts=tuple(verdicts),
        score=score,
        passed=passed,
        rationale=_rationale(verdicts, unmet, error),
        error=error,
        usage=usage,
    )


def _rationale(verdicts: Sequence[Verdict], unmet: Sequence[Verdict], error: CallFailed | None) -> str:
    if error is not None:
        return f"Not judged: {error.cause}: {error.detail}"
    if unmet:
        return " ".join(verdict.rationale for verdict in unmet)
    open_ones = [verdict for verdict in verdicts if verdict.ruling is Ruling.ABSTAINED]
    if open_ones:
        return "Not all could be ruled: " + " ".join(verdict.rationale for verdict in open_ones)
    return "Every expectation is met." if verdicts else "There was nothing to hold it against."
