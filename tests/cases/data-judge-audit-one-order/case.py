"""A judge that was asked in one order is held to that order, and a tie is an answer."""

import json


def check(bench):
    (judge,) = bench.json("judge", "audit", "items.jsonl", "judgments.jsonl")["judges"]
    assert round(judge["accuracy"]["value"], 3) == 0.917
    assert (judge["n"], judge["unread"], judge["ties"], judge["both_orders"]) == (12, 0, 0, 0)
    assert judge["order_consistency"] is judge["prefers_first_shown"] is judge["accuracy_both_orders"] is None
    shown = bench.assay("judge", "audit", "items.jsonl", "judgments.jsonl").stdout
    assert "91.7" in shown and "not measured" in shown

    def audit(answers):
        gold = ["1", "2", "1", "2"]
        files = {
            "gold.jsonl": [{"item_id": i, "gold": side} for i, side in enumerate(gold)],
            "said.jsonl": [{"item_id": i, "judge": "j", **answer} for i, answer in enumerate(answers)],
        }
        for name, rows in files.items():
            (bench.folder / name).write_text("\n".join(map(json.dumps, rows)))
        (judge,) = bench.json("judge", "audit", "gold.jsonl", "said.jsonl")["judges"]
        return judge

    judge = audit(
        [
            {"winner_ab": "1", "winner_ba": "1"},
            {"winner_ab": "tie", "winner_ba": "2"},
            {"winner_ab": "2", "winner_ba": None},
            {"winner_ab": 2},
        ]
    )
    # By item: 1, 1/2, 0, 1; with ties as right 1, 1, 0, 1.
    assert (judge["accuracy"]["value"], judge["accuracy_tie_right"]) == (0.625, 0.75)
    assert (judge["unread"], judge["ties"], judge["both_orders"]) == (1, 1, 3)
    assert judge["order_consistency"] == judge["accuracy_both_orders"] == 1 / 3
    # Of the answers to both orders that are no tie (1, 1; 2; 2, unread), the first shown wins in 1-ab and 2-ba.
    assert judge["prefers_first_shown"] == 0.4
