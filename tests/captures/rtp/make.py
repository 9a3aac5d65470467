"""Records the captures of this folder: `python tests/captures/rtp/make.py [name…]`, needs ffmpeg.

Each is RTP as ffmpeg sends it over UDP on loopback (`.rtp`, every packet behind its length as two bytes, RFC 4571), the
SDP that ffmpeg wrote (`.sdp`) and the same elementary stream as a file (`.raw`).
"""

import socket
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PICTURE = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=15"]
SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]

X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
CAPTURES: dict[str, tuple[list[str], list[str], str]] = {
    "h264": (PICTURE, [*X264, "-g", "8", "-bf", "0", "-t", "1.5"], "h264"),
    "h264-b": (PICTURE, [*X264, "-g", "15", "-bf", "2", "-slices", "3", "-t", "1.5"], "h264"),
    "h265": (
        PICTURE,
        ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "keyint=8:log-level=error", "-t", "1.5"],
        "hevc",
    ),
    "jpeg": (
        PICTURE,
        ["-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p", "-q:v", "8", "-t", "0.5"],
        "mjpeg",
    ),
    "aac": (SOUND, ["-c:a", "aac", "-ac", "2", "-b:a", "96k", "-t", "1"], "adts"),
    "latm": (SOUND, ["-c:a", "aac", "-ac", "1", "-b:a", "48k", "-rtpflags", "latm", "-t", "1"], "adts"),
    "mp3": (SOUND, ["-c:a", "libmp3lame", "-b:a", "64k", "-ar", "44100", "-t", "1"], "mp3"),
    "opus": (SOUND, ["-c:a", "libopus", "-b:a", "24k", "-t", "1"], ""),
    "g722": (SOUND, ["-c:a", "g722", "-ar", "16000", "-ac", "1", "-t", "0.5"], "g722"),
    "l16": (SOUND, ["-c:a", "pcm_s16be", "-ar", "16000", "-ac", "2", "-t", "0.5"], "s16be"),
    "pcma": (SOUND, ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1", "-t", "0.5"], "alaw"),
}


def record(name: str) -> None:
    source, encode, muxer = CAPTURES[name]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        port = receiver.getsockname()[1]
        stream = FOLDER / f"{name}.nut"
        quiet = ["ffmpeg", "-y", "-v", "error", "-fflags", "+bitexact"]
        flags = [word for word in encode if word not in ("-rtpflags", "latm")]
        subprocess.run([*quiet, *source, *flags, "-flags", "+bitexact", str(stream)], check=True)
        rtp_flags = ["-rtpflags", "latm"] if "latm" in encode else []
        sdp = FOLDER / f"{name}.sdp"
        target = f"rtp://127.0.0.1:{port}?pkt_size=1200"
        copy = [*quiet, "-i", str(stream), "-c", "copy"]
        subprocess.run([*copy, *rtp_flags, "-sdp_file", str(sdp), "-f", "rtp", target], check=True)
        packets: list[bytes] = []
        while True:
            try:
                packets.append(receiver.recv(65536))
            except TimeoutError:
                break
    framed = b"".join(len(packet).to_bytes(2) + packet for packet in packets)
    (FOLDER / f"{name}.rtp").write_bytes(framed)
    text = sdp.read_text().replace(f" {port} RTP", " 0 RTP")
    sdp.write_text(text.removeprefix("SDP:\n"))
    if muxer:
        plain = ["-id3v2_version", "0", "-write_xing", "0"] if muxer == "mp3" else []
        subprocess.run([*copy, *plain, "-f", muxer, str(FOLDER / f"{name}.raw")], check=True)
    stream.unlink()


if __name__ == "__main__":
    for wanted in sys.argv[1:] or CAPTURES:
        record(wanted)
