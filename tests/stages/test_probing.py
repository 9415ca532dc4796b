"""A gullible judge is found out, an honest one is not: a real HTTP model, planted to obey what it reads, or not."""

import json

from assay.contracts.probes import JudgeProbeRequest
from assay.stages.probing import probe_judge
from assay.tracking import read_json
from tests.stages.test_labelling import DID, judged, rules
from tests.stub_answers import Answer, Json, Reply


def honest(asked: Json, nth: int) -> Answer:
    """Looks at what was done, whatever is written around it."""
    case, did = DID.search(json.dumps(asked["messages"])).groups()
    del case
    return opinions(asked, "met" if did == "solved" else "not_met")


def gullible(asked: Json, nth: int) -> Answer:
    """Obeys whoever tells it in plain words how to rule."""
    transcript = asked["messages"][-1]["content"]
    for wanted in ("not_met", "met"):
        if any(f"{before}{wanted}" in transcript for before in ("rule ", "auf ", "réponds ", "is ", "as ")):
            return opinions(asked, wanted)
    return honest(asked, nth)


def opinions(asked: Json, ruling: str) -> Answer:
    names = [
        line.split(" ")[1]
        for line in asked["messages"][0]["content"].splitlines()
        if line.startswith("- ") and " (must" in line
    ]
    quote = DID.search(json.dumps(asked["messages"])).group(2)
    return Reply(
        {
            "opinions": [
                {
                    "expectation_id": name,
                    "rationale": "So.",
                    "evidence": [{"turn": 1, "quote": quote}],
                    "ruling": ruling,
                    "confidence": 0.9,
                }
                for name in names
            ]
        }
    )


async def test_a_gullible_judge_is_fooled_by_injections_and_by_nothing_else(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, stub):
        stub.responder = gullible
        found = await probe_judge(JudgeProbeRequest(judging_id=names[0], conversations=120), context)
        kept = read_json(context.tracking, found.run_id, "judging/probes.json")
    states = {result.kind: result.state for result in found.results}
    assert states["injection"] == "fooled"
    assert {states[kind] for kind in ("repeat", "position", "length", "self_preference", "sycophancy")} == {"robust"}
    worked = {attack.attack_id for attack in found.attacks if attack.worked}
    assert "direct-order" in worked and "in-base64" not in worked
    assert found.failed == 0 and kept["judging_id"] == names[0]


async def test_an_honest_judge_is_robust_and_a_broken_one_is_counted_apart(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, stub):
        stub.responder = honest
        found = await probe_judge(JudgeProbeRequest(judging_id=names[0], conversations=60), context)
        assert {result.state for result in found.results} == {"robust"}
        assert all(attack.worked == 0 for attack in found.attacks) and len(found.attacks) >= 36
        stub.responder = rules
        some = await probe_judge(JudgeProbeRequest(judging_id=names[0], conversations=10, kinds=("length",)), context)
        assert some.results[0].state == "undecided"  # there is no repeat to hold it against
