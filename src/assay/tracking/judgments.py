"""Judgments in MLflow: an assessment for each verdict, and one that carries the whole."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from assay.contracts.judgment import Judgment, Ruling, Verdict
from assay.contracts.text import clean_model
from assay.errors import NotFound
from assay.tracking.assessments import GROUP, Draft, Group, Source, write_groups
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.projects import find_project, project_or_not_found
from assay.tracking.trace_ids import traces_of
from assay.tracking.traces import all_pages, batches, hash_of_lines, in_order

if TYPE_CHECKING:
    from mlflow.entities import TraceInfo
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

WHOLE = "assay.judgment"
"""Metadata of the assessment `passed`: the judgment as JSON."""
PASSED = "passed"
UNJUDGED = "unjudged"
SCORE = "score"
VALUES = {Ruling.MET: "yes", Ruling.NOT_MET: "no", Ruling.ABSTAINED: "abstained"}
_SOURCES: dict[str, Source] = {"code": "CODE", "offline_judge": "CODE", "llm_judge": "LLM_JUDGE", "human": "HUMAN"}


@reports_outages
def write_judgments(
    t: Tracking,
    project: str,
    judging_id: str,
    judgments: Sequence[Judgment],
    *,
    run_id: str | None,
    simulation_id: str | None = None,
) -> None:
    """Keeps each judgment on its conversation's trace, and on the one that it was imported from.

    simulation_id: whose conversations were judged; None: of no one simulation. A judgment takes the place of the one
    that the same judging gave before. Raises NotFound for a conversation that is not stored in the project.
    """
    experiment_id = project_or_not_found(t, project)
    judgments = [clean_model(judgment) for judgment in judgments]
    names = [judgment.conversation_id for judgment in judgments]
    traces = traces_of(t, experiment_id, names, simulation_id=simulation_id)
    groups = []
    for judgment in judgments:
        if judgment.conversation_id not in traces:
            raise NotFound(
                f"conversation {judgment.conversation_id} is not in project {project}: "
                "write it with write_conversations before its judgment"
            )
        drafts = tuple(_drafts(judgment, judging_id, run_id))
        own, *origin = traces[judgment.conversation_id]
        groups.append(Group(own, judging_id, drafts, tag=(judging_id, _outcome(judgment.passed))))
        groups += [Group(trace_id, judging_id, drafts) for trace_id in origin]
    write_groups(t, groups)
    if run_id:
        # so that MLflow's page of evaluation runs shows the judged traces with their assessments
        for batch in batches([group.trace_id for group in groups if group.tag]):
            t.store.link_traces_to_run(batch, run_id)


@reports_outages
def read_judgments(t: Tracking, project: str, judging_id: str) -> list[Judgment]:
    """The judging's judgments in the order of scenario and trial; empty where none is stored."""
    return [Judgment.model_validate_json(text) for text in judgment_texts(t, project, judging_id)]


def judgment_texts(t: Tracking, project: str, judging_id: str) -> Iterator[str]:
    """The judging's judgments as JSON, in the order of scenario and trial, a few at a time."""
    if (experiment_id := find_project(t, project)) is None:
        return
    if t.sql is not None:
        rows = _traces(t.sql, experiment_id, judging_id)
        for batch in batches(row[1] for row in sorted(rows, key=lambda row: in_order(row[2]))):
            found = _stored(t.sql, batch, judging_id)
            yield from (found[trace_id] for trace_id in batch if trace_id in found)
        return
    infos = _infos(t, experiment_id, judging_id)
    for info in sorted(infos, key=lambda info: in_order(info.tags.get("mlflow.traceName", ""))):
        for row in info.assessments:
            told = row.metadata or {}
            if row.name == PASSED and told.get(GROUP) == judging_id and WHOLE in told:
                yield told[WHOLE]


@reports_outages
def judged(t: Tracking, project: str, judging_id: str) -> set[str]:
    """Ids of the conversations that the judging has judged; not of those where a call failed."""
    if (experiment_id := find_project(t, project)) is None:
        return set()
    if t.sql is not None:
        rows = _traces(t.sql, experiment_id, judging_id)
        undecided = [trace_id for _, trace_id, _, outcome in rows if outcome == UNJUDGED]
        texts = [text for batch in batches(undecided) for text in _stored(t.sql, batch, judging_id).values()]
        return {conversation_id for conversation_id, _, _, _ in rows} - _failed(texts)
    texts = list(judgment_texts(t, project, judging_id))
    return {str(json.loads(text)["conversation_id"]) for text in texts} - _failed(texts)


