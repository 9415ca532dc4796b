"""The plain words that the rule-based chat understands."""

import re
from collections.abc import Callable

from assay.agents.dataset_builder.chat import Accept, Check, Coverage, DraftMore, Drop, Edit, Operation, Plan, Show

HELP = """I work by rules, without a language model, so I understand these words only:
  plan 40               propose how many scenarios each topic should have
  coverage              what is covered, and what the plan still lacks
  draft 10              draft what the plan lacks; or: draft 5 about refunds
  show [ID]             all, a line each; or one of them whole
  edit ID goal: ...     or opening, topic, difficulty, persona, max_turns, fact NAME, must, must_not, expectation ID;
                        nothing after the colon takes an opening, a fact or an expectation away
  drop ID               take one out
  accept [ID]           accept all drafts, or one
  check                 validate what is there
  done                  save what is accepted
The beginning of an ID will do."""

FIELDS = r"goal|opening|topic|difficulty|persona|max[_ ]turns|must[_ ]not|must|fact\s+[^:]+|expectation\s+[^:\s]+"


def understood(message: str) -> Operation | None:
    """The operation that the words ask for; None: not understood."""
    said = message.strip()
    if match := EDIT.fullmatch(said):
        return _edit(match)
    for pattern, operation in COMMANDS:
        if match := pattern.fullmatch(said.rstrip(".!? ")):
            return operation(match)
    return None


def _number(text: str | None, otherwise: int, most: int) -> int:
    return min(most, max(1, int(text or otherwise)))


def _edit(match: re.Match[str]) -> Edit:
    field = re.sub(r"\s+", " ", match["field"].strip())
    for written in ("max turns", "must not"):
        if field.lower() == written:
            field = written.replace(" ", "_")
    word, blank, name = field.partition(" ")
    return Edit(scenario_id=match["id"], field=f"{word.lower()}{blank}{name}", value=match["value"].strip())


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


EDIT = _compiled(rf"edit\s+(?P<id>\S+)\s+(?P<field>{FIELDS})\s*:(?P<value>.*)")
COMMANDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Operation]], ...] = (
    (
        _compiled(
            r"(?:please )?draft(?: me)?(?:\s+(?P<count>\d{1,6}))?(?: more)?(?: scenarios?)?"
            r"(?:\s+(?:about|on|for)\s+(?P<about>.+))?"
        ),
        lambda m: DraftMore(count=_number(m["count"], 5, 50), about=(m["about"] or "").strip()),
    ),
    (_compiled(r"(?:drop|remove|delete)\s+(?P<id>\S+)"), lambda m: Drop(scenario_id=m["id"])),
    (_compiled(r"accept(?:\s+(?:all|(?P<id>\S+)))?"), lambda m: Accept(scenario_id=m["id"] or "")),
    (_compiled(r"(?:show|list)(?:\s+(?:all|(?P<id>\S+)))?"), lambda m: Show(scenario_id=m["id"] or "")),
    (
        _compiled(r"(?:plan|propose)(?:\s+(?:coverage|a plan))?(?:\s+(?P<size>\d{1,6}))?(?: scenarios?)?"),
        lambda m: Plan(size=_number(m["size"], 40, 500)),
    ),
    (_compiled(r"(?:what(?:'s| is) (?:the |my )?)?(?:coverage|covered|topics)"), lambda m: Coverage()),
    (_compiled(r"check|validate|done"), lambda m: Check()),
)
