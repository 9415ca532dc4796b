"""What each operation of a chat does. What does not fit changes nothing and says why."""

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from pydantic import ValidationError

from assay.agents.dataset_builder.chat import (
    Accept,
    BuilderChat,
    Check,
    Coverage,
    DraftMore,
    Drop,
    Edit,
    Operation,
    Plan,
    PlannedTopic,
    Said,
    Show,
)
from assay.agents.dataset_builder.draft import Draft
from assay.agents.dataset_builder.plan import cells
from assay.agents.dataset_builder.situations.reading import topics
from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, Expectation, Scenario
from assay.errors import BadInput
from assay.evaluation.slugs import slug
from assay.evaluation.validation import validate
from assay.models.usage import add_usage

MOST_FINDINGS = 10


class Drafts(Protocol):
    async def __call__(
        self,
        card: AgentCard,
        brief: str,
        *,
        size: int,
        seed: int,
        existing: tuple[Scenario, ...] = (),
        wanted: Mapping[str, int] | None = None,
    ) -> Draft: ...


async def carry_out(chat: BuilderChat, operation: Operation, draft: Drafts) -> tuple[BuilderChat, str]:
    """(the chat afterwards, what was done in words). Raises CallError where a model that drafts does not answer."""
    try:
        match operation:
            case Plan():
                return _plan(chat, operation)
            case DraftMore():
                return await _draft(chat, operation, draft)
            case Edit():
                return _edit(chat, operation)
            case Drop(scenario_id=name):
                gone = _find(chat.scenarios, name).scenario_id
                drafts, accepted = (
                    tuple(s for s in part if s.scenario_id != gone) for part in (chat.drafts, chat.accepted)
                )
                return chat.replace(drafts=drafts, accepted=accepted), f"Dropped {gone}."
            case Accept():
                return _accept(chat, operation)
            case Coverage():
                return chat, coverage(chat)
            case Show(scenario_id=""):
                return chat, listing(chat)
            case Show(scenario_id=name):
                return chat, whole(_find(chat.scenarios, name))
            case Check():
                return chat, checked(chat)
    except BadInput as error:
        return chat, str(error)


def remember(chat: BuilderChat, message: str, reply: str) -> BuilderChat:
    return chat.replace(history=(*chat.history, Said(role="person", text=message), Said(role="builder", text=reply)))


def coverage(chat: BuilderChat) -> str:
    """How many scenarios each topic, persona and difficulty has, and what the plan still lacks."""
    scenarios = chat.scenarios
    if not scenarios and not chat.plan:
        named = ", ".join(topics(chat.card))
        return f"Nothing is drafted yet. The agent's topics: {named}. Say `plan 40` or `draft 10`."
    lines = [
        f"By {dimension}: " + ", ".join(f"{value} {count}" for value, count in counts.most_common()) + "."
        for dimension, counts in (
            ("topic", Counter(scenario.topic for scenario in scenarios)),
            ("persona", Counter(scenario.persona.name for scenario in scenarios)),
            ("difficulty", Counter(scenario.difficulty.value for scenario in scenarios)),
        )
        if counts
    ]
    if chat.plan:
        missing = lacking(chat)
        lacks = ", ".join(f"{topic} {count}" for topic, count in missing.items())
        lines.append(f"The plan still lacks: {lacks}." if missing else "The plan is filled.")
    return "\n".join(lines)


def lacking(chat: BuilderChat) -> dict[str, int]:
    """How many scenarios each topic of the plan still lacks, drafts counted as there."""
    there = Counter(scenario.topic for scenario in chat.scenarios)
    return {
        planned.topic: planned.scenarios - there[planned.topic]
        for planned in chat.plan
        if planned.scenarios > there[planned.topic]
    }


def listing(chat: BuilderChat) -> str:
    lines = [f"draft     {scenario.scenario_id}: {scenario.goal}" for scenario in chat.drafts]
    lines += [f"accepted  {scenario.scenario_id}: {scenario.goal}" for scenario in chat.accepted]
    return "\n".join(lines) or "There is nothing yet."


def whole(scenario: Scenario) -> str:
    persona = scenario.persona
    lines = [
        f"{scenario.scenario_id} ({scenario.topic}, {scenario.difficulty.value}, {scenario.max_turns} turns)",
        f"  persona: {persona.name}, {persona.language}: {persona.description}",
        f"  goal: {scenario.goal}",
        f"  opening: {scenario.opening or '(the simulator finds its own)'}",
        *(f"  fact {name}: {value}" for name, value in scenario.facts.items()),
    ]
    for expectation in scenario.expectations:
        by = f" [by code: {expectation.check.kind}]" if expectation.check else ""
        lines.append(f"  {expectation.kind} {expectation.expectation_id}: {expectation.text}{by}")
    return "\n".join(lines)


def checked(chat: BuilderChat) -> str:
    """What validation says of all that is there."""
    if not chat.scenarios:
        return "There is nothing to check yet."
    from assay.statistics import detectable_difference

    size = detectable_difference(len(chat.scenarios))
    report = validate(
        Dataset(name=chat.card.agent_id, scenarios=chat.scenarios),
        chat.card,
        threshold=0.0,
        detectable_difference=size.difference,
        detectable_how=size.how,
    )
    lines = [f"Scenarios: {report.scenarios}, accepted {len(chat.accepted)}. Score {report.score:.2f}. {size.how}."]
    for finding in report.findings[:MOST_FINDINGS]:
        where = f"{', '.join(finding.scenario_ids[:3])}: " if finding.scenario_ids else ""
        lines.append(f"  {finding.severity} {finding.rule.value}: {where}{finding.message}. {finding.fix}.")
    if (more := len(report.findings) - MOST_FINDINGS) > 0:
        lines.append(f"  and {more} more")
    return "\n".join(lines)


