"""`talk` of a stream: how its camera is spoken to."""

from .document import Mapping, Node, Scalar, as_number
from .section import Section
from .settings import DUCKS, POLICIES, TalkSettings


def talk_settings(parent: Section, key: str) -> TalkSettings:
    """A policy alone (`talk: mix`) or a mapping; what is wrong is reported and the default holds there."""
    default = TalkSettings()
    node = parent.node(key)
    if node is None:
        return default
    if not isinstance(node, Mapping):
        return TalkSettings(_word(parent, key, default.policy, POLICIES))
    section = Section(parent.report, parent.path(key), node)
    settings = TalkSettings(
        policy=_word(section, "policy", default.policy, POLICIES),
        hold=section.seconds("hold", default.hold),
        warmup=section.seconds("warmup", default.warmup),
        duck=_word(section, "duck", default.duck, DUCKS),
        threshold=_decibels(section, "threshold", default.threshold, -90, -10),
        gain=_decibels(section, "gain", default.gain, -40, 40),
    )
    section.done()
    return settings


def _word[T: str](section: Section, key: str, default: T, words: tuple[T, ...]) -> T:
    text = section.text(key, default)
    found = next((word for word in words if word == text), None)
    if found is None:
        section.fail(key, f"{', '.join(words[:-1])} or {words[-1]} is expected")
    return found or default


def _decibels(section: Section, key: str, default: float, least: float, most: float) -> float:
    node = section.node(key)
    if node is None:
        return default
    value = _number(node)
    if value is None or not least <= value <= most:
        section.fail(key, f"decibels from {least} to {most} are expected", node)
        return default
    return value


def _number(node: Node) -> float | None:
    """`-45`, `-45dB`."""
    value = as_number(node)
    if value is None and isinstance(node, Scalar):
        try:
            value = float(node.text.lower().removesuffix("db"))
        except ValueError:
            return None
    return None if value is None else float(value)
