"""Decoded sound at another rate, with other channels, a little faster or slower. Loads av."""

from fractions import Fraction

import av

from .decoders import LAYOUTS

STRETCH = 0.02
"""The most by which sound is stretched or squeezed: a third of a semitone."""
_LEAST_SECONDS = 0.003
"""A smaller difference in time is left alone."""

type Form = tuple[int, str, str]


class Resampler:
    """libswresample behind a filter graph, since PyAV's own class lacks its compensation of time."""

    def __init__(self, form: Form, rate: int, channels: int, gain: float = 1.0) -> None:
        source_rate, sample_format, layout = self.form = form
        self._time_base = Fraction(1, source_rate)
        self._width = 2 * channels
        graph = av.filter.Graph()
        source = graph.add_abuffer(
            sample_rate=source_rate, format=sample_format, layout=layout, time_base=self._time_base
        )
        chain = [source]
        if gain != 1.0:
            chain.append(graph.add("volume", f"{gain:.4f}"))
        chain.append(
            graph.add(
                "aresample",
                f"{rate}:flags=res:min_comp={_LEAST_SECONDS}:comp_duration=1:max_soft_comp={STRETCH}:min_hard_comp=60",
            )
        )
        chain.append(graph.add("aformat", f"sample_fmts=s16:channel_layouts={LAYOUTS[channels - 1]}"))
        chain.append(graph.add("abuffersink"))
        graph.link_nodes(*chain).configure()
        self._graph = graph

    def push(self, frame: av.AudioFrame, time: float) -> bytes:
        """The samples that come out for a frame which begins `time` seconds after the first one."""
        frame.time_base = self._time_base
        frame.pts = round(time * self.form[0])
        self._graph.push(frame)
        return self._pull()

    def drain(self) -> bytes:
        """What is still inside; after it the resampler is used up."""
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                frame = self._graph.pull()
            except av.BlockingIOError, av.EOFError:
                return b"".join(parts)
            assert isinstance(frame, av.AudioFrame)
            parts.append(bytes(frame.planes[0])[: frame.samples * self._width])


def form_of(frame: av.AudioFrame) -> Form:
    return frame.sample_rate, frame.format.name, frame.layout.name
