"""Which hosts an agent's card may name, and by which way they are reached.

A server that takes cards from its users must not be a way into its own network. There, a host is reached only if the
operator lists it (`ASSAY_AGENT_HOSTS`) or its address is a public one. The address is checked where the connection is
made, so that a name that resolves to something else the second time gains nothing. Redirects are not followed.

Proxies of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`) are honoured for every host that may be reached
whatever its address is. A host that may be reached only because its address is public is connected to directly: a
proxy looks the name up by itself, so the check would be of another address than the one that is reached. Where all
traffic has to go through a proxy, list the hosts.
"""

import ipaddress
import socket
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from assay.settings import Settings

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddress(OSError):
    """A host that the operator does not let agents have."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} has no public address, and this server reaches no others for an agent: ask its operator to list "
            "the host in ASSAY_AGENT_HOSTS"
        )


@dataclass(frozen=True, slots=True)
class Network:
    """`restricted` False: any host. Otherwise the listed ones, and those with a public address.

    `hosts` holds names (`agents.example.org`), names with a port (`agents.example.org:8000`), `*.example.org` for
    all names below one, addresses and networks (`10.1.0.0/16`).
    """

    restricted: bool = False
    hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Network":
        """Restricted where other people's cards are taken: with logins on, or with ASSAY_AGENT_HOSTS set."""
        listed = settings.agent_hosts
        hosts = tuple(name.strip().lower() for name in (listed or "").split(",") if name.strip())
        return cls(restricted=settings.auth == "on" or listed is not None, hosts=hosts)

    def trusts(self, url: str) -> bool:
        """Whether the host may be reached whatever its address is."""
        if not self.restricted:
            return True
        parts = urlsplit(url)
        host = (parts.hostname or "").lower().rstrip(".")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return any(_matches(listed, host, port) for listed in self.hosts)

    def allows(self, address: str) -> bool:
        """Whether the operator lets agents have this address: a public one, or one of a listed network."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return _is_public(ip) or any(ip in network for network in _networks(self.hosts))

    def check(self, url: str) -> None:
        """Raises ForbiddenAddress for an address, written out in the URL, that may not be reached.

        A name is looked up where the connection is made.
        """
        host = urlsplit(url).hostname or ""
        looks_like_one = ":" in host or host.replace(".", "").isdigit()
        if looks_like_one and not self.trusts(url) and not self.allows(host):
            raise ForbiddenAddress(host)

    def resolver(self) -> AbstractResolver:
        """Gives only addresses that may be reached."""
        return _Checking(self)

    def addresses(self, host: str, port: int) -> list[str]:
        """Those of the host that may be reached. Raises ForbiddenAddress where none may. Blocks while it asks."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(row[4][0]) for row in found if self.allows(str(row[4][0]))]
        if not addresses:
            raise ForbiddenAddress(host)
        return addresses


ANY = Network()
"""No restriction: the card is one's own."""


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for the URL. None: none, as for loopback and what NO_PROXY lists."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host) or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if found is None:
        return None
    return found if "://" in found else f"http://{found}"


class _Checking(AbstractResolver):
    def __init__(self, network: Network) -> None:
        self._network = network
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [row for row in found if self._network.allows(row["host"])]
        if found and not allowed:
            raise ForbiddenAddress(host)
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _is_public(ip: IPAddress) -> bool:
    """Whether it is one of the public internet, also where a v6 address carries a v4 one."""
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if carried is not None:
            return _is_public(carried)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(listed: str, host: str, port: int) -> bool:
    if listed.startswith("*."):
        return host.endswith(listed[1:])
    return listed in (host, f"{host}:{port}", f"[{host}]:{port}")


@lru_cache(maxsize=64)
def _networks(hosts: Iterable[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    found = []
    for listed in hosts:
        try:
            found.append(ipaddress.ip_network(listed, strict=False))
        except ValueError:
            continue  # a name
    return tuple(found)
