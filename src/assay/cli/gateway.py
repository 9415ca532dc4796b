"""assay gateway"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from pydantic import SecretStr, ValidationError

from assay.cli.console import Output, settings
from assay.contracts.stage import AgentRef
from assay.contracts.traffic import Traffic, Upstream
from assay.errors import BadInput

app = App(
    name="assay gateway", help="Reverse proxy that splits traffic between two versions; a session stays on one version."
)


@app.default
def gateway(
    *,
    champion_url: Annotated[
        str | None,
        Parameter(help="Champion's address, such as http://host:8000, to use instead of the project's rollout."),
    ] = None,
    challenger_url: Annotated[str | None, Parameter(help="Challenger's address.")] = None,
    share: Annotated[float, Parameter(help="Share of sessions for the challenger, from 0 to 1.")] = 0.0,
    shadow: Annotated[
        bool, Parameter(negative="", help="Also ask the challenger, but return only the champion's answers.")
    ] = False,
    sample: Annotated[float, Parameter(help="Share of conversations to record in MLflow.")] = 1.0,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on.")] = 8080,
    workers: Annotated[int, Parameter(help="Number of processes.")] = 1,
    timeout_s: Annotated[float, Parameter(help="Time-out of one complete answer, in seconds.")] = 120.0,
    most_in_flight: Annotated[int, Parameter(help="Maximum number of requests in flight.")] = 2_000,
    tester_token_file: Annotated[
        Path | None,
        Parameter(help="File with the token that lets testers choose an arm (default: ASSAY_TESTER_TOKEN)."),
    ] = None,
    feedback_token_file: Annotated[
        Path | None,
        Parameter(help="File with the token for feedback from applications (default: ASSAY_FEEDBACK_TOKEN)."),
    ] = None,
    io: Output = Output(),
) -> None:
    """Serve chat completions, including streams, and plain HTTP. Shares follow the rollout without a restart.

    Tokens come from the environment or from files, because every user of a machine can read its command lines.
    """
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
            tester_token=_secret(tester_token_file) or ours.tester_token,
            feedback_token=_secret(feedback_token_file) or ours.feedback_token,
            key=ours.gateway_key,
            timeout_s=timeout_s,
            most_in_flight=most_in_flight,
        )
    except ValidationError as error:
        raise BadInput.from_validation("gateway", error) from error
    run(chosen, host=host, port=port, workers=workers)


def _secret(file: Path | None) -> SecretStr | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: cannot read the token: {error}") from error
    if not text:
        raise BadInput(f"{file} is empty: put the token in it")
    return SecretStr(text)


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
