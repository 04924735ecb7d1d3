from __future__ import annotations

import hashlib

import pytest

from runtime.errors import InvalidConfig
from runtime.serving.tokens import SCOPES, TokenHash, hash_from_line, matching, new_token

SHA256 = hashlib.sha256(b"a token").hexdigest()


def test_a_token_is_long_random_and_kept_as_a_hash_alone() -> None:
    token, kept = new_token("gate", ["view"])
    assert len(token) >= 43
    assert kept.sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert token not in repr(kept)
    assert len({new_token("gate", ["view"])[0] for _ in range(100)}) == 100


def test_a_hash_is_written_as_it_is_read() -> None:
    kept = new_token("gate-3.b", ["view", "segment"])[1]
    assert kept.line == f"gate-3.b segment+view sha256:{kept.sha256}"
    assert hash_from_line(f"  {kept.line}  ") == kept


def test_a_token_finds_its_own_hash() -> None:
    made = [new_token(f"number-{number}", ["view"]) for number in range(5)]
    kept = [one for _, one in made]
    for token, one in made:
        assert matching(token, kept) is one
    assert matching("made-up", kept) is None
    assert matching("", kept) is None
    assert matching(kept[0].sha256, kept) is None
    assert matching("\udcff\xff", kept) is None


@pytest.mark.parametrize("wanted", SCOPES)
def test_admin_is_good_for_everything_and_the_others_for_themselves(wanted: str) -> None:
    good = [
        name
        for name in SCOPES
        if TokenHash("x", frozenset([name]), SHA256).allows(
            frozenset([scope for scope in SCOPES if scope == wanted])
        )
    ]
    assert set(good) == {wanted, "admin"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "three words"),
        ("hunter2-the-token-itself", "three words"),
        ("gate view hunter2-the-token-itself", "three words"),
        (f"gate view {SHA256}", "three words"),
        ("gate view sha256:hunter2", "64 hex digits"),
        (f"gate look sha256:{SHA256}", "segment, view, admin"),
        (f"gate view,segment sha256:{SHA256}", "segment, view, admin"),
        (f"-gate view sha256:{SHA256}", "name"),
    ],
)
def test_what_is_no_hash_of_a_token_is_refused_but_not_repeated(line: str, complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint) as caught:
        hash_from_line(line)
    assert "`runtime token`" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_token_is_good_for_something() -> None:
    with pytest.raises(InvalidConfig, match="scopes"):
        TokenHash("gate", frozenset(), SHA256)
