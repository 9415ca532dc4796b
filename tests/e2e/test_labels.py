"""A person labels what a judge ruled on, by the commands that they would type: from a drawing to a certificate."""

import csv
import json

import pytest

SCENARIOS = 40


@pytest.fixture
def judged(assay, tmp_path):
    """120 conversations whose one expectation only a judge can rule on; every third time the agent says nothing."""
    scenarios, talks = [], []
    for number in range(SCENARIOS):
        scenarios.append(
            {
                "scenario_id": f"s-{number}",
                "topic": "cases",
                "persona": {"name": "user", "description": "A user."},
                "goal": "Have it solved.",
                "expectations": [{"expectation_id": "sorry", "text": "The agent apologises for the delay."}],
            }
        )
        for trial in range(3):
            said = "" if (number + trial) % 3 == 0 else "I am sorry for the delay."
            messages = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": said}]
            talks.append({"scenario_id": f"s-{number}", "trial": trial, "messages": messages})
    (tmp_path / "scenarios.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in scenarios))
    (tmp_path / "talks.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in talks))
    files = [str(tmp_path / "talks.jsonl"), "--dataset", str(tmp_path / "scenarios.jsonl")]
    done = json.loads(assay("simulate", "import", *files, "--agent", "bot@1", "--json").stdout)
    assert (done["passed"], done["failed"]) == (80, 40)
    return done["subject_id"]


def fill(file, by: str, *, contrary: int = 0) -> None:
    """As a spreadsheet would: y or n by what was said, the first `contrary` the other way round."""
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    for place, row in enumerate(rows):
        met = "sorry" in row["conversation"]
        row |= {"ruling": "yes" if met != (place < contrary) else "no", "by": by}
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_from_a_drawing_to_a_certificate(assay, judged, tmp_path):
    file = tmp_path / "labels.csv"
    told = assay("label", "draw", "--count", "60", "--to", str(file)).stdout
    assert "60 conversations of" in told and "assay label take" in told
    assert "offline" not in file.read_text()  # blind to the judge
    fill(file, "ada")
    assert "60 rulings on 60 conversations by ada" in assay("label", "take", str(file)).stdout
    fill(file, "bob", contrary=2)
    assay("label", "take", str(file))
    agreed = assay("label", "agreement").stdout
    assert "120 rulings by ada, bob; 60 by two or more raters" in agreed and "agree with alpha 0.9" in agreed

    made = json.loads(assay("judge", "certify", "--json").stdout)
    assert made["judging_ids"] == [judged] and made["admitted"], made["reason"]
    assert made["split"] == 2 and made["confusion"]["judge_met_human_not_met"] == 0
    told = assay("judge", "certify", "--level", "0.97").stdout
    assert "may not gate yet" in told and "more labels" in told and "report: " in told
    listed = assay("judge", "certificates").stdout
    assert listed.count("offline") >= 2 and "yes" in listed and "no" in listed

    report = json.loads(assay("analytics", "report", "--json").stdout)
    assert report["judge"]["state"] == "not_admitted"
    assert report["corrected_pass_rate"]["value"] == pytest.approx(2 / 3, abs=0.05)


def test_judges_are_probed_and_held_against_each_other(assay, judged):
    told = assay("judge", "probe", "--conversations", "120").stdout
    assert "repeat: robust" in told  # rules say the same each time
    assert "sycophancy: robust" in told and "attacks that worked: " in told
    other = json.loads(assay("judge", "run", "--rubric", "Be strict.", "--json").stdout)["subject_id"]
    told = assay("judge", "agreement", "--judging", judged, "--judging", other).stdout
    assert "120 rulings" in told and "100%" in told
    assert "two judgings or more" in assay("judge", "agreement", "--judging", judged, code=2).stderr


def test_bad_labels_are_named_with_the_line_and_the_fix(assay, judged, tmp_path):
    file = tmp_path / "labels.csv"
    assay("label", "draw", "--count", "5", "--to", str(file))
    assert "rulings on 0 conversations" in assay("label", "take", str(file), "--by", "ada").stdout
    fill(file, "")
    assert "by: who labelled" in assay("label", "take", str(file), code=2).stderr
    file.write_text(file.read_text().replace(",yes,", ",maybe,"))
    assert "ruling: 'maybe' is none of met" in " ".join(assay("label", "take", str(file), code=2).stderr.split())
    assert "nobody has labelled" in " ".join(assay("judge", "certify", code=2).stderr.split())
    assert "draw one or more" in assay("label", "draw", "--count", "0", code=2).stderr
