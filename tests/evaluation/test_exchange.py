"""Scenarios and feedback as JSONL and CSV: whole both ways, and every fault named by file, line and field."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.dataset import Dataset, Scenario
from assay.errors import BadInput
from assay.evaluation.exchange import feedback_from_csv, feedback_from_jsonl, from_csv, from_jsonl, to_csv, to_jsonl
from tests.conftest import SHOP

SCENARIO = {
    "scenario_id": "returns-1",
    "topic": "returns",
    "persona": {"name": "polite-user", "description": "Friendly."},
    "goal": "Send the boots back.",
    "expectations": [{"expectation_id": "e1", "text": "The agent refunds the boots."}],
}

# Surrogates are no text: UTF-8 cannot hold them.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = text.filter(lambda t: t.strip())
slugs = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
numbers = st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9, allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=5,
)
checks = st.none() | st.one_of(
    st.fixed_dictionaries({"kind": st.just("says"), "pattern": st.sampled_from([r"\b30 days", "a,b", '"', "=1"])}),
    st.fixed_dictionaries(
        {"kind": st.just("calls"), "tool": words, "arguments": st.dictionaries(text, values, max_size=2)}
    ),
    st.fixed_dictionaries({"kind": st.just("outcome"), "path": st.just("orders.J1"), "equals": values}),
)
expectations = st.lists(
    st.fixed_dictionaries(
        {"expectation_id": slugs, "kind": st.sampled_from(["must", "must_not"]), "text": words, "check": checks}
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda item: str(item["expectation_id"]),
)
scenarios = st.fixed_dictionaries(
    {
        "scenario_id": slugs,
        "topic": slugs,
        "difficulty": st.sampled_from(["easy", "medium", "hard"]),
        "persona": st.fixed_dictionaries({"name": slugs, "description": words, "language": text}),
        "goal": words,
        "opening": st.none() | text,
        "facts": st.dictionaries(text, text, max_size=3),
        "expectations": expectations,
        "initial_state": st.none() | st.dictionaries(text, values, max_size=2),
        "max_turns": st.integers(1, 200),
        "origin": st.sampled_from(["written", "drafted", "imported", "feedback"]),
        "origin_ref": st.none() | text,
    }
)
datasets = st.lists(scenarios, min_size=1, max_size=3, unique_by=lambda item: str(item["scenario_id"])).map(
    lambda rows: Dataset.model_validate({"name": "d", "scenarios": rows})
)


@settings(max_examples=150, deadline=None)
@given(datasets)
def test_csv_and_jsonl_give_back_the_same_dataset_whole(dataset: Dataset):
    assert from_jsonl(to_jsonl(dataset), name="d", where="d.jsonl") == dataset
    assert from_csv(to_csv(dataset), name="d", where="d.csv") == dataset


def test_the_example_dataset_keeps_its_version_through_csv_and_jsonl():
    dataset = from_jsonl((SHOP / "dataset.jsonl").read_text(), name="shop", where="dataset.jsonl")
    assert from_csv(to_csv(dataset), name="shop", where="d.csv").version == dataset.version
    assert from_jsonl(to_jsonl(dataset), name="shop", where="d.jsonl").version == dataset.version


def test_what_a_program_that_rewrites_line_ends_does_to_a_csv_loses_nothing():
    dataset = from_csv("topic,persona,goal,must\nreturns,u,g,a\n", name="d", where="d.csv")
    odd = dataset.scenarios[0].replace(opening="one\r\ntwo", facts={"a": "x\ry"}, goal="g\rh")
    dataset = Dataset(name="d", scenarios=(odd,))
    assert from_csv(to_csv(dataset).replace("\n", "\r\n"), name="d", where="d.csv") == dataset


def test_six_columns_from_a_spreadsheet_are_a_dataset():
    sheet = (
        "Topic,Persona,Goal,Opening,Must,Must not\n"
        'Order status,"Impatient customer",Know where the parcel is.,Where is it?,'
        '"- The agent asks for the order number.\n- The agent says when it comes.",'
        "The agent tells another customer's address.\n"
        ",,,,,\n"
        "Rücksendung,,Send it back.,,The agent says how.,\n"
    )
    dataset = from_csv(sheet, name="support", where="support.csv")
    first, second = dataset.scenarios
    assert (first.topic, first.persona.name, second.topic, second.persona.name) == (
        "order-status",
        "impatient-customer",
        "rucksendung",
        "user",
    )
    assert [(e.expectation_id, e.kind, e.text) for e in first.expectations] == [
        ("must-1", "must", "The agent asks for the order number."),
        ("must-2", "must", "The agent says when it comes."),
        ("must-not-1", "must_not", "The agent tells another customer's address."),
    ]
    assert first.opening == "Where is it?"
    assert second.opening is None
    again = from_csv(sheet.replace("Impatient", " Impatient"), name="support", where="support.csv")
    assert again == dataset
    other = from_csv(sheet.replace("parcel", "letter"), name="support", where="support.csv")
    assert other.scenarios[0].scenario_id != first.scenario_id


def test_expectations_written_as_lines_stay_lines_in_an_export():
    dataset = from_csv("topic,goal,must,must_not\nreturns,g,one\nreturns,h,two,three\n", name="d", where="d.csv")
    rows = list(csv.DictReader(io.StringIO(to_csv(dataset))))
    assert [(row["must"], row["must_not"], row["expectations"]) for row in rows] == [
        ("one", "", ""),
        ("two", "three", ""),
    ]


def test_a_line_added_beside_exported_expectations_is_one_more():
    dataset = from_jsonl(json.dumps(SCENARIO), name="d", where="d.jsonl")
    rows = list(csv.DictReader(io.StringIO(to_csv(dataset))))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerow({**rows[0], "must_not": "The agent asks for a card number."})
    scenario = from_csv(out.getvalue(), name="d", where="d.csv").scenarios[0]
    assert [e.expectation_id for e in scenario.expectations] == ["e1", "must-not-1"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiter_is_the_one_of_the_header(delimiter: str):
    sheet = delimiter.join(["topic", "goal", "must"]) + "\n" + delimiter.join(["t", "one, two", "x"])
    assert from_csv(sheet, name="d", where="d.csv").scenarios[0].goal == "one, two"


def test_no_cell_of_an_export_is_run_by_a_spreadsheet():
    scenario = Scenario.model_validate(
        SCENARIO | {"goal": "=HYPERLINK(1)", "opening": "@SUM(1)", "facts": {"+a": "b"}, "origin_ref": "-1+2"}
    )
    cells = list(csv.reader(io.StringIO(to_csv(Dataset(name="d", scenarios=(scenario,))))))[1]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


JSONL_FAULTS = {
    json.dumps(SCENARIO | {"expectations": []}): (
        "d.jsonl:2: expectations is empty: give at least one thing that the agent must or must not do"
    ),
    json.dumps({k: v for k, v in SCENARIO.items() if k != "expectations"}): "d.jsonl:2: expectations is empty: give",
    json.dumps(SCENARIO | {"colour": 1}): "d.jsonl:2: colour: no such field: take it out or mend its name",
    json.dumps(SCENARIO | {"goal": " ", "colour": 1}): "d.jsonl:2: goal: ",
    json.dumps({k: v for k, v in SCENARIO.items() if k != "goal"}): "d.jsonl:2: goal: is missing: give it",
    json.dumps(SCENARIO)[:-1]: "d.jsonl:2: not JSON (Expecting ',' delimiter at column",
    "[1]": "d.jsonl:2: a JSON object is needed, not a list",
    json.dumps(SCENARIO | {"initial_state": {"a": float("nan")}}): "d.jsonl:2: not JSON (NaN is no JSON): mend it",
    json.dumps(SCENARIO | {"initial_state": {"a": 1}}).replace('"a": 1', '"a": 1e999'): "1e999 is too large a number",
    "[" * 100_000: "d.jsonl:2: not JSON that can be read (nested too deeply): flatten it",
    json.dumps(SCENARIO | {"goal": "\ud800"}): "d.jsonl:2: goal: ",
    "9" * 5000: "d.jsonl:2: not JSON (Exceeds the limit",
}


@pytest.mark.parametrize("line", JSONL_FAULTS, ids=lambda line: JSONL_FAULTS[line][:60])
def test_a_fault_in_a_jsonl_names_file_line_and_field(line: str):
    with pytest.raises(BadInput) as refused:
        from_jsonl("\n" + line, name="d", where="d.jsonl")
    assert JSONL_FAULTS[line] in str(refused.value)


def test_all_faults_of_a_line_are_named_at_once():
    with pytest.raises(BadInput) as refused:
        from_jsonl(json.dumps(SCENARIO | {"goal": "", "expectations": []}), name="d", where="d.jsonl")
    assert [line.split(":")[2] for line in str(refused.value).split("\n")] == [" goal", " expectations is empty"]


def test_an_id_that_stands_twice_names_both_lines():
    with pytest.raises(BadInput, match=r"d\.jsonl:3: scenario_id: returns-1 stands in line 1 already: give each its"):
        from_jsonl(f"{json.dumps(SCENARIO)}\n\n{json.dumps(SCENARIO)}", name="d", where="d.jsonl")


def test_a_document_laid_out_over_lines_is_told_to_be_one_object_a_line():
    with pytest.raises(BadInput, match="one JSON document over several lines: write one object a line"):
        from_jsonl(json.dumps([SCENARIO], indent=2), name="d", where="d.jsonl")


CSV_FAULTS = {
    "": "d.csv: holds no header line: name the columns first",
    "topic,goal,must\n": "d.csv: holds no scenario: give at least one",
    "topic,goal,must,mood\na,b,c,d": "d.csv:2: mood: no such column: use scenario_id, topic,",
    "topic,goal,goal\na,b,c": "d.csv:1: goal: this column stands twice: keep one",
    "topic,goal,must\na,b,c,d": "d.csv:2: has more cells than there are columns: quote the cells",
    "topic,goal,must\n,b,c": "d.csv:2: topic: is missing: give it",
    "topic,goal,must\na,b,": "d.csv:2: expectations is empty: give at least one thing",
    "topic,goal,must\n??,b,c": "d.csv:2: topic: ",
    'topic,goal,must\na,"b\nb",c\na,b,': "d.csv:4: expectations is empty",
    'topic,goal,must\na,"b,c': "d.csv:2: not CSV (unexpected end of data): mend the quotes",
    "topic,goal,must,facts\na,b,c,J41": "d.csv:2: facts: 'J41' is no fact: write a line each, as in",
    "topic,goal,must,initial_state\na,b,c,{": "d.csv:2: initial_state: not JSON",
    "topic,goal,expectations\na,b,{}": "d.csv:2: expectations: a JSON list is needed",
    "topic,goal,must,difficulty\na,b,c,extreme": "d.csv:2: difficulty: ",
    "topic,goal,must,max_turns\na,b,c,many": "d.csv:2: max_turns: ",
    "topic,goal,must\na,b,c\na,b,c": "stands in line 2 already",
}


@pytest.mark.parametrize("sheet", CSV_FAULTS, ids=lambda sheet: CSV_FAULTS[sheet][:60])
def test_a_fault_in_a_csv_names_file_line_and_field(sheet: str):
    with pytest.raises(BadInput) as refused:
        from_csv(sheet, name="d", where="d.csv")
    assert CSV_FAULTS[sheet] in str(refused.value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.text('abc,"\n{}[]:=;\t\r ', max_size=80))
def test_no_text_ends_in_anything_but_a_dataset_or_a_named_error(anything: str):
    for read in (from_jsonl, from_csv):
        try:
            read(anything, name="d", where="d")
        except BadInput as error:
            assert str(error).startswith("d")


def test_feedback_comes_in_as_rows_and_as_lines_under_the_same_id():
    (row,) = feedback_from_csv("thumbs,comment,Topic\ndown,It never came,returns\n", where="f.csv")
    (line,) = feedback_from_jsonl('{"comment": "It never came", "thumbs": "down", "topic": "returns"}', where="f.jsonl")
    assert row == line
    assert row.feedback_id.startswith("fb-")


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ("thumbs\n", "f.csv: holds no feedback: give at least one item"),
        ("thumbs,mood\ndown,bad", "f.csv:2: mood: no such column: use at, comment,"),
        ("rating\n7", "f.csv:2: rating: "),
        ("user\nu1", "f.csv:2: the whole: feedback says nothing: give thumbs, rating or comment"),
    ],
)
def test_a_fault_in_feedback_names_file_line_and_field(sheet: str, message: str):
    with pytest.raises(BadInput) as refused:
        feedback_from_csv(sheet, where="f.csv")
    assert message in str(refused.value)
