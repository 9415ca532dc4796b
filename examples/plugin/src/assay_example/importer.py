"""An importer of chat logs: a scenario after each `#`, a line a turn, and what is expected after `expect:`."""

from datetime import UTC, datetime

from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Dataset, Expectation, Origin, Persona, Scenario
from assay.errors import BadInput
from assay.integrations.importers import Imported, ImportRequest

UNKNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)
USER = Persona(name="user", description="Whoever wrote to the agent.")


def read(request: ImportRequest) -> Imported:
    """Raises BadInput with the line that does not fit."""
    parts: dict[str, list[tuple[str, str]]] = {}
    lines: list[tuple[str, str]] | None = None
    for number, line in enumerate(request.file.read_text(encoding="utf-8").splitlines(), start=1):
        head, _, rest = (word.strip() for word in line.partition("# " if line.startswith("# ") else ": "))
        if line.startswith("# "):
            lines = parts.setdefault(rest, [])
        elif line.strip():
            if lines is None or head not in ("user", "agent", "expect") or not rest:
                raise BadInput(f"{request.file.name}:{number}: is no `# scenario`, `user: `, `agent: ` or `expect: `")
            lines.append((head, rest))
    dataset = Dataset(
        name=str(request.options.get("dataset", "chatlog")),
        description="Scenarios of a chat log.",
        scenarios=tuple(_scenario(name, rows) for name, rows in parts.items()),
    )
    return Imported(
        agent=request.agent,
        description="known by a chat log",
        system_prompt=None,
        dataset=dataset,
        conversations=tuple(_conversation(request, name, rows) for name, rows in parts.items()),
    )


def _scenario(name: str, rows: list[tuple[str, str]]) -> Scenario:
    expected = [rest for head, rest in rows if head == "expect"]
    return Scenario(
        scenario_id=name,
        topic="chat log",
        persona=USER,
        goal=next((rest for head, rest in rows if head == "user"), name),
        expectations=tuple(
            Expectation(expectation_id=f"expect-{place}", text=text) for place, text in enumerate(expected, start=1)
        ),
        origin=Origin.IMPORTED,
        origin_ref="chatlog",
    )


def _conversation(request: ImportRequest, name: str, rows: list[tuple[str, str]]) -> Conversation:
    turns = tuple(
        Turn(role="user" if head == "user" else "agent", text=rest) for head, rest in rows if head != "expect"
    )
    return Conversation(
        conversation_id=content_hash(["chatlog", str(request.agent), name, [turn.text for turn in turns]])[:32],
        scenario_id=name,
        trial=0,
        seed=0,
        agent=request.agent,
        turns=turns,
        stop_reason=StopReason.IMPORTED,
        started_at=UNKNOWN_TIME,
    )
