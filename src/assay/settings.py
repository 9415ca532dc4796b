"""One typed settings object, from the environment and `.env`. Read at the edge, handed down as an argument."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from assay.contracts.api import Grants

SENT_TO = {
    "OPENAI_BASE_URL": ("OPENAI_API_KEY",),
    "ASSAY_SERVER": ("ASSAY_TOKEN",),
    "ASSAY_OIDC_ISSUER": ("ASSAY_OIDC_CLIENT_SECRET",),
    "ASSAY_TRACKING_URI": ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"),
    "MLFLOW_TRACKING_URI": ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"),
}
"""Variable of an address to those of the secrets that are sent there."""


def _refuse_foreign_addresses(dotenv: Mapping[str, str | None]) -> None:
    """Raises ValidationError where `.env` of the working folder says where a secret of the environment is sent.

    Whoever clones a repository has its `.env`: the address counts only where the secret stands in the same file, or
    where no such secret is set. dotenv: names in lower case, as pydantic-settings reads them.
    """
    for address, secrets in SENT_TO.items():
        where = dotenv.get(address.lower())
        if not where or address in os.environ or not where.startswith(("http://", "https://")):
            continue
        for secret in secrets:
            if os.environ.get(secret) and not dotenv.get(secret.lower()):
                why = (
                    f"stands in the .env of this folder, and {secret}, which is sent there, does not: set both in the "
                    "environment, or both in .env"
                )
                problem = PydanticCustomError("foreign_address", "{why}", {"why": why})
                raise ValidationError.from_exception_data(
                    "Settings", [{"type": problem, "loc": (address,), "input": None}]
                )


FOLDER = Path(".assay")


def find_home(start: Path | None = None) -> Path:
    """The nearest `.assay` that holds a store, from the folder upwards, as git and uv look; else `.assay` right here.

    A folder that belongs to somebody else is passed over, so that nobody's store in /tmp takes in what others do.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        home = folder / FOLDER
        try:
            if (home / "mlflow.db").is_file() and _is_ours(home):
                return FOLDER if folder == here else home
        except OSError:
            continue
    return FOLDER


def _is_ours(path: Path) -> bool:
    return not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()


