from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable, Tuple

import pytest

from runtime.errors import InvalidConfig
from runtime.serving.keyring import Keyring, TokenFile
from runtime.serving.state_directory import StateDirectory
from runtime.serving.tokens import TokenHash, hash_from_line, new_token


def file_of(path: Path, *tokens: TokenHash) -> TokenFile:
    write(path, *tokens)
    return TokenFile(path, reader(path))


def write(path: Path, *tokens: TokenHash) -> None:
    path.write_text("".join(f"{token.line}\n" for token in tokens), encoding="utf-8")


def reader(path: Path) -> Callable[[], Tuple[TokenHash, ...]]:
    return lambda: tuple(map(hash_from_line, path.read_text(encoding="utf-8").splitlines()))


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    first, second = new_token("a", ["view"])[1], new_token("b", ["view", "segment"])[1]
    file = file_of(tmp_path / "tokens", first)
    assert file.tokens() == (first,)
    write(tmp_path / "tokens", second)
    assert file.tokens() == (second,)


def test_a_file_that_is_replaced_by_one_as_long_is_read_again(tmp_path: Path) -> None:
    first, second = new_token("a", ["view"])[1], new_token("b", ["view"])[1]
    file = file_of(tmp_path / "tokens", first)
    write(tmp_path / "new", second)
    (tmp_path / "new").replace(tmp_path / "tokens")
    assert file.tokens() == (second,)


def test_a_file_that_is_as_it_was_is_not_read(tmp_path: Path) -> None:
    reads = []
    (tmp_path / "tokens").write_bytes(b"")

    def read() -> Tuple[TokenHash, ...]:
        reads.append(1)
        return ()

    file = TokenFile(tmp_path / "tokens", read)
    for _ in range(100):
        file.tokens()
    assert len(reads) == 1


def test_while_a_file_is_broken_its_tokens_stay_and_the_log_says_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = new_token("a", ["view"])[1], new_token("b", ["view"])[1]
    file = file_of(tmp_path / "tokens", first)
    (tmp_path / "tokens").write_text("half a li", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert [file.tokens() for _ in range(3)] == [(first,)] * 3
    assert len(caplog.records) == 1
    assert "stay as they were" in caplog.text
    write(tmp_path / "tokens", second)
    assert file.tokens() == (second,)


def test_a_file_that_is_broken_at_the_start_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("half a li", encoding="utf-8")
    with pytest.raises(InvalidConfig):
        TokenFile(tmp_path / "tokens", reader(tmp_path / "tokens"))


def test_tokens_of_the_state_directory_count_until_one_is_configured(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    first_token, first = new_token("first-start", ["admin"])
    state.keep(first)
    config = file_of(tmp_path / "config")
    ring = Keyring(config, TokenFile(state.token_file, state.tokens))
    assert ring.holder_of(first_token) == first
    token, configured = new_token("gate", ["view"])
    write(tmp_path / "config", configured)
    assert ring.holder_of(token) == configured
    assert ring.holder_of(first_token) is None
    assert ring.holder_of("made-up") is None


def test_tokens_go_with_their_file(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    token, kept = new_token("gate", ["view"])
    state.keep(kept)
    ring = Keyring(TokenFile(None, tuple), TokenFile(state.token_file, state.tokens))
    assert ring.holder_of(token) == kept
    state.token_file.unlink()
    assert ring.holder_of(token) is None
