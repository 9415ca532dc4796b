"""Scenarios, labels and feedback as JSONL and CSV text, for editors and spreadsheets. Pure: text in, contracts out."""

from assay.evaluation.exchange.feedback import feedback_from_csv, feedback_from_jsonl
from assay.evaluation.exchange.labels import labels_from_csv, labels_from_jsonl, labels_to_csv, labels_to_jsonl
from assay.evaluation.exchange.scenarios import from_csv, from_jsonl, to_csv, to_jsonl

__all__ = [
    "feedback_from_csv",
    "feedback_from_jsonl",
    "from_csv",
    "from_jsonl",
    "labels_from_csv",
    "labels_from_jsonl",
    "labels_to_csv",
    "labels_to_jsonl",
    "to_csv",
    "to_jsonl",
]
