"""Which hosts an agent may have, and where its secrets go."""

import asyncio
import socket

import pytest
from aiohttp import web

from assay.connectors import connect, converse
from assay.connectors.network import ForbiddenAddress, Network, proxy_for
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError
from assay.settings import Settings


def settings(**more) -> Settings:
    return Settings(_env_file=None, **more)  # type: ignore[call-arg]


def test_without_logins_and_list_any_host_may_be_reached():
    assert not Network.of(settings()).restricted
    assert Network.of(settings(auth="on")).restricted
    assert Network.of(settings(agent_hosts="")).restricted


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "2130706433", "not-an-address", ""),
    ],
)
def test_an_address_that_is_not_public_is_refused(address):
    assert not Network(restricted=True).allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(address):
    assert Network(restricted=True).allows(address)


@pytest.mark.parametrize(
    ("listed", "url", "trusted"),
    [
        ("agents.example.org", "https://agents.example.org/v1", True),
        ("agents.example.org", "https://AGENTS.example.org./v1", True),
        ("agents.example.org", "https://evil.agents.example.org/v1", False),
        ("*.example.org", "https://agents.example.org/v1", True),
        ("*.example.org", "https://example.org/v1", False),
        ("*.example.org", "https://badexample.org/v1", False),
        ("localhost:8000", "http://localhost:8000/v1", True),
        ("localhost:8000", "http://localhost:8001/v1", False),
        ("a.example, b.example", "http://b.example", True),
        ("", "http://b.example", False),
        ("agents.example.org", "http://agents.example.org@10.0.0.1/", False),
    ],
)
def test_what_the_operator_lists_is_trusted(listed, url, trusted):
    assert Network.of(settings(agent_hosts=listed)).trusts(url) is trusted


def test_a_listed_network_is_allowed_by_address():
    network = Network.of(settings(agent_hosts="10.1.0.0/16"))
    assert network.allows("10.1.2.3")
    assert not network.allows("10.2.0.1")
    network.check("http://10.1.2.3/x")
    with pytest.raises(ForbiddenAddress):
        network.check("http://10.2.0.1/x")


KINDS = {
    "http": {"url": "{}/chat"},
    "openai": {"base_url": "{}/v1", "model": "m", "api_key_env": None},
    "a2a": {"url": "{}"},
}


def connector_of(card, kind, url, tmp_path, **more):
    made = {"kind": kind, **{name: v.format(url) if v else v for name, v in KINDS[kind].items()}}
    return connect(card(made), card_dir=tmp_path, settings=settings(**more))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_address_of_the_servers_own_network_is_refused_before_a_call(kind, serve, card, tmp_path, start):
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({"secret": "internal"})

    url = await serve(handler)
    with pytest.raises(BadInput, match="127.0.0.1 has no public address.*ASSAY_AGENT_HOSTS"):
        connector_of(card, kind, url, tmp_path, auth="on")
    by_name = connector_of(card, kind, url.replace("127.0.0.1", "localhost"), tmp_path, auth="on")
    with pytest.raises(CallError, match="localhost has no public address") as raised:
        async with converse(by_name, start) as dialogue:
            await dialogue.reply("hello")
    assert raised.value.failed.cause is FailureCause.REFUSED
    assert raised.value.failed.attempts == 1
    assert seen == []


async def test_a_name_that_resolves_to_another_address_the_second_time_gains_nothing(
    serve, card, tmp_path, start, monkeypatch
):
    """What is checked is what is connected to."""
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({"reply": "internal"})

    url = await serve(handler)
    asked = []
    real = socket.getaddrinfo

    def rebinding(host, port, *args, **more):
        if host != "rebind.example.org":
            return real(host, port, *args, **more)
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert Network(restricted=True).addresses("rebind.example.org", 80) == ["93.184.215.14"]
    port = url.rpartition(":")[2]
    agent = connector_of(card, "http", f"http://rebind.example.org:{port}", tmp_path, auth="on")
    with pytest.raises(CallError, match="has no public address"):
        async with converse(agent, start) as dialogue:
            await dialogue.reply("hello")
    assert seen == []


async def test_a_listed_host_is_reached(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"reply": "hello"})

    url = (await serve(handler)).replace("127.0.0.1", "localhost")
    agent = connector_of(card, "http", url, tmp_path, auth="on", agent_hosts="localhost")
    async with converse(agent, start) as dialogue:
        assert (await dialogue.reply("hello")).text == "hello"


@pytest.mark.parametrize("kind", ["http", "openai"])
async def test_a_redirect_is_not_followed_and_its_target_gets_no_header(kind, serve, card, tmp_path, start):
    seen = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.json_response({"reply": "stolen"})

    target = await serve(elsewhere)

    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{target}/latest/meta-data?x=1")

    agent = connector_of(card, kind, await serve(handler), tmp_path)
    async with converse(agent, start) as dialogue:
        with pytest.raises(CallError, match=r"answers 302, a redirect to .*/latest/meta-data, which is not followed"):
            await dialogue.reply("hello")
    assert seen == []


async def test_a_proxy_of_the_environment_is_used_where_the_host_is_trusted(serve, card, tmp_path, start, monkeypatch):
    seen = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append((str(request.raw_path), request.headers.get("Proxy-Authorization")))
        return web.json_response({"reply": "by the proxy"})

    address = (await serve(proxy)).replace("http://", "http://user:word@")
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    agent = connector_of(card, "http", "http://models.example.invalid", tmp_path)
    async with converse(agent, start) as dialogue:
        assert (await dialogue.reply("hello")).text == "by the proxy"
    assert seen == [("http://models.example.invalid/chat", "Basic dXNlcjp3b3Jk")]
    guarded = connector_of(card, "http", "http://models.example.invalid", tmp_path, auth="on")
    async with converse(guarded, start) as dialogue:
        with pytest.raises(CallError, match="cannot be reached"):
            await asyncio.wait_for(dialogue.reply("hello"), 30)
    assert len(seen) == 1


def test_loopback_and_what_no_proxy_lists_go_without_a_proxy(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "proxy.example.org:3128")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, ".internal.example.org")
    assert proxy_for("http://agents.example.org/v1") == "http://proxy.example.org:3128"
    assert proxy_for("http://127.0.0.1:8000/v1") is None
    assert proxy_for("http://localhost:8000/v1") is None
    assert proxy_for("http://a.internal.example.org/v1") is None