class Settings(BaseSettings):
    """Each field is the variable `ASSAY_<FIELD>`; the MLflow and OpenAI ones also listen to their own names."""

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    home: Path = Field(default_factory=find_home)
    """Where the default store, reports and recordings are. Default: `.assay` of this folder or the nearest parent that
    has a store, else `.assay` of this folder."""
    tracking_uri: str | None = Field(default=None, validation_alias="ASSAY_TRACKING_URI")
    """MLflow's address. None: MLFLOW_TRACKING_URI, else SQLite under `home`."""
    mlflow_tracking_uri: str | None = Field(default=None, validation_alias="MLFLOW_TRACKING_URI")
    model: str | None = None
    """Of the platform's agents, `provider:model` or `offline`. None: OpenAI where a key or base URL is set, else
    offline."""
    openai_base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_model: str = Field(default="gpt-5-mini", validation_alias="OPENAI_MODEL")
    user: str | None = None
    """Who decides at gates, where the command does not say. None: the name of the account."""
    log_level: str = "warning"
    record: Path | None = None
    """A file that every answer of a model or an agent is kept in. None: nothing is recorded."""
    replay: Path | None = None
    """A recording that all answers come from: no call is made, no key is needed. None: models and agents are asked."""
    model_timeout_s: float = Field(default=300.0, gt=0)
    """How long a model may take for one answer, the time in its server's queue included. A call that takes longer is
    tried again, with fewer at once."""
    model_long_timeout_s: float = Field(default=900.0, gt=0)
    """The same for long answers: drafted scenarios and narratives."""
    model_wait_s: float = Field(default=300.0, ge=0)
    """How long a model's server that is loading, restarting or not reachable is waited for before calls fail. 0: they
    fail after a few tries."""
    simulator_fault_limit: float = Field(default=0.2, ge=0, le=1)
    """Share of conversations whose first attempt the user simulator spoilt, above which a simulation's gate says no."""
    hedge_after_s: float | None = Field(default=None, gt=0)
    """An OpenAI-compatible server that did not answer for so long is asked a second time, and the first answer counts.
    None: never."""
    stop_after_failures: int = Field(default=10, ge=0)
    """A run stops after so many conversations in a row that failed for the same reason. 0: never."""
    least_measured: float = Field(default=0.9, ge=0, le=1)
    """Share of conversations that must be free of failed calls; with fewer, commands end with exit code 4."""
    jobs_url: str | None = None
    """The database of jobs. None: MLflow's, where that is Postgres, else SQLite under `home`."""
    notify: SecretStr | None = None
    """Who is told what outside of Assay: a JSON list of routes, or the name of a file that holds one. None: nobody."""
    report_blocks: str = ""
    """Sections that installed packages add to every report, besides those of the project's policy: names of report
    blocks, separated by commas."""
    ledger_key: Path | None = None
    """An Ed25519 private key (PEM) that signs each line of the ledger. None: lines are not signed."""
    ledger_public_keys: Path | None = None
    """Ed25519 public keys (PEM, one or several) that signatures in the ledger are checked with. None: the public half
    of `ledger_key`."""
    heartbeat_limit_s: float = Field(default=15.0, gt=0.5)
    """A worker that was not heard of for so long counts as dead, and others take over."""

    tester_token: SecretStr | None = None
    """Who sends it to the gateway as `x-assay-token` may choose an arm with `x-assay-arm`. None: nobody may."""
    feedback_token: SecretStr | None = None
    """With it as a bearer token an application may give the gateway feedback on any conversation. None: an answer's
    receipt is needed."""
    gateway_key: SecretStr | None = None
    """Signs the gateway's receipts; the same for all gateways of a project. None: a file under `home` holds one."""

    agent_hosts: str | None = None
    """Hosts that agents may have besides those with a public address: names, `name:port`, `*.domain`, addresses and
    networks, separated by commas. Set, also to nothing, or with ASSAY_AUTH=on, no other host is reached. None, and
    without logins: any host."""
    auth: Literal["off", "on"] = "off"
    """off: whoever reaches the server may do everything, so it binds to loopback only."""
    public_url: str | None = None
    """Where people reach the server, as in https://assay.example.org; logins come back to it. None: as they asked."""
    oidc_issuer: str | None = None
    """The OpenID provider that people log in at. None: there are only API tokens."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name_claim: str = "email"
    """The claim under which people are recorded and given roles. `email` counts only where the provider says that it
    verified it (`email_verified`)."""
    oidc_trust_email: bool = False
    """Take the provider's e-mail addresses without `email_verified`: for one that sets them itself and leaves the claim
    out."""
    oidc_groups_claim: str = "groups"
    roles: dict[str, Grants] = Field(default_factory=dict)
    """Who may do what, as JSON: a person's name, `group:NAME` or `*` (who is logged in), to project (or `*`) to roles:
    `{"ada@example.org": {"*": ["admin"]}, "group:support": {"shop": ["evaluator", "approver"]}}`."""
    session_hours: float = Field(default=12.0, gt=0)
    token_days: int = Field(default=365, ge=1, le=3650)
    """The longest life of an API token, of those too that were made before."""
    server: str | None = None
    """A server of Assay that commands ask, in place of doing the work here. `--server URL` sets it."""
    token: SecretStr | None = None
    """The API token for that server."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls
        if isinstance(dotenv_settings, DotEnvSettingsSource):
            _refuse_foreign_addresses(dotenv_settings.env_vars)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @property
    def store(self) -> str:
        """The MLflow URI in force."""
        explicit = self.tracking_uri or self.mlflow_tracking_uri
        return explicit or f"sqlite:///{(self.home / 'mlflow.db').resolve().as_posix()}"

    @property
    def jobs_store(self) -> str:
        """The database of jobs in force."""
        if self.jobs_url:
            return self.jobs_url
        if self.store.startswith("postgresql"):
            return self.store
        return f"sqlite:///{(self.home / 'jobs.db').resolve().as_posix()}"

    @property
    def model_name(self) -> str:
        """The model in force, `offline` where nothing leaves the machine."""
        if self.model:
            return self.model
        if self.openai_base_url or self.openai_api_key:
            return f"openai:{self.openai_model}"
        return "offline"

    @property
    def report_block_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.report_blocks.split(",") if name.strip())

    @property
    def person(self) -> str:
        return self.user or os.environ.get("USER") or os.environ.get("USERNAME") or "unknown"
