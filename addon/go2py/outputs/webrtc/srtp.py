"""SRTP in place: libsrtp works in one buffer that all viewers share, one after the other (RFC 3711, RFC 7714).

This is the one module that looks beneath pylibsrtp's public objects, for `srtp_protect` itself: the public `protect()`
copies every packet twice. Where the names it needs are missing, `in_place` is False and the public calls are used.
"""

import importlib
from itertools import repeat
from struct import Struct
from typing import Any, Final

import pylibsrtp

from .batch import MAX_BURST, MAX_SEGMENTS, MAX_TAG, Shift, Template
from .dtls import AES_128_GCM, SrtpKeys

WINDOW: Final = 1024
"""Packets that a retransmission may lie behind the newest one."""

_SEQUENCE_TIME_SSRC = Struct(">HII")
_OK = 0


class SrtpError(Exception):
    """libsrtp refused a packet: a forged, doubled or too old one, or one that is none."""


def _internals() -> tuple[Any, Any] | None:
    """cffi's `ffi` and `lib` of pylibsrtp, if they still are what this module was written against (1.0)."""
    try:
        binding = importlib.import_module("pylibsrtp._binding")
        signature = binding.ffi.typeof(binding.lib.srtp_protect).cname
        probe = pylibsrtp.Session(pylibsrtp.Policy(key=bytes(30), ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND))
        context = binding.ffi.typeof(probe._srtp).cname  # noqa: SLF001
    except ImportError, AttributeError, TypeError:
        return None
    fits = signature.endswith("(*)(struct srtp_ctx_t_ *, void *, int *)") and context == "struct srtp_ctx_t_ * *"
    return (binding.ffi, binding.lib) if fits else None


_binding = _internals()
in_place: Final = _binding is not None


class Workspace:
    """The buffer in which packets are protected and from which they are sent. One per process: nothing in it lives
    longer than the call that sends it."""

    def __init__(self) -> None:
        self.buffer = bytearray(MAX_BURST + MAX_TAG)
        self.view = memoryview(self.buffer)
        self._pointers: dict[int, list[Any]] = {}
        if _binding is not None:
            ffi = _binding[0]
            self._start = ffi.from_buffer("char[]", self.buffer)
            lengths = ffi.new("int[]", MAX_SEGMENTS)
            self.lengths = memoryview(ffi.buffer(lengths)).cast("B")
            """Bytes of the packets, C's int each; libsrtp overwrites them."""
            self.length_pointers = [lengths + at for at in range(MAX_SEGMENTS)]

    def pointers(self, stride: int, count: int) -> list[Any]:
        """C pointers to the first `count` packets, kept for the next picture of the same packet size."""
        known = self._pointers.get(stride)
        if known is None or len(known) < count:
            if len(self._pointers) > 256:
                self._pointers.clear()
            known = self._pointers[stride] = [self._start + at * stride for at in range(count)]
        return known


class SrtpSession:
    """Both directions of one viewer."""

    def __init__(self, keys: SrtpKeys, workspace: Workspace) -> None:
        self.tag = keys.profile.tag
        self._workspace = workspace
        profile = (
            pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM
            if keys.profile is AES_128_GCM
            else pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        )
        self._out = _session(keys.local, profile, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._in = _session(keys.remote, profile, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        if _binding is not None:
            self._context = self._out._srtp[0]  # noqa: SLF001
            self._protect = _binding[1].srtp_protect

    def protect(self, template: Template, shift: Shift | None = None) -> memoryview:
        """The template's packets encrypted, one behind the other, every `template.stride` bytes.

        The view is the workspace: send it before anything else is protected. Raises SrtpError.
        """
        data, stride, count, lengths = template.data, template.stride, template.packets, template.lengths
        workspace = self._workspace
        total = len(data)
        workspace.view[:total] = data
        if shift is not None:
            _rewrite(workspace.buffer, stride, count, shift)
        if _binding is None:
            self._protect_public(template)
            return workspace.view[:total]
        workspace.lengths[: len(lengths)] = lengths
        arguments = repeat(self._context, count), workspace.pointers(stride, count), workspace.length_pointers
        if any(map(self._protect, *arguments, strict=False)):  # no bytecode between the calls
            raise SrtpError
        return workspace.view[:total]

    def _protect_public(self, template: Template) -> None:
        view = self._workspace.view
        for index in range(template.packets):
            at = index * template.stride
            size = template.size if index < template.packets - 1 else template.last
            try:
                view[at : at + size + self.tag] = self._out.protect(bytes(view[at : at + size]))
            except pylibsrtp.Error:
                raise SrtpError from None

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet, encrypted. Raises SrtpError."""
        try:
            return bytes(self._out.protect_rtcp(packet))
        except pylibsrtp.Error, ValueError:
            raise SrtpError from None

    def unprotect(self, packet: bytes) -> bytes:
        """A received RTP packet in clear. Raises SrtpError."""
        try:
            return bytes(self._in.unprotect(packet))
        except pylibsrtp.Error, ValueError:
            raise SrtpError from None

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """A received RTCP packet in clear. Raises SrtpError."""
        try:
            return bytes(self._in.unprotect_rtcp(packet))
        except pylibsrtp.Error, ValueError:
            raise SrtpError from None


def _rewrite(buffer: bytearray, stride: int, count: int, shift: Shift) -> None:
    unpack, pack = _SEQUENCE_TIME_SSRC.unpack_from, _SEQUENCE_TIME_SSRC.pack_into
    more, later, own = shift.sequence, shift.timestamp, shift.ssrc
    for at in range(2, count * stride, stride):
        sequence, timestamp, ssrc = unpack(buffer, at)
        pack(buffer, at, sequence + more & 0xFFFF, timestamp + later & 0xFFFFFFFF, own or ssrc)


def _session(key: bytes, profile: int, direction: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    policy.allow_repeat_tx = True  # retransmissions without RTX repeat a sequence number
    policy.window_size = WINDOW
    return pylibsrtp.Session(policy)
