"""Basic and Digest, by the vectors of RFC 7616 and 2617, and both ends against each other."""

import pytest

from go2py.protocols.http_auth import (
    Challenge,
    ClientAuth,
    ServerAuth,
    Verdict,
    digest_response,
    parse_challenges,
)

MUFASA = {
    "user": "Mufasa",
    "realm": "http-auth@example.org",
    "password": "Circle of Life",
    "method": "GET",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "qop": "auth",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: str, response: str) -> None:
    assert digest_response(algorithm, **MUFASA) == response


def test_rfc_2617_section_3_5() -> None:
    response = digest_response(
        "MD5", user="Mufasa", realm="testrealm@host.com", password="Circle Of Life", method="GET",
        uri="/dir/index.html", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", qop="auth", nc="00000001", cnonce="0a4f113b",
    )  # fmt: skip
    assert response == "6629fae49393a05397450978507c4ef1"


def test_several_challenges_in_one_header() -> None:
    text = 'Digest realm="a \\"b\\", c", nonce="n1", algorithm=SHA-256, qop="auth,auth-int", Basic realm="x, Digest y"'
    assert parse_challenges([text]) == (
        Challenge("digest", 'a "b", c', "n1", "SHA-256", "auth"),
        Challenge("basic", "x, Digest y"),
    )


def test_what_nobody_can_answer_is_left_out() -> None:
    unknown = [
        "Negotiate",
        'Digest realm="r", nonce="n", algorithm=SHA3',
        'Digest realm="r", nonce="n", qop="auth-int"',
    ]
    assert parse_challenges(unknown) == ()
    assert not ClientAuth("u", "p").challenged(unknown)


def test_the_best_algorithm_is_taken() -> None:
    auth = ClientAuth("u", "p")
    assert auth.challenged(
        ['Basic realm="r"', 'Digest realm="r", nonce="n"', 'Digest realm="r", nonce="m", algorithm=SHA-256']
    )
    assert "algorithm=SHA-256" in auth.authorization("GET", "/")


def test_old_cameras_get_the_plain_form() -> None:
    auth = ClientAuth("u", "p")
    assert auth.authorization("DESCRIBE", "rtsp://h/") == ""
    assert auth.challenged(['Digest realm="r", nonce="n"'])
    text = auth.authorization("DESCRIBE", "rtsp://h/")
    assert "qop" not in text
    assert "algorithm" not in text


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256", "MD5-sess"])
@pytest.mark.parametrize("user", ["admin", 'we"ird\\', "größe"])
def test_both_ends_agree(algorithm: str, user: str) -> None:
    server = ServerAuth(user, "pä:ss", algorithms=("SHA-512-256", "SHA-256", "MD5"))
    client = ClientAuth(user, "pä:ss")
    challenge = server.challenge(100)[2].replace("MD5", algorithm) if "MD5" in algorithm else server.challenge(100)[0]
    assert client.challenged([challenge])
    for _ in range(3):
        assert server.verify(client.authorization("PLAY", "rtsp://h/x"), "PLAY", 101) is Verdict.OK
    assert server.verify(client.authorization("PLAY", "rtsp://h/x"), "TEARDOWN", 101) is Verdict.WRONG
    wrong = ClientAuth(user, "no")
    assert wrong.challenged([challenge])
    assert server.verify(wrong.authorization("PLAY", "rtsp://h/x"), "PLAY", 101) is Verdict.WRONG


def test_basic() -> None:
    server = ServerAuth("u", "p:w", algorithms=())
    client = ClientAuth("u", "p:w")
    assert client.challenged(server.challenge(0))
    assert server.verify(client.authorization("GET", "/"), "GET", 0) is Verdict.OK
    assert server.verify("Basic dTp4", "GET", 0) is Verdict.WRONG
    assert ServerAuth("u", "p:w", basic=False).verify(client.authorization("GET", "/"), "GET", 0) is Verdict.WRONG


@pytest.mark.parametrize("text", ["Basic !", "Basic ", "Digest", "Digest a=b", "Bearer x", "Digest nonce=zz-1"])
def test_nonsense_never_passes(text: str) -> None:
    assert ServerAuth("u", "p").verify(text, "GET", 0) in (Verdict.WRONG, Verdict.STALE)


def test_no_credentials_are_missing_not_wrong() -> None:
    assert ServerAuth("u", "p").verify("", "GET", 0) is Verdict.MISSING


def test_an_old_nonce_is_stale_and_the_client_goes_on() -> None:
    server, client = ServerAuth("u", "p", nonce_life=10), ClientAuth("u", "p")
    assert client.challenged(server.challenge(0))
    client.accepted()
    assert server.verify(client.authorization("GET", "/"), "GET", 20) is Verdict.STALE
    assert client.challenged(server.challenge(20, stale=True))
    assert server.verify(client.authorization("GET", "/"), "GET", 20) is Verdict.OK


def test_a_nonce_of_another_server_is_stale() -> None:
    client = ClientAuth("u", "p")
    assert client.challenged(ServerAuth("u", "p").challenge(0))
    assert ServerAuth("u", "p").verify(client.authorization("GET", "/"), "GET", 0) is Verdict.STALE


def test_refused_credentials_are_not_sent_again() -> None:
    client = ClientAuth("u", "p")
    assert client.challenged(['Digest realm="r", nonce="1"'])
    assert not client.challenged(['Digest realm="r", nonce="2"'])


def test_a_new_nonce_without_stale_is_tried_once() -> None:
    client = ClientAuth("u", "p")
    assert client.challenged(['Digest realm="r", nonce="1"'])
    client.accepted()
    assert client.challenged(['Digest realm="r", nonce="2"'])
    assert not client.challenged(['Digest realm="r", nonce="3"'])


def test_without_credentials_there_is_no_answer() -> None:
    assert not ClientAuth("", "").challenged(['Basic realm="r"'])
