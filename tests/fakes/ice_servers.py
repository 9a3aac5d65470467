"""A STUN and TURN server for tests, on loopback."""

import asyncio
from typing import Any

from aioice import stun
from aioice.turn import is_channel_data, make_integrity_key

USER, PASSWORD, REALM = "user", "opensesame", "test"


class IceServerFake(asyncio.DatagramProtocol):
    """Answers bindings, and allocations with the user above; `mapped` is what it says that it sees."""

    def __init__(self, mapped: tuple[str, int] | None = None) -> None:
        self.mapped = mapped
        self.port = 0
        self.bindings = 0
        self.relays: dict[Any, asyncio.DatagramTransport] = {}
        self.channels: dict[tuple[Any, int], tuple[str, int]] = {}

    async def start(self) -> None:
        """From now on `port` is known."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        for relay in self.relays.values():
            relay.close()
        self.transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if is_channel_data(data):
            number, size = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
            self.relays[addr].sendto(data[4 : 4 + size], self.channels[addr, number])
            return
        request = stun.parse_message(data)
        answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
        if request.message_method == stun.Method.BINDING:
            self.bindings += 1
            answer.attributes["XOR-MAPPED-ADDRESS"] = self.mapped or addr
            self.transport.sendto(bytes(answer), addr)
            return
        if "MESSAGE-INTEGRITY" not in request.attributes:
            answer.message_class = stun.Class.ERROR
            answer.attributes |= {"ERROR-CODE": (401, "Unauthorized"), "NONCE": b"nonce", "REALM": REALM}
            self.transport.sendto(bytes(answer), addr)
            return
        self.task = asyncio.create_task(self._allowed(request, answer, addr))

    async def _allowed(self, request: stun.Message, answer: stun.Message, addr: Any) -> None:
        if request.message_method == stun.Method.ALLOCATE:
            loop = asyncio.get_running_loop()
            relay, _ = await loop.create_datagram_endpoint(lambda: _Relay(self, addr), local_addr=("127.0.0.1", 0))
            self.relays[addr] = relay
            answer.attributes["XOR-RELAYED-ADDRESS"] = relay.get_extra_info("sockname")
            answer.attributes["XOR-MAPPED-ADDRESS"] = addr
            answer.attributes["LIFETIME"] = 600
        elif request.message_method == stun.Method.CHANNEL_BIND:
            peer = request.attributes["XOR-PEER-ADDRESS"]
            self.channels[addr, request.attributes["CHANNEL-NUMBER"]] = peer
        elif request.message_method == stun.Method.REFRESH:
            answer.attributes["LIFETIME"] = request.attributes["LIFETIME"]
            if not request.attributes["LIFETIME"]:
                self.relays.pop(addr).close()
        answer.add_message_integrity(make_integrity_key(USER, REALM, PASSWORD))
        self.transport.sendto(bytes(answer), addr)


class _Relay(asyncio.DatagramProtocol):
    def __init__(self, server: IceServerFake, client: Any) -> None:
        self.server, self.client = server, client

    def datagram_received(self, data: bytes, addr: Any) -> None:
        channels = self.server.channels.items()
        if number := next((one for (who, one), peer in channels if (who, peer) == (self.client, addr)), 0):
            self.server.transport.sendto(number.to_bytes(2) + len(data).to_bytes(2) + data, self.client)
