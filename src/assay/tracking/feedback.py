"""What people say of conversations: users' feedback and human labels, as HUMAN assessments on the traces."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, StopReason
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Ruling, Verdict
from assay.contracts.stage import AgentRef
from assay.contracts.text import clean_model
from assay.errors import BadInput, NotFound
from assay.tracking.assessments import GROUP, Draft, Group, write_groups
from assay.tracking.connection import Tracking, quoted, reports_outages
from assay.tracking.judgments import VALUES, verdict_draft
from assay.tracking.projects import ensure_project, project_or_not_found
from assay.tracking.spans import SOURCE_TAG
from assay.tracking.trace_ids import traces_of
from assay.tracking.traces import all_pages, batches, write_conversations

if TYPE_CHECKING:
    from mlflow.entities import Assessment

PRODUCTION = "production"
"""The simulation id under which conversations stand that came with feedback."""
LABEL = "label"
TRACE_ID = re.compile("[0-9a-f]{32}")
_VERDICT = "assay.verdict"
_FEEDBACK = "assay.feedback"
_UNKNOWN = AgentRef(agent_id="unknown", version="unknown")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@reports_outages
def write_feedback(t: Tracking, project: str, items: Sequence[Feedback]) -> int:
    """How many of the rated items are stored on a trace now. Each is there once, however often it is handed in.

    A conversation is named by its trace id, or by the id that it was imported with. An item that brings its turns,
    and names no conversation that is stored, becomes a conversation of simulation `production`; one that has neither
    is on no trace.
    """
    experiment_id = ensure_project(t, project)
    items = [clean_model(item) for item in items]
    foreign = {name for item in items if (name := item.conversation_id) and not TRACE_ID.fullmatch(name)}
    imported = _imported_as(t, experiment_id, sorted(foreign))
    names = {
        item.feedback_id: name
        if (name := item.conversation_id) and (name in imported or name not in foreign)
        else _conversation_id(item)
        for item in items
    }
    known = imported | traces_of(t, experiment_id, set(names.values()) - imported.keys())
    brought = {
        names[item.feedback_id]: (_conversation(item, names[item.feedback_id]), None)
        for item in items
        if item.turns and names[item.feedback_id] not in known
    }
    if brought:
        write_conversations(
            t,
            project,
            list(brought.values()),
            simulation_id=PRODUCTION,
            run_id=None,
            dataset=None,
            tags={"origin": "feedback"},
        )
        known |= traces_of(t, experiment_id, brought)
    linked = [item for item in items if item.rated and names[item.feedback_id] in known]
    write_groups(
        t,
        [
            Group(trace_id, f"feedback/{item.feedback_id}", _said(item))
            for item in linked
            for trace_id in known[names[item.feedback_id]]
        ],
    )
    return len(linked)


@reports_outages
def read_feedback(t: Tracking, project: str, conversation_ids: Sequence[str]) -> dict[str, list[Feedback]]:
    """What users said of these conversations, without the turns that an item may have brought along."""
    experiment_id = project_or_not_found(t, project)
    own = {traces[0]: name for name, traces in traces_of(t, experiment_id, conversation_ids).items()}
    found: dict[str, list[Feedback]] = {}
    for batch in batches(own):
        for info in t.store.batch_get_trace_infos(batch):
            told = {
                text
                for row in info.assessments
                if row.valid is not False and (text := (row.metadata or {}).get(_FEEDBACK)) is not None
            }
            if told:
                items = [Feedback.model_validate_json(text) for text in sorted(told)]
                found[own[info.trace_id]] = items
    return found


@reports_outages
def write_human_labels(t: Tracking, project: str, labels: Mapping[str, Sequence[Verdict]]) -> None:
    """Conversation to what a person ruled on it. A person's new label of an expectation replaces the old one.

    Raises BadInput for a verdict of no person, NotFound for a conversation that is not stored.
    """
    experiment_id = project_or_not_found(t, project)
    traces = traces_of(t, experiment_id, labels)
    groups = []
    for conversation_id, verdicts in labels.items():
        if conversation_id not in traces:
            raise NotFound(f"conversation {conversation_id} is not in project {project}: label one that is")
        for verdict in map(clean_model, verdicts):
            if verdict.source != "human":
                raise BadInput(f"label of {verdict.expectation_id}: source is {verdict.source}: labels are human")
            key = f"{LABEL}/{verdict.judge}/{verdict.expectation_id}"
            draft = verdict_draft(verdict, {_VERDICT: verdict.model_dump_json()})
            groups += [Group(trace_id, key, (draft,)) for trace_id in traces[conversation_id]]
    write_groups(t, groups)


@reports_outages
def read_human_labels(t: Tracking, project: str, conversation_ids: Sequence[str]) -> dict[str, list[Verdict]]:
    """What people ruled, here or in MLflow's own pages (an assessment by a HUMAN whose value is yes or no)."""
    experiment_id = project_or_not_found(t, project)
    own = {traces[0]: name for name, traces in traces_of(t, experiment_id, conversation_ids).items()}
    found: dict[str, list[Verdict]] = {}
    for batch in batches(own):
        for info in t.store.batch_get_trace_infos(batch):
            labels = [label for row in info.assessments if row.valid is not False and (label := _label(row))]
            if labels:
                found[own[info.trace_id]] = labels
    return found


