import random

from go2py.errors import Unsupported
from go2py.sources.demo import spec
from go2py.streams.source import SourceUrl

SAMPLE = "demo:?size=1280x720&fps=25&gop=250&video=h264&audio=opus&bitrate=2M&clock=wall&seed=7"
ALPHABET = "demo:?size=1280x720&fpgvidauhbtrcklw;%2526+#/\0\u00b2\u0663\U0001f600\ud800"


def test_any_text_gives_a_camera_or_unsupported() -> None:
    dice = random.Random(3)
    for _ in range(5000):
        text = list(SAMPLE)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(5, len(text))
            text[at : at + dice.randint(0, 4)] = dice.choices(ALPHABET, k=dice.randint(0, 5))
        try:
            spec(SourceUrl("".join(text)))
        except Unsupported:
            continue