def _failed(texts: Iterable[str]) -> set[str]:
    judgments = map(Judgment.model_validate_json, texts)
    return {judgment.conversation_id for judgment in judgments if judgment.error is not None}


@reports_outages
def judgments_hash(t: Tracking, project: str, judging_id: str) -> str:
    """SHA-256 of the judging's judgments as they are stored now."""
    return hash_of_lines(judgment_texts(t, project, judging_id))


def verdict_metadata(verdict: Verdict) -> dict[str, str]:
    return {
        "ruling": verdict.ruling.value,
        "confidence": f"{verdict.confidence:g}",
        "evidence": json.dumps([row.model_dump() for row in verdict.evidence], ensure_ascii=False),
        "judge": verdict.judge,
        "source": verdict.source,
        **({"votes": json.dumps(verdict.votes)} if verdict.votes else {}),
    }


def verdict_draft(verdict: Verdict, metadata: dict[str, str]) -> Draft:
    return Draft(
        name=verdict.expectation_id,
        value=VALUES[verdict.ruling],
        source=_SOURCES[verdict.source],
        source_id=verdict.judge,
        rationale=verdict.rationale,
        metadata={**verdict_metadata(verdict), **metadata},
    )


def _drafts(judgment: Judgment, judging_id: str, run_id: str | None) -> list[Draft]:
    told = {"judging_id": judging_id}
    if run_id:
        told["mlflow.assessment.sourceRunId"] = run_id
    sources = {verdict.source for verdict in judgment.verdicts}
    kind = "LLM_JUDGE" if "llm_judge" in sources else "HUMAN" if sources == {"human"} else "CODE"
    judge = ", ".join(dict.fromkeys(verdict.judge for verdict in judgment.verdicts)) or "assay"
    error = (judgment.error.cause.value, judgment.error.detail) if judgment.error else None
    drafts = [verdict_draft(verdict, told) for verdict in judgment.verdicts]
    if judgment.score is not None:
        drafts.append(Draft(SCORE, judgment.score, kind, judge, judgment.rationale, told))
    whole = {**told, WHOLE: judgment.model_dump_json()}
    value = None if error else VALUES[_ruling(judgment.passed)]
    drafts.append(Draft(PASSED, value, kind, judge, judgment.rationale, whole, error))
    return drafts


def _ruling(passed: bool | None) -> Ruling:
    if passed is None:
        return Ruling.ABSTAINED
    return Ruling.MET if passed else Ruling.NOT_MET


def _outcome(passed: bool | None) -> str:
    if passed is None:
        return UNJUDGED
    return "passed" if passed else "failed"


def _traces(store: "SqlAlchemyStore", experiment_id: str, judging_id: str) -> list[tuple[str, str, str, str]]:
    """(conversation, trace, name, outcome) of what was judged: the tag comes with the assessments."""
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag

    with store.ManagedSessionMaker() as session:
        found = (
            session.query(
                SqlTraceInfo.client_request_id, SqlTraceInfo.request_id, SqlTraceInfo.trace_name, SqlTraceTag.value
            )
            .join(SqlTraceTag, SqlTraceTag.request_id == SqlTraceInfo.request_id)
            .filter(SqlTraceTag.key == judging_id, SqlTraceInfo.experiment_id == int(experiment_id))
        )
        return [(own or "", trace_id, name or "", outcome) for own, trace_id, name, outcome in found]


def _stored(store: "SqlAlchemyStore", trace_ids: Sequence[str], judging_id: str) -> dict[str, str]:
    from mlflow.store.tracking.dbmodels.models import SqlAssessments

    with store.ManagedSessionMaker() as session:
        found = session.query(SqlAssessments.trace_id, SqlAssessments.assessment_metadata).filter(
            SqlAssessments.trace_id.in_(trace_ids), SqlAssessments.name == PASSED
        )
        metadata = [(trace_id, json.loads(text)) for trace_id, text in found if text]
    return {trace_id: row[WHOLE] for trace_id, row in metadata if row.get(GROUP) == judging_id and WHOLE in row}


def _infos(t: Tracking, experiment_id: str, judging_id: str) -> "list[TraceInfo]":
    return all_pages(
        lambda token: t.store.search_traces(
            locations=[experiment_id],
            filter_string=f"tags.`{judging_id}` LIKE '%'",
            max_results=500,
            page_token=token,
        )
    )
