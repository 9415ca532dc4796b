"""Whatever file a person gives is read, or is refused with the lines that are wrong. No row is lost in silence."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange.feedback import feedback_of
from assay.evaluation.exchange.labels import labels_of
from assay.evaluation.exchange.rows import Rows
from assay.evaluation.exchange.scenarios import scenarios_of
from assay.integrations.importers import openai_messages
from tests.fuzz.conftest import many, tried
from tests.fuzz.strategies import CHAT, as_json, bytes_near, near, texts, values

AGENT = AgentRef(agent_id="a", version="1")
PERSONA = {"name": "user", "description": "A user."}
SCENARIO = {
    "scenario_id": "s1",
    "topic": "orders",
    "persona": PERSONA,
    "goal": "Find the order.",
    "expectations": [{"expectation_id": "e", "text": "Says where.", "check": {"kind": "says", "pattern": "sent"}}],
}
FEEDBACK = [
    {"rating": 4, "comment": "Fine.", "at": "2026-03-02T10:00:00Z", "agent": "a@1"},
    {"thumbs": "down", "conversation_id": "tr-" + "0" * 32, "topic": "Order status"},
]
LABEL = {
    "judging_id": "judging-0",
    "scenario_id": "s1",
    "trial": "0",
    "expectation_id": "e",
    "ruling": "met",
    "by": "ada",
}


def lines(rows: list) -> bytes:
    return b"".join(as_json(row) + b"\n" for row in rows)


def table(rows: list) -> bytes:
    """CSV, each value as text, with whatever columns the rows have."""
    columns = list(dict.fromkeys(str(key) for row in rows if isinstance(row, dict) for key in row)) or ["x"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        fields = {str(key): value for key, value in row.items()} if isinstance(row, dict) else {}
        writer.writerow(
            [value if isinstance(value := fields.get(name, ""), str) else json.dumps(value) for name in columns]
        )
    return out.getvalue().encode(errors="surrogatepass")


def files(templates: list) -> st.SearchStrategy[bytes]:
    rows = st.lists(near(templates), max_size=5)
    return st.one_of(
        bytes_near(rows.map(lines)), bytes_near(rows.map(table)), bytes_near(rows.map(as_json)), st.binary(max_size=200)
    )


NAMES = st.sampled_from(["f.jsonl", "f.csv", "f.json", "f.txt", "f"])


def refused_in_words(error: BadInput) -> None:
    assert str(error).startswith("f"), "it names the file"
    str(error).encode()


@many
@given(files([SCENARIO]), NAMES)
def test_scenarios(data, name):
    tried("scenario files")
    try:
        assert scenarios_of(Rows(data, name), name="d").scenarios
    except BadInput as error:
        refused_in_words(error)


@many
@given(files(FEEDBACK), NAMES)
def test_feedback(data, name):
    tried("feedback files")
    try:
        items = feedback_of(Rows(data, name))
    except BadInput as error:
        refused_in_words(error)
    else:
        assert len({item.feedback_id for item in items}) == len(items)
        for item in items:
            item.model_dump_json().encode()


@many
@given(files([LABEL]), NAMES)
def test_labels(data, name):
    tried("label files")
    try:
        labels_of(Rows(data, name))
    except BadInput as error:
        refused_in_words(error)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    file = tmp_path_factory.mktemp("fuzz") / "scenarios.jsonl"
    file.write_bytes(lines([SCENARIO, {**SCENARIO, "scenario_id": "s2"}]))
    return file


@many
@given(files([{"scenario_id": name, "messages": messages} for name, messages in zip(("s1", "s2"), CHAT, strict=False)]))
def test_transcripts(dataset, tmp_path_factory, data):
    tried("transcript files")
    file = dataset.parent / "f.jsonl"
    file.write_bytes(data)
    try:
        _, conversations, *_ = openai_messages.read(file, AGENT, dataset)
    except BadInput as error:
        str(error).encode()
    else:
        assert len({conversation.conversation_id for conversation in conversations}) == len(conversations)
        for conversation in conversations:
            conversation.model_dump_json().encode()


@many
@given(
    st.lists(
        st.fixed_dictionaries({"rating": st.integers(1, 5)}, optional={"comment": texts, "x": values}),
        min_size=1,
        max_size=8,
    )
)
def test_no_row_of_a_file_is_lost(rows):
    tried("feedback files")
    data = lines(rows)
    try:
        items = feedback_of(Rows(data, "f.jsonl"))
    except BadInput:
        return
    assert [item.rating for item in items] == [row["rating"] for row in rows]