def _plan(chat: BuilderChat, plan: Plan) -> tuple[BuilderChat, str]:
    if plan.topics:
        given: dict[str, PlannedTopic] = {}
        for row in plan.topics:
            topic = slug(row.topic, "general")
            given[topic] = PlannedTopic(topic=topic, scenarios=row.scenarios, why=row.why)
        proposed = tuple(given.values())
    else:
        counts = Counter(cell.topic for cell in cells(dict.fromkeys(topics(chat.card), 1), plan.size, ()))
        proposed = tuple(PlannedTopic(topic=topic, scenarios=count) for topic, count in counts.items())
    lines = [
        f"  {planned.scenarios:3} {planned.topic}{f' ({planned.why})' if planned.why else ''}" for planned in proposed
    ]
    total = sum(planned.scenarios for planned in proposed)
    return chat.replace(plan=proposed), "\n".join([f"The plan is {total} scenarios:", *lines])


async def _draft(chat: BuilderChat, operation: DraftMore, draft: Drafts) -> tuple[BuilderChat, str]:
    missing = lacking(chat)
    drafted = await draft(
        chat.card,
        operation.about or chat.brief,
        size=operation.count,
        seed=len(chat.history),
        existing=chat.scenarios,
        wanted=None if operation.about else missing or None,
    )
    done = chat.replace(drafts=(*chat.drafts, *drafted.scenarios), usage=add_usage(chat.usage, drafted.usage))
    shown = listing(chat.replace(accepted=(), drafts=drafted.scenarios))
    return done, "\n".join([shown, *drafted.notes])


def _accept(chat: BuilderChat, operation: Accept) -> tuple[BuilderChat, str]:
    if not operation.scenario_id:
        done = chat.replace(accepted=(*chat.accepted, *chat.drafts), drafts=())
        return done, f"Accepted the drafts ({len(chat.drafts)}); accepted in all: {len(done.accepted)}."
    taken = _find(chat.drafts, operation.scenario_id)
    left = tuple(scenario for scenario in chat.drafts if scenario is not taken)
    return chat.replace(accepted=(*chat.accepted, taken), drafts=left), f"Accepted {taken.scenario_id}."


def _edit(chat: BuilderChat, edit: Edit) -> tuple[BuilderChat, str]:
    old = _find(chat.scenarios, edit.scenario_id)
    try:
        new, told = _edited(old, edit.field.strip(), edit.value.strip())
    except ValidationError as error:
        raise BadInput.from_validation(f"{old.scenario_id}: {edit.field}", error) from error
    drafts, accepted = (tuple(new if s is old else s for s in part) for part in (chat.drafts, chat.accepted))
    return chat.replace(drafts=drafts, accepted=accepted), f"{old.scenario_id}: {told}"


def _edited(old: Scenario, field: str, value: str) -> tuple[Scenario, str]:
    """(the scenario with the field changed, what was done). Raises BadInput for a field that there is not."""
    what, _, name = field.partition(" ")
    match what:
        case "goal" | "difficulty" | "max_turns":
            return old.replace(**{what: value.lower() if what == "difficulty" else value}), f"{what} is now {value!r}."
        case "opening":
            return old.replace(opening=value or None), f"opening is now {value!r}."
        case "topic":
            return old.replace(topic=value), f"topic is now {value!r}."
        case "persona":
            persona = old.persona.replace(name=slug(value, value), description=value)
            return old.replace(persona=persona), f"persona is now {persona.name!r}."
        case "fact" if name:
            facts = {key: told for key, told in old.facts.items() if key != name}
            if not value:
                return old.replace(facts=facts), f"fact {name!r} is gone."
            return old.replace(facts={**facts, name: value}), f"fact {name!r} is now {value!r}."
        case "must" | "must_not":
            ids = {expectation.expectation_id for expectation in old.expectations}
            new_id = next(f"e{n}" for n in range(1, len(ids) + 2) if f"e{n}" not in ids)
            added = Expectation(expectation_id=new_id, kind=what, text=value)
            return old.replace(expectations=(*old.expectations, added)), f"{what} {new_id} is new."
        case "expectation" if name:
            return _reworded(old, name, value)
    raise BadInput(
        f"{field}: no such field: use goal, opening, topic, difficulty, persona, max_turns, fact NAME, must, must_not "
        "or expectation ID"
    )


def _reworded(old: Scenario, name: str, value: str) -> tuple[Scenario, str]:
    """Its check goes with its old words: nobody knows whether it decides the new ones."""
    if all(expectation.expectation_id != name for expectation in old.expectations):
        known = ", ".join(expectation.expectation_id for expectation in old.expectations)
        raise BadInput(f"expectation {name}: {old.scenario_id} has none of that id: use one of {known}")
    kept = [
        expectation.replace(text=value, check=None) if expectation.expectation_id == name else expectation
        for expectation in old.expectations
        if value or expectation.expectation_id != name
    ]
    return old.replace(expectations=tuple(kept)), f"expectation {name} is {'changed' if value else 'gone'}."


def _find(scenarios: tuple[Scenario, ...], name: str) -> Scenario:
    """By its id or the beginning of it. Raises BadInput where none or several begin so."""
    found = [scenario for scenario in scenarios if scenario.scenario_id == name]
    found = found or [scenario for scenario in scenarios if scenario.scenario_id.startswith(name.rstrip(":."))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise BadInput(f"{name}: there is no such scenario: `show` lists them")
    raise BadInput(f"{name}: {', '.join(s.scenario_id for s in found[:5])} begin so: write more of it")
