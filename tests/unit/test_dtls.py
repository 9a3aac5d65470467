"""Two DTLS endpoints with a network between them that loses, doubles and mangles."""

import asyncio
import random

import pytest

from go2py.errors import ProtocolError
from go2py.outputs.webrtc.dtls import AES_128_GCM, MTU, DtlsEndpoint, Identity, usable


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity()


def endpoints(identity: Identity) -> tuple[DtlsEndpoint, DtlsEndpoint]:
    server = DtlsEndpoint(identity, "server", [identity.fingerprint])
    return server, DtlsEndpoint(identity, "client", [identity.fingerprint])


def exchange(server: DtlsEndpoint, client: DtlsEndpoint) -> None:
    """Carry datagrams over until both are silent."""
    while True:
        up, down = client.take(), server.take()
        if not up and not down:
            return
        assert all(0 < len(one) <= MTU for one in up + down)
        if up:
            server.step(up)
        if down:
            client.step(down)


def test_handshake(identity: Identity) -> None:
    server, client = endpoints(identity)
    client.step()
    exchange(server, client)
    assert server.keys is not None
    assert client.keys is not None
    assert server.keys.profile is AES_128_GCM
    assert (server.keys.local, server.keys.remote) == (client.keys.remote, client.keys.local)
    assert len(server.keys.local) == AES_128_GCM.key + AES_128_GCM.salt
    assert server.timeout() is None
    assert "local" not in repr(server.keys)


def test_goodbye(identity: Identity) -> None:
    server, client = endpoints(identity)
    assert client.close() == []
    client.step()
    exchange(server, client)
    server.step(client.close())
    assert server.closed


async def test_lost_flights_are_sent_again(identity: Identity) -> None:
    server, client = endpoints(identity)
    client.step()
    client.take()  # lost
    wait = client.timeout()
    assert wait is not None
    await asyncio.sleep(wait + 0.05)
    client.expired()
    server.step(client.take())
    server.take()  # lost
    wait = server.timeout()
    assert wait is not None
    await asyncio.sleep(wait + 0.05)
    server.expired()
    client.step(server.take())
    exchange(server, client)
    assert server.keys
    assert client.keys


def test_doubled_and_reordered_datagrams(identity: Identity) -> None:
    server, client = endpoints(identity)
    client.step()
    hello = client.take()
    server.step(hello + hello)
    client.step(server.take()[::-1])
    exchange(server, client)
    assert server.keys
    assert client.keys


def test_another_certificate_is_refused(identity: Identity) -> None:
    server = DtlsEndpoint(identity, "server", [identity.fingerprint])
    client = DtlsEndpoint(Identity(), "client", [identity.fingerprint])
    client.step()
    with pytest.raises(ProtocolError, match="certificate"):
        exchange(server, client)
    assert server.keys is None


def test_nonsense_does_not_end_a_handshake(identity: Identity) -> None:
    rng = random.Random(3)
    server, client = endpoints(identity)
    server.step([bytes((rng.randrange(20, 64),)) + rng.randbytes(rng.randrange(200)) for _ in range(200)])
    client.step()
    exchange(server, client)
    assert server.keys


def test_strongest_fingerprint_counts() -> None:
    offered = [("sha-1", "aa"), ("SHA-256", "bb"), ("sha-512", "cc"), ("sha-512", "dd")]
    assert usable(offered) == [("sha-512", "CC"), ("sha-512", "DD")]
    assert usable(offered[:1]) == []
