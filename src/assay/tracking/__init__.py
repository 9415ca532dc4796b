"""MLflow, the store of everything: the only package that speaks to it. Functions are synchronous and thread-safe."""

from assay.tracking.artifacts import artifact_uri, list_artifacts, log_artifacts, read_bytes, read_json, read_text
from assay.tracking.certificates import find_certificate, keep_certificate, list_certificates
from assay.tracking.connection import Tracking, connect
from assay.tracking.datasets import DatasetSummary, list_datasets, load_dataset, save_dataset
from assay.tracking.details import is_of_project, whole_conversation, whole_run
from assay.tracking.exchanges import append_exchanges, gateway_conversations, read_exchanges
from assay.tracking.feedback import PRODUCTION, read_feedback, read_human_labels, write_feedback, write_human_labels
from assay.tracking.judgments import judged, judgment_texts, judgments_hash, read_judgments, write_judgments
from assay.tracking.kept import read_kept, write_kept
from assay.tracking.ledger import LedgerCopies, append_ledger, ledger_copies, read_ledger, restore_ledger_file
from assay.tracking.links import (
    LinkedExperiment,
    link_experiment,
    linked_experiments,
    may_read_experiment,
    unlink_experiment,
)
from assay.tracking.pages import (
    ConversationFilter,
    RunFilter,
    count_runs,
    decode_cursor,
    encode_cursor,
    gated_results,
    last_change,
    page_conversations,
    page_runs,
    stages_reached,
)
from assay.tracking.projects import (
    ProjectSummary,
    ensure_project,
    list_projects,
    read_project_tags,
    set_project_tag,
)
from assay.tracking.prompts import PromptVersion, prompt
from assay.tracking.questions import find_answer, keep_answer
from assay.tracking.registry import AgentSummary, agent_card, list_agents, load_pyfunc, register_agent, registered_name
from assay.tracking.results import RunSummary, Stored, find_result, list_results, load_result
from assay.tracking.runs import StageRun, begin_run, evaluation_run, project_run, run_people, stage_run, tag_run
from assay.tracking.scorers import score_with_mlflow
from assay.tracking.spans import turn_span_id
from assay.tracking.trace_ids import IMPORTED_TAG
from assay.tracking.trace_import import find_experiment, import_traces
from assay.tracking.traces import (
    BATCH,
    StoredConversation,
    conversation_texts,
    conversations_hash,
    delete_conversations,
    failed_conversations,
    finished,
    line_digest,
    list_conversations,
    load_conversations,
    read_conversations,
    write_conversations,
)
from assay.tracking.transitions import production_version, stage_of, transition, transitions

__all__ = [
    "BATCH",
    "IMPORTED_TAG",
    "PRODUCTION",
    "AgentSummary",
    "ConversationFilter",
    "DatasetSummary",
    "LedgerCopies",
    "LinkedExperiment",
    "ProjectSummary",
    "PromptVersion",
    "RunFilter",
    "RunSummary",
    "StageRun",
    "Stored",
    "StoredConversation",
    "Tracking",
    "agent_card",
    "append_exchanges",
    "append_ledger",
    "artifact_uri",
    "begin_run",
    "connect",
    "conversation_texts",
    "conversations_hash",
    "count_runs",
    "decode_cursor",
    "delete_conversations",
    "encode_cursor",
    "ensure_project",
    "evaluation_run",
    "failed_conversations",
    "find_answer",
    "find_certificate",
    "find_experiment",
    "find_result",
    "finished",
    "gated_results",
    "gateway_conversations",
    "import_traces",
    "is_of_project",
    "judged",
    "judgment_texts",
    "judgments_hash",
    "keep_answer",
    "keep_certificate",
    "last_change",
    "ledger_copies",
    "line_digest",
    "link_experiment",
    "linked_experiments",
    "list_agents",
    "list_artifacts",
    "list_certificates",
    "list_conversations",
    "list_datasets",
    "list_projects",
    "list_results",
    "load_conversations",
    "load_dataset",
    "load_pyfunc",
    "load_result",
    "log_artifacts",
    "may_read_experiment",
    "page_conversations",
    "page_runs",
    "production_version",
    "project_run",
    "prompt",
    "read_bytes",
    "read_conversations",
    "read_exchanges",
    "read_feedback",
    "read_human_labels",
    "read_json",
    "read_judgments",
    "read_kept",
    "read_ledger",
    "read_project_tags",
    "read_text",
    "register_agent",
    "registered_name",
    "restore_ledger_file",
    "run_people",
    "save_dataset",
    "score_with_mlflow",
    "set_project_tag",
    "stage_of",
    "stage_run",
    "stages_reached",
    "tag_run",
    "transition",
    "transitions",
    "turn_span_id",
    "unlink_experiment",
    "whole_conversation",
    "whole_run",
    "write_conversations",
    "write_feedback",
    "write_human_labels",
    "write_judgments",
    "write_kept",
]
