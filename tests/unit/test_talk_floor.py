"""Who of several talkers is heard."""

import pytest

from go2py.config.settings import Policy
from go2py.streams.talk.floor import TURN, Claim, audible


def claims(*talkers: tuple[int, int, float]) -> list[Claim]:
    """Talkers by number, priority and when they began."""
    return [Claim(voice, priority, began, began) for voice, priority, began in talkers]


@pytest.mark.parametrize(("policy", "heard"), [("latest", {2}), ("first", {1}), ("mix", {1, 2, 3})])
def test_the_policy_decides_among_equals(policy: Policy, heard: set[int]) -> None:
    assert audible(claims((1, 0, 1.0), (2, 0, 3.0), (3, 0, 2.0)), policy) == heard


@pytest.mark.parametrize("policy", ["latest", "first", "mix"])
def test_a_higher_priority_wins_under_every_policy(policy: Policy) -> None:
    assert audible(claims((1, 0, 1.0), (2, 9, 2.0), (3, 0, 3.0)), policy) == {2}


def test_who_says_nothing_has_no_turn() -> None:
    silent = Claim(1, 5)
    silent.listen(speaks=False, now=10.0)
    assert audible([silent, *claims((2, 0, 1.0))], "latest") == {2}
    assert audible([silent], "mix") == frozenset()


def test_a_turn_outlives_the_pause_between_two_words_but_no_longer_one() -> None:
    claim = Claim(1, 0)
    began = []
    for speaks, now in ((True, 1.0), (False, 1.0 + TURN), (False, 1.1 + TURN), (True, 9.0)):
        claim.listen(speaks=speaks, now=now)
        began.append(claim.began)
    assert began == [1.0, 1.0, None, 9.0]
