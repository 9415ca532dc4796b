"""Scenarios and feedback as JSONL and CSV: whole both ways, and every fault named by file, line and field."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.dataset import Dataset, Scenario
from assay.errors import BadInput
from assay.evaluation.exchange import Rows, scenarios_of, to_csv, to_jsonl
from tests.conftest import SHOP


def scenarios_from(text: str, where: str) -> Dataset:
    return scenarios_of(Rows(text, where), name="d")


SCENARIO = {
    "scenario_id": "returns-1",
    "topic": "returns",
    "persona": {"name": "polite-user", "description": "Friendly."},
    "goal": "Send the boots back.",
    "expectations": [{"expectation_id": "e1", "text": "The agent refunds the boots."}],
}

# Surrogates and NUL are no text: readers replace them.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
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
    assert scenarios_from(to_jsonl(dataset), "d.jsonl") == dataset
    assert scenarios_from(to_csv(dataset), "d.csv") == dataset


def test_the_example_dataset_keeps_its_version_through_csv_and_jsonl():
    dataset = scenarios_from((SHOP / "dataset.jsonl").read_text(), "dataset.jsonl")
    assert scenarios_from(to_csv(dataset), "d.csv").version == dataset.version
    assert scenarios_from(to_jsonl(dataset), "d.jsonl").version == dataset.version


def test_what_a_program_that_rewrites_line_ends_does_to_a_csv_loses_nothing():
    dataset = scenarios_from("topic,persona,goal,must\nreturns,u,g,a\n", "d.csv")
    odd = dataset.scenarios[0].replace(opening="one\r\ntwo", facts={"a": "x\ry"}, goal="g\rh")
    dataset = Dataset(name="d", scenarios=(odd,))
    assert scenarios_from(to_csv(dataset).replace("\n", "\r\n"), "d.csv") == dataset


def test_six_columns_from_a_spreadsheet_are_a_dataset():
    sheet = (
        "Topic,Persona,Goal,Opening,Must,Must not\n"
        'Order status,"Impatient customer",Know where the parcel is.,Where is it?,'
        '"- The agent asks for the order number.\n- The agent says when it comes.",'
        "The agent tells another customer's address.\n"
        ",,,,,\n"
        "Rücksendung,,Send it back.,,The agent says how.,\n"
    )
    dataset = scenarios_from(sheet, "support.csv")
    first, second = dataset.scenarios
    assert (first.topic, first.persona.name, second.topic, second.persona.name) == (
        "Order status",
        "impatient-customer",
        "Rücksendung",
        "user",
    )
    assert [(e.expectation_id, e.kind, e.text) for e in first.expectations] == [
        ("must-1", "must", "The agent asks for the order number."),
        ("must-2", "must", "The agent says when it comes."),
        ("must-not-1", "must_not", "The agent tells another customer's address."),
    ]
    assert first.opening == "Where is it?"
    assert second.opening is None
    again = scenarios_from(sheet.replace("Impatient", " Impatient"), "support.csv")
    assert again == dataset
    other = scenarios_from(sheet.replace("parcel", "letter"), "support.csv")
    assert other.scenarios[0].scenario_id != first.scenario_id


def test_expectations_written_as_lines_stay_lines_in_an_export():
    dataset = scenarios_from("topic,goal,must,must_not\nreturns,g,one\nreturns,h,two,three\n", "d.csv")
    rows = list(csv.DictReader(io.StringIO(to_csv(dataset))))
    assert [(row["must"], row["must_not"], row["expectations"]) for row in rows] == [
        ("one", "", ""),
        ("two", "three", ""),
    ]


def test_a_line_added_beside_exported_expectations_is_one_more():
    dataset = scenarios_from(json.dumps(SCENARIO), "d.jsonl")
    rows = list(csv.DictReader(io.StringIO(to_csv(dataset))))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerow({**rows[0], "must_not": "The agent asks for a card number."})
    scenario = scenarios_from(out.getvalue(), "d.csv").scenarios[0]
    assert [e.expectation_id for e in scenario.expectations] == ["e1", "must-not-1"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiter_is_the_one_of_the_header(delimiter: str):
    sheet = delimiter.join(["topic", "goal", "must"]) + "\n" + delimiter.join(["t", "one, two", "x"])
    assert scenarios_from(sheet, "d.csv").scenarios[0].goal == "one, two"


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
    json.dumps(SCENARIO | {"goal": " ", "colour": 1}): "d.jsonl:2: goal: ",
    json.dumps({k: v for k, v in SCENARIO.items() if k != "goal"}): "d.jsonl:2: goal: is required",
    json.dumps(SCENARIO)[:-1]: "d.jsonl:2: not JSON (Expecting ',' delimiter at column",
    "[1]": "d.jsonl:2: a JSON object is needed, not a number",
    json.dumps(SCENARIO | {"initial_state": {"a": float("nan")}}): "d.jsonl:2: initial_state.a: nan is no",
    json.dumps(SCENARIO | {"initial_state": {"a": 1}}).replace('"a": 1', '"a": 1e999'): "initial_state.a: inf is no",
    "[" * 100_000: "d.jsonl:2: not JSON that can be read (nested more than 100 levels deep): flatten it",
    "9" * 5000: "d.jsonl:2: not JSON (Exceeds the limit",
}


@pytest.mark.parametrize("line", JSONL_FAULTS, ids=lambda line: JSONL_FAULTS[line][:60])
def test_a_fault_in_a_jsonl_names_file_line_and_field(line: str):
    with pytest.raises(BadInput) as refused:
        scenarios_from("\n" + line, "d.jsonl")
    assert JSONL_FAULTS[line] in str(refused.value)


def test_all_faults_of_a_line_are_named_at_once():
    with pytest.raises(BadInput) as refused:
        scenarios_from(json.dumps(SCENARIO | {"goal": "", "expectations": []}), "d.jsonl")
    assert [line.split(":")[2] for line in str(refused.value).split("\n")] == [" goal", " expectations is empty"]


def test_an_id_that_stands_twice_names_both_lines():
    with pytest.raises(BadInput, match=r"d\.jsonl:3: scenario_id: returns-1 is used in line 1 already: give each its"):
        scenarios_from(f"{json.dumps(SCENARIO)}\n\n{json.dumps(SCENARIO)}", "d.jsonl")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", [lambda rows: rows, lambda rows: rows[0]])
def test_a_json_document_is_read_however_it_is_laid_out(indent, shape):
    rows = [SCENARIO, SCENARIO | {"scenario_id": "returns-2"}]
    dataset = scenarios_from(json.dumps(shape(rows), indent=indent), "d.json")
    assert dataset.scenarios[0] == Scenario.model_validate(SCENARIO)
    assert len(dataset.scenarios) == len(rows if isinstance(shape(rows), list) else [0])


def test_objects_over_several_lines_one_after_the_other_are_rows():
    text = "\n".join(json.dumps(SCENARIO | {"scenario_id": name}, indent=1) for name in ("a", "b"))
    assert [s.scenario_id for s in scenarios_from(text, "d.jsonl").scenarios] == ["a", "b"]


def test_an_error_in_a_json_list_names_the_line_its_object_begins_in():
    text = json.dumps([SCENARIO, SCENARIO | {"goal": ""}, SCENARIO | {"scenario_id": "c", "max_turns": 0}], indent=1)
    with pytest.raises(BadInput) as refused:
        scenarios_from(text, "d.json")
    lines = [line.split(":")[1] for line in str(refused.value).split("\n")]
    places = [n for n, line in enumerate(text.split("\n"), start=1) if line == " {"]
    assert lines == [str(places[1]), str(places[2])]


CSV_FAULTS = {
    "": "d.csv: holds no header line: name the columns first",
    "topic,goal,must\n": "d.csv: holds no scenario: give at least one",
    "topic,goal,goal\na,b,c": "d.csv:1: goal: two columns have this name: keep one",
    "topic,goal,must\na,b,c,d": "d.csv:2: has more cells than there are columns: quote the cells",
    "topic,goal,must\n,b,c": "d.csv:2: topic: is required",
    "topic,goal,must\na,b,": "d.csv:2: expectations is empty: give at least one thing",
    'topic,goal,must\na,"b\nb",c\na,b,': "d.csv:4: expectations is empty",
    'topic,goal,must\na,"b,c': "d.csv:2: not CSV (unexpected end of data): correct the quotes",
    "topic,goal,must,facts\na,b,c,J41": "d.csv:2: facts: 'J41' is no fact: write one a line, as in",
    "topic,goal,must,initial_state\na,b,c,{": "d.csv:2: initial_state: not JSON",
    "topic,goal,expectations\na,b,{}": "d.csv:2: expectations: a JSON list is needed",
    "topic,goal,must,difficulty\na,b,c,extreme": "d.csv:2: difficulty: ",
    "topic,goal,must,max_turns\na,b,c,many": "d.csv:2: max_turns: ",
    "topic,goal,must\na,b,c\na,b,c": "is used in line 2 already",
}


@pytest.mark.parametrize("sheet", CSV_FAULTS, ids=lambda sheet: CSV_FAULTS[sheet][:60])
def test_a_fault_in_a_csv_names_file_line_and_field(sheet: str):
    with pytest.raises(BadInput) as refused:
        scenarios_from(sheet, "d.csv")
    assert CSV_FAULTS[sheet] in str(refused.value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.text('abc,"\n{}[]:=;\t\r ', max_size=80))
def test_no_text_ends_in_anything_but_a_dataset_or_a_named_error(anything: str):
    for name in ("d", "d.jsonl", "d.json", "d.csv", "d.tsv", "d.xlsx"):
        try:
            scenarios_from(anything, name)
        except BadInput as error:
            assert str(error).startswith("d")
