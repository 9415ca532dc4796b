"""Every prompt of the platform's agents can be set in the registry, the smaller ones too."""

from assay.agents.analyst import PROMPTS as ANALYST
from assay.agents.comparator import PROMPTS as COMPARATOR
from assay.agents.dataset_builder import PROMPTS as BUILDER
from assay.agents.dataset_builder import dataset_builder
from assay.agents.feedback_analyst import PROMPTS as FEEDBACK
from assay.contracts.agent import AgentCard
from assay.models import open_model
from assay.settings import Settings
from assay.stages.context import open_context
from tests.conftest import SHOP
from tests.stub_llm import StubLLM

CARD = AgentCard.model_validate_json((SHOP / "v1.json").read_text(encoding="utf-8"))
OURS = "Write {{count}} scenarios as our handbook says: {{cells}} {{existing}} {{refused}}"


async def test_a_production_version_of_any_part_wins_over_the_packaged_text(store_uri, tmp_path):
    async with open_context(Settings(tracking_uri=store_uri, home=tmp_path)) as context:
        packaged = await context.prompts("dataset_builder", BUILDER, "openai:m")
        assert packaged == BUILDER
        client = context.tracking.client
        version = client.register_prompt("assay.dataset_builder.batch", OURS)
        client.set_prompt_alias("assay.dataset_builder.batch", "production", version.version)
        chosen = await context.prompts("dataset_builder", BUILDER, "openai:m")
        assert chosen == BUILDER | {"batch": OURS}
        assert await context.prompts("dataset_builder", BUILDER, "offline") == {"": BUILDER[""]}
    async with StubLLM() as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        await dataset_builder(model, chosen).draft(CARD, "", size=1, seed=0)
        await model.aclose()
        assert "as our handbook says" in stub.requests[0]["messages"][1]["content"]
    assert dataset_builder(model, chosen).prompt_hash != dataset_builder(model).prompt_hash


def test_every_agent_names_its_parts():
    parts = {"dataset_builder": BUILDER, "analyst": ANALYST, "comparator": COMPARATOR, "feedback_analyst": FEEDBACK}
    assert {name: sorted(prompts) for name, prompts in parts.items()} == {
        "dataset_builder": ["", "batch", "chat"],
        "analyst": ["", "chat"],
        "comparator": ["", "chat"],
        "feedback_analyst": ["", "chat", "scenarios"],
    }
