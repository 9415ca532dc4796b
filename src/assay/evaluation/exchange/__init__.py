"""Scenarios, labels and feedback as files, for editors and spreadsheets: rows in, contracts out, and back as text."""

from assay.evaluation.exchange.feedback import feedback_of
from assay.evaluation.exchange.labels import labels_of, labels_to_csv, labels_to_jsonl
from assay.evaluation.exchange.rows import Rows, read_file
from assay.evaluation.exchange.scenarios import scenarios_of, to_csv, to_jsonl
from assay.evaluation.exchange.spellings import DateOrder

__all__ = [
    "DateOrder",
    "Rows",
    "feedback_of",
    "labels_of",
    "labels_to_csv",
    "labels_to_jsonl",
    "read_file",
    "scenarios_of",
    "to_csv",
    "to_jsonl",
]