def _imported_as(t: Tracking, experiment_id: str, source_ids: Sequence[str]) -> dict[str, list[str]]:
    """The traces of conversations by the id that they were imported with."""
    found: dict[str, list[str]] = {}
    if t.sql is None:
        for source_id in source_ids:
            # A filter cannot hold a quotation mark: `_` stands for any character, and the tag is compared below.
            loose = source_id.replace("'", "_")
            how = f"LIKE {quoted(loose)}" if "'" in source_id else f"= {quoted(source_id)}"
            wanted = f"tags.`{SOURCE_TAG}` {how}"
            infos = all_pages(
                lambda token, wanted=wanted: t.store.search_traces(
                    locations=[experiment_id], filter_string=wanted, max_results=500, page_token=token
                )
            )
            if traces := [info.trace_id for info in infos if info.tags.get(SOURCE_TAG) == source_id]:
                found[source_id] = traces
        return found
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag

    with t.sql.ManagedSessionMaker() as session:
        for batch in batches(source_ids):
            rows = (
                session.query(SqlTraceTag.value, SqlTraceTag.request_id)
                .join(SqlTraceInfo, SqlTraceInfo.request_id == SqlTraceTag.request_id)
                .filter(SqlTraceInfo.experiment_id == int(experiment_id))
                .filter(SqlTraceTag.key == SOURCE_TAG, SqlTraceTag.value.in_(batch))
            )
            for source_id, trace_id in rows:
                found.setdefault(source_id, []).append(trace_id)
    return found


def _said(item: Feedback) -> tuple[Draft, ...]:
    """Thumbs, stars and words apart, as MLflow's users filter by them; the words go with what they explain."""
    comment = (item.comment or "").strip() or None
    at_ms = int(item.at.timestamp() * 1000) if item.at else None
    told = {"feedback_id": item.feedback_id, _FEEDBACK: item.model_dump_json(exclude={"turns"})}
    values: list[tuple[str, str | int]] = []
    if item.thumbs is not None:
        values.append(("user_thumbs", item.thumbs))
    if item.rating is not None:
        values.append(("user_rating", item.rating))
    if not values and comment:
        values.append(("user_comment", comment))
        comment = None
    return tuple(Draft(name, value, "HUMAN", item.user or "user", comment, told, at_ms=at_ms) for name, value in values)


def _conversation_id(item: Feedback) -> str:
    return content_hash(["feedback", item.feedback_id, [turn.model_dump(mode="json") for turn in item.turns]])[:32]


def _conversation(item: Feedback, conversation_id: str) -> Conversation:
    return Conversation(
        conversation_id=conversation_id,
        scenario_id=item.feedback_id,
        source_id=item.conversation_id if item.conversation_id != conversation_id else None,
        trial=0,
        seed=0,
        agent=item.agent or _UNKNOWN,
        turns=item.turns,
        stop_reason=StopReason.IMPORTED,
        started_at=item.at or _LONG_AGO,
    )


def _label(row: "Assessment") -> Verdict | None:
    if row.source.source_type != "HUMAN" or row.feedback is None:
        return None
    metadata = row.metadata or {}
    if _VERDICT in metadata:
        return Verdict.model_validate_json(metadata[_VERDICT])
    value = row.feedback.value
    rulings = {json.dumps(text): ruling for ruling, text in VALUES.items()}
    ruling = {**rulings, "true": Ruling.MET, "false": Ruling.NOT_MET}.get(json.dumps(value))
    if ruling is None or GROUP in metadata:
        return None
    return Verdict(
        expectation_id=row.name,
        rationale=row.rationale or "labelled in MLflow",
        ruling=ruling,
        confidence=1.0,
        source="human",
        judge=row.source.source_id or "unknown",
    )
