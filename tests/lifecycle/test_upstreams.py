"""What the gateway changes so that each version answers as its card says, and which pairs of cards it refuses."""

import pytest

from assay.contracts.agent import AgentCard
from assay.errors import BadInput, Refused
from assay.lifecycle.rollouts import refuse_alike, refuse_forbidden, upstream_of
from assay.settings import Settings


def card(version: str, *, prompt: str | None = None, **connector) -> AgentCard:
    more = {name: connector.pop(name) for name in ("parameters", "tools", "files") if name in connector}
    return AgentCard.model_validate(
        {
            "agent_id": "bot",
            "version": version,
            "description": "A bot.",
            "system_prompt": prompt,
            "connector": connector,
            **more,
        }
    )


def openai(version: str, **more) -> AgentCard:
    base = {"kind": "openai", "base_url": "http://127.0.0.1:9000/v1", "model": "m1", "api_key_env": None}
    return card(version, **{**base, **more})


def http(version: str, url: str = "http://127.0.0.1:9000/v1/chat", **more) -> AgentCard:
    return card(version, kind="http", url=url, **more)


def refuse(one: AgentCard, other: AgentCard) -> None:
    refuse_alike(one, other, upstream_of(one, "champion_url"), upstream_of(other, "challenger_url"))


def test_a_card_says_path_model_prompt_and_body():
    upstream = upstream_of(
        openai("1", prompt="Be brief.", temperature=0.2, max_tokens=50, extra_body={"top_p": 0.5, "user": None}), "url"
    )
    assert upstream.url == "http://127.0.0.1:9000" and str(upstream.agent) == "bot@1"
    assert upstream.rewrite is not None
    assert upstream.rewrite.model_dump() == {
        "protocol": "openai",
        "path": "/v1",
        "body": {"model": "m1", "temperature": 0.2, "max_tokens": 50, "top_p": 0.5, "user": None},
        "system_prompt": "Be brief.",
    }
    plain = upstream_of(http("1", "https://agents.example.org/a/chat"), "url")
    assert plain.url == "https://agents.example.org:443" and plain.rewrite is not None
    assert plain.rewrite.path == "/a/chat"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (openai("1"), openai("2", model="m2")),
        (openai("1", prompt="Be brief."), openai("2", prompt="Be kind.")),
        (openai("1", prompt="Be brief."), openai("2", model="m2")),
        (openai("1"), openai("2", temperature=0.9)),
        (openai("1"), openai("2", prompt="Be kind.")),
        (openai("1"), openai("2", base_url="http://127.0.0.1:9000/beta/v1")),
        (openai("1"), openai("2", base_url="http://127.0.0.1:9001/v1", parameters={"depth": 2})),
        (openai("1"), openai("2", model="m2", parameters={"depth": 2})),
        (http("1"), http("2", "http://127.0.0.1:9000/v2/chat")),
        (http("1"), http("2", "http://127.0.0.1:9001/v1/chat")),
    ],
)
def test_a_difference_that_the_gateway_can_make_is_taken(one, other):
    refuse(one, other)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (openai("1"), openai("2"), "compare a version with itself"),
        (http("1"), http("2"), "compare a version with itself"),
        (openai("1"), openai("2", parameters={"depth": 2}), "parameters: bot@1 and bot@2 differ"),
        (openai("1"), openai("2", temperature=0.9, files=["a.txt"]), "files: bot@1 and bot@2 differ"),
        (http("1", prompt="Be brief."), http("2", prompt="Be kind."), "system_prompt: bot@1 and bot@2 differ"),
        (openai("1"), http("2"), "connector.kind"),
        (openai("1"), openai("2", model="m2", api_key_env="OTHER_KEY"), "connector.api_key_env"),
        (http("1"), http("2", "http://127.0.0.1:9001/chat", request="{q: message}"), "connector.request"),
        (http("1"), http("2", "http://127.0.0.1:9001/chat", reply="answer"), "connector.reply"),
        (http("1"), http("2", "http://127.0.0.1:9001/chat", headers={"x-a": "${B}"}), "connector.headers"),
    ],
)
def test_a_difference_that_it_cannot_make_is_refused_by_name(one, other, words):
    with pytest.raises(Refused, match="champion_url and challenger_url") as refused:
        refuse(one, other)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "url", "allowed"),
    [
        ({}, "http://127.0.0.1:9000", True),
        ({"auth": "on"}, "http://127.0.0.1:9000", False),
        ({"auth": "on"}, "http://169.254.169.254/latest", False),
        ({"auth": "on"}, "http://localhost:9000", False),
        ({"auth": "on", "agent_hosts": "127.0.0.1"}, "http://127.0.0.1:9000", True),
        ({"agent_hosts": "127.0.0.1:9001"}, "http://127.0.0.1:9000", False),
    ],
)
def test_an_address_that_is_named_follows_the_rule_of_cards(settings, url, allowed):
    if allowed:
        refuse_forbidden(Settings(**settings), url, "champion_url")
        return
    with pytest.raises(Refused, match="champion_url: .*ASSAY_AGENT_HOSTS"):
        refuse_forbidden(Settings(**settings), url, "champion_url")


def test_a_card_without_an_address_is_refused():
    python = card("1", kind="python", target="shop.agent:Support")
    with pytest.raises(BadInput, match="challenger_url: the card of bot@1 does not say where it answers over HTTP"):
        upstream_of(python, "challenger_url")
    with pytest.raises(BadInput, match="has a query"):
        upstream_of(http("1", "http://127.0.0.1:9000/chat?v=1"), "challenger_url")
