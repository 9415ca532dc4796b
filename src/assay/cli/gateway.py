"""assay gateway"""

from typing import Annotated

from cyclopts import App, Parameter
from pydantic import SecretStr, ValidationError

from assay.cli.console import Output, settings
from assay.contracts.stage import AgentRef
from assay.contracts.traffic import Traffic, Upstream
from assay.errors import BadInput

app = App(
    name="assay gateway", help="A proxy before the agent's versions that keeps each session on one arm (stage 7)."
)


@app.default
def gateway(
    *,
    champion_url: Annotated[
        str | None, Parameter(help="Serve these addresses instead of the project's rollout, as in http://host:8000.")
    ] = None,
    challenger_url: str | None = None,
    share: Annotated[float, Parameter(help="Of sessions that the challenger gets, from 0 to 1.")] = 0.0,
    shadow: Annotated[bool, Parameter(negative="", help="The challenger answers too, and nobody is told.")] = False,
    sample: Annotated[float, Parameter(help="Share of conversations that are recorded in MLflow.")] = 1.0,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: Annotated[int, Parameter(help="Processes; they agree on every session's arm.")] = 1,
    timeout_s: Annotated[float, Parameter(help="For one whole answer.")] = 120.0,
    most_in_flight: int = 2_000,
    tester_token: Annotated[
        str | None, Parameter(env_var="ASSAY_TESTER_TOKEN", help="Who sends it may force an arm by x-assay-arm.")
    ] = None,
    io: Output = Output(),
) -> None:
    """Serve chat completions, streams too, and plain HTTP. Weights change with the rollout, without a restart."""
    from assay.rollout.serve import GatewaySettings, run

    ours = settings()
    traffic = None
    try:
        if champion_url is not None:
            traffic = _fixed(io.name, champion_url, challenger_url, share, shadow, sample)
        chosen = GatewaySettings(
            project=io.name,
            store=ours.store,
            jobs_url=ours.jobs_store,
            home=ours.home.resolve(),
            traffic=traffic,
            tester_token=SecretStr(tester_token) if tester_token else None,
            timeout_s=timeout_s,
            most_in_flight=most_in_flight,
        )
    except ValidationError as error:
        raise BadInput.from_validation("gateway", error) from error
    run(chosen, host=host, port=port, workers=workers)


def _fixed(
    project: str, champion_url: str, challenger_url: str | None, share: float, shadow: bool, sample: float
) -> Traffic:
    def upstream(name: str, url: str) -> Upstream:
        return Upstream(agent=AgentRef(agent_id=project, version=name), url=url.rstrip("/"))

    return Traffic(
        project=project,
        rollout_id="by-hand",
        champion=upstream("champion", champion_url),
        challenger=upstream("challenger", challenger_url) if challenger_url else None,
        share=share,
        shadow=shadow,
        sample_share=sample,
    )
