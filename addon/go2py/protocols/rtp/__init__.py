"""RTP: packets, and a module per codec that cuts access units into payloads and joins them again."""

from .base import Depacketizer, PacketizedUnit, Packetizer
from .registry import depacketizer_for, packetizer_for
from .reorder import ReorderBuffer

__all__ = ["Depacketizer", "PacketizedUnit", "Packetizer", "ReorderBuffer", "depacketizer_for", "packetizer_for"]
