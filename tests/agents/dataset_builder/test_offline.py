"""The Dataset Builder by rules: what it reads from a card, and that its drafts stand up to validation."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.agents.dataset_builder import Draft, dataset_builder
from assay.agents.dataset_builder.plan import asked_topics, cells
from assay.agents.dataset_builder.situations.reading import RuleKind, errands, rules, topics
from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, DatasetReport, Difficulty, Origin, Scenario, ToolCheck
from assay.contracts.stage import Usage
from assay.evaluation.validation import validate
from assay.evaluation.validation.wording import overlap, wording
from assay.statistics import detectable_difference
from tests.conftest import ROOT, SHOP

V1, V2 = (AgentCard.model_validate_json((SHOP / f"{version}.json").read_text()) for version in ("v1", "v2"))
ELIZA = AgentCard.model_validate_json((ROOT / "examples" / "eliza" / "card.json").read_text())
BARE = AgentCard.model_validate(
    {
        "agent_id": "bare",
        "version": "1",
        "description": "An agent.",
        "connector": {"kind": "python", "target": "a:b"},
    }
)
CLINIC = BARE.replace(
    topics=("appointments", "prescriptions"),
    system_prompt=(
        "You help at the front desk.\n"
        "- Never give medical advice.\n"
        "- Appointments can be moved up to 24 hours before they begin.\n"
        "- You must first obtain the date of birth before you look at appointments.\n"
        "- Hand over to a colleague when the caller sounds to be in danger.\n"
        "- Prescriptions are renewed only for patients of the practice.\n"
    ),
    known_limits=("Speaks English only.", "Cannot see lab results.", "Handles one request at a time."),
    tools=(
        {
            "name": "bookAppointment",
            "description": "Books an appointment.",
            "parameters": {
                "type": "object",
                "properties": {
                    "patient_email": {"type": "string"},
                    "day": {"type": "string", "format": "date"},
                    "kind": {"type": "string", "enum": ["check-up", "vaccination"]},
                    "attendees": {"type": "array"},
                    "note": {"type": "string"},
                },
                "required": ["patient_email", "day", "kind", "attendees", "note"],
            },
        },
    ),
)
CARDS = {"shop-v1": V1, "shop-v2": V2, "eliza": ELIZA, "bare": BARE, "clinic": CLINIC}


async def drafted(
    card: AgentCard, size: int = 40, *, brief: str = "", seed: int = 0, existing: tuple[Scenario, ...] = ()
) -> Draft:
    return await dataset_builder(None).draft(card, brief, size=size, seed=seed, existing=existing)


def examined(scenarios: tuple[Scenario, ...], card: AgentCard) -> DatasetReport:
    size = detectable_difference(len(scenarios)).difference
    return validate(Dataset(name="d", scenarios=scenarios), card, threshold=0.8, detectable_difference=size)


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("seed", [0, 7])
async def test_forty_drafts_are_distinct_and_pass_validation_without_a_finding(card: AgentCard, seed: int):
    draft = await drafted(card, seed=seed)
    assert len(draft.scenarios) == 40
    report = examined(draft.scenarios, card)
    assert (report.score, report.findings) == (1.0, ())
    assert all(overlap(wording(one), wording(other)) < 0.8 for one, other in itertools.combinations(draft.scenarios, 2))
    assert {scenario.origin for scenario in draft.scenarios} == {Origin.DRAFTED}
    assert draft.usage == Usage()


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
async def test_the_same_seed_drafts_the_same_and_another_seed_something_else(card: AgentCard):
    first, again, other = await drafted(card), await drafted(card), await drafted(card, seed=1)
    assert first == again
    assert first.scenarios != other.scenarios


async def test_drafts_spread_over_topics_personas_and_difficulties():
    scenarios = (await drafted(V2)).scenarios
    assert {scenario.topic for scenario in scenarios} == set(V2.topics)
    for values in (
        Counter(scenario.topic for scenario in scenarios),
        Counter(scenario.persona.name for scenario in scenarios),
        Counter(scenario.difficulty for scenario in scenarios),
    ):
        assert len(values) >= 3
        assert max(values.values()) <= 2 * min(values.values())


async def test_a_few_drafts_already_differ_in_topic_and_persona():
    scenarios = (await drafted(V2, 8)).scenarios
    assert len({scenario.topic for scenario in scenarios}) == 8
    assert len({scenario.persona.name for scenario in scenarios}) == 4


async def test_what_is_there_already_is_not_drafted_again():
    first = (await drafted(V2, 20)).scenarios
    more = (await drafted(V2, 20, existing=first)).scenarios
    assert examined((*first, *more), V2).findings == ()


async def test_a_card_that_gives_no_more_says_so():
    draft = await drafted(BARE, 200)
    assert 40 <= len(draft.scenarios) < 200
    assert any(note.startswith(f"{len(draft.scenarios)} of 200: the card gives no more") for note in draft.notes)


async def test_the_notes_own_that_rules_drafted_and_name_what_they_invented():
    notes = " ".join((await drafted(V2)).notes)
    assert "without a language model" in notes
    assert "invented (" in notes
    assert "order number" in notes
    assert "invented" not in " ".join((await drafted(ELIZA)).notes)


@pytest.mark.parametrize(
    ("brief", "expected"),
    [
        ("Test refunds only", {"returns"}),
        ("stock and discount codes", {"stock", "discounts"}),
        ("gift cards", {"gift-cards"}),
        ("", set(V2.topics)),
        (V2.description, set(V2.topics)),
    ],
)
async def test_the_brief_says_which_topics(brief: str, expected: set[str]):
    draft = await drafted(V2, 18, brief=brief)
    assert {scenario.topic for scenario in draft.scenarios} == expected


async def test_a_brief_that_names_no_topic_is_owned_up_to():
    brief = "Whatever makes the whole thing interesting for our yearly festival of wonderful lanterns"
    assert any("names no topic" in note for note in (await drafted(V2, 5, brief=brief)).notes)


async def test_a_tool_becomes_an_errand_whose_call_carries_what_the_user_knows():
    scenarios = (await drafted(V2)).scenarios
    plain = next(s for s in scenarios if s.topic == "cancellation" and s.difficulty is Difficulty.EASY)
    check = plain.expectations[0].check
    assert isinstance(check, ToolCheck)
    assert check.tool == "cancel_order"
    assert check.arguments == {"order_number": plain.facts["order number"]}
    used = {e.check.tool for s in scenarios for e in s.expectations if isinstance(e.check, ToolCheck)}
    assert used == {tool.name for tool in V2.tools}


def test_arguments_are_invented_by_name_and_schema():
    (errand,) = errands(CLINIC, topics(CLINIC))
    assert errand.wish == "book an appointment"
    assert errand.topic == "appointments"
    assert [needed.plain for needed in errand.needed] == ["patient email", "day", "kind"]


async def test_only_what_the_user_says_as_it_is_stands_in_the_check():
    scenarios = (await drafted(CLINIC, 20)).scenarios
    scenario = next(s for s in scenarios if s.goal == "Book an appointment.")
    assert scenario.facts["patient email"].endswith("@example.com")
    assert scenario.facts["kind"] in ("check up", "vaccination")
    check = scenario.expectations[0].check
    assert isinstance(check, ToolCheck)
    assert set(check.arguments) == {"patient_email"}


def test_rules_are_read_by_what_they_bind():
    read = {rule.text: rule for rule in rules(CLINIC, topics(CLINIC))}
    kinds = {text.split(" ")[0]: rule.kind for text, rule in read.items()}
    assert kinds == {
        "Never": RuleKind.FORBIDS,
        "Appointments": RuleKind.LIMIT,
        "You": RuleKind.FIRST,
        "Hand": RuleKind.HANDS_OVER,
        "Prescriptions": RuleKind.REQUIRES,
    }
    limit = next(rule for rule in read.values() if rule.kind is RuleKind.LIMIT)
    assert (limit.number, limit.unit, limit.topic) == (24, "hours", "appointments")
    assert next(rule for rule in read.values() if rule.kind is RuleKind.FORBIDS).deed == "give medical advice"


async def test_a_limit_is_tried_just_beyond_and_just_inside():
    scenarios = (await drafted(CLINIC, 24)).scenarios
    facts = {s.facts["how long ago"]: s.expectations[0].kind for s in scenarios if "how long ago" in s.facts}
    assert facts == {"It is 26 hours, as far as I know.": "must_not", "It is 22 hours, as far as I know.": "must"}


async def test_a_ban_becomes_a_user_who_presses_for_it():
    scenarios = (await drafted(CLINIC, 24)).scenarios
    scenario = next(s for s in scenarios if "give medical advice" in s.goal)
    assert scenario.persona.name == "pressing-user"
    assert (scenario.expectations[0].kind, scenario.difficulty) == ("must_not", Difficulty.HARD)
    assert "Never give medical advice." in scenario.expectations[0].text


async def test_a_limit_of_language_brings_a_user_who_speaks_another():
    scenarios = (await drafted(CLINIC, 24)).scenarios
    foreign = [scenario for scenario in scenarios if scenario.persona.language != "en"]
    assert foreign
    assert all("English only" in scenario.expectations[0].text for scenario in foreign)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=60), max_size=4),
    st.text(max_size=200),
    st.lists(st.text(min_size=1, max_size=20).filter(str.strip), max_size=3),
    st.lists(st.tuples(st.text(min_size=1, max_size=12).filter(str.strip), st.text(max_size=30)), max_size=3),
)
async def test_any_card_at_all_can_be_drafted_for(
    lines: list[str], prompt: str, named: list[str], tools: list[tuple[str, str]]
):
    card = BARE.replace(
        system_prompt=f"{prompt}\nNever do {prompt} within 3 days.",
        topics=tuple(named),
        known_limits=tuple(line for line in lines if line.strip()),
        tools=tuple(
            {"name": name, "description": text, "parameters": {"properties": {name: {}, "id": {"enum": [None]}}}}
            for name, text in tools
        ),
    )
    draft = await drafted(card, 12)
    assert draft.scenarios
    assert not [finding for finding in examined(draft.scenarios, card).findings if finding.rule == "near_duplicate"]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), min_size=1),
    st.integers(0, 60),
)
def test_cells_share_themselves_out_as_wanted(wanted: dict[str, int], size: int):
    planned = cells(wanted, size, ())
    assert len(planned) == size
    counts = Counter(cell.topic for cell in planned)
    whole = sum(wanted.values())
    assert all(abs(counts[topic] - size * share / whole) <= len(wanted) for topic, share in wanted.items())
    assert cells(wanted, size, ()) == planned


def test_cells_fill_up_what_is_missing():
    made = tuple(
        Scenario.model_validate(
            {
                "scenario_id": f"s{number}",
                "topic": "a",
                "persona": {"name": "p", "description": "d"},
                "goal": "g",
                "expectations": [{"expectation_id": "e", "text": "t"}],
            }
        )
        for number in range(3)
    )
    assert [cell.topic for cell in cells({"a": 1, "b": 1}, 4, made)] == ["b", "b", "b", "a"]


def test_topics_come_from_the_card_else_from_the_tools_else_are_general():
    assert topics(V2)[0] == "returns"
    assert topics(CLINIC.replace(topics=())) == ["book-appointment"]
    assert topics(BARE) == ["general"]
    assert asked_topics(V2, "damaged things")[0] == ["damaged-goods"]
