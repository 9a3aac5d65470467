"""SRTP in place gives what the public calls give, and what it stands on is still there."""

import os
import random
import struct

import pylibsrtp
import pytest

from go2py.outputs.webrtc import srtp
from go2py.outputs.webrtc.batch import MAX_BURST, MAX_SEGMENTS, MAX_TAG, RtpBatch, Shift
from go2py.outputs.webrtc.dtls import AES_128_GCM, AES_CM_SHA1_80, PROFILES, Profile, SrtpKeys
from go2py.outputs.webrtc.srtp import SrtpError, SrtpSession, Workspace
from go2py.protocols.rtp.packet import is_rtcp

both_profiles = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def sessions(profile: Profile) -> tuple[SrtpSession, SrtpSession]:
    size = profile.key + profile.salt
    keys = SrtpKeys(profile, os.urandom(size), os.urandom(size))
    return SrtpSession(keys, Workspace()), SrtpSession(SrtpKeys(profile, keys.remote, keys.local), Workspace())


def packets(*sizes: int, sequence: int = 65_533) -> list[bytes]:
    return [
        struct.pack(">BBHII", 0x80, 96, sequence + at & 0xFFFF, 1000, 7) + random.randbytes(size)
        for at, size in enumerate(sizes)
    ]


def received(sender: SrtpSession, receiver: SrtpSession, batch: RtpBatch, shift: Shift | None = None) -> list[bytes]:
    found = []
    for template in batch.templates(sender.tag):
        wire = bytes(sender.protect(template, shift))
        found += [receiver.unprotect(wire[at : at + template.stride]) for at in range(0, len(wire), template.stride)]
    return found


def test_the_pinned_internals_are_there() -> None:
    """If this fails, pylibsrtp changed beneath `outputs/webrtc/srtp.py`: fix its `_internals`, until then every packet
    costs twice as much."""
    assert srtp.in_place, pylibsrtp.__version__


@both_profiles
def test_what_is_protected_in_place_is_read_back(profile: Profile) -> None:
    plain = packets(30, *[1100] * 70, 400, 1100, 5)
    assert received(*sessions(profile), RtpBatch(plain)) == plain


@both_profiles
def test_in_place_equals_the_public_call(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = SrtpKeys(profile, bytes(range(profile.key + profile.salt)), bytes(profile.key + profile.salt))
    batch = RtpBatch(packets(*[500] * 5, 20))
    (template,) = batch.templates(profile.tag)
    fast = bytes(SrtpSession(keys, Workspace()).protect(template))
    monkeypatch.setattr(srtp, "_binding", None)
    assert bytes(SrtpSession(keys, Workspace()).protect(template)) == fast


@both_profiles
def test_shifted(profile: Profile) -> None:
    plain = packets(100, 100, 50)
    found = received(*sessions(profile), RtpBatch(plain), Shift(sequence=10, timestamp=2**32 - 1001, ssrc=9))
    assert [struct.unpack_from(">HII", packet, 2) for packet in found] == [
        ((65_533 + 10 + at) & 0xFFFF, 2**32 - 1, 9) for at in range(3)
    ]
    assert [packet[12:] for packet in found] == [packet[12:] for packet in plain]


@both_profiles
def test_retransmission_repeats_a_packet(profile: Profile) -> None:
    sender, receiver = sessions(profile)
    plain = packets(*[100] * 900, sequence=1)
    received(sender, receiver, RtpBatch(plain))
    (template,) = RtpBatch(plain[:1]).templates(sender.tag)
    assert sender.protect(template)


def test_too_old_a_packet_is_refused() -> None:
    sender, receiver = sessions(AES_128_GCM)
    plain = packets(*[100] * 3000, sequence=1)
    received(sender, receiver, RtpBatch(plain))
    with pytest.raises(SrtpError):
        sender.protect(RtpBatch(plain[:1]).templates(sender.tag)[0])


@both_profiles
def test_rtcp(profile: Profile) -> None:
    sender, receiver = sessions(profile)
    report = struct.pack(">BBHI", 0x80, 201, 1, 5)
    wire = sender.protect_rtcp(report)
    assert is_rtcp(wire)
    assert receiver.unprotect_rtcp(wire) == report
    with pytest.raises(SrtpError):
        receiver.unprotect_rtcp(wire[:-1] + b"\x00")
    with pytest.raises(SrtpError):
        sender.protect_rtcp(bytes(3000))


@both_profiles
def test_forged_packets_are_refused(profile: Profile) -> None:
    _, receiver = sessions(profile)
    for size in (0, 1, 12, 100, 3000):
        with pytest.raises(SrtpError):
            receiver.unprotect(b"\x80\x60" + bytes(size))


def test_runs_fit_one_system_call() -> None:
    rng = random.Random(5)
    for _ in range(300):
        plain = packets(*[rng.choice((20, 1000, 1000, 1000, 1188, 1400)) for _ in range(rng.randrange(1, 200))])
        batch = RtpBatch(plain)
        assert [packet for run in batch.runs for packet in run.packets] == plain
        assert len(batch) == len(plain)
        assert batch.size == sum(map(len, plain))
        for run in batch.runs:
            assert len(run.packets) <= MAX_SEGMENTS
            assert len(run.packets) * (run.size + MAX_TAG) <= MAX_BURST
            assert all(len(packet) == run.size for packet in run.packets[:-1])
            assert len(run.packets[-1]) == run.last <= run.size


def test_templates_are_made_once() -> None:
    batch = RtpBatch(packets(100, 100, 10))
    assert batch.templates(16) is batch.templates(16)
    (template,) = batch.templates(AES_CM_SHA1_80.tag)
    assert (template.stride, template.size, template.last, template.packets) == (122, 112, 22, 3)
    assert len(template.data) == 2 * 122 + 22 + 10
    assert RtpBatch(()).templates(16) == ()
