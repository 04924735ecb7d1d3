from __future__ import annotations

from pathlib import Path

from runtime.builder.step_cache import StepCache, key_of


def finished(folder: Path) -> Path:
    """A folder in which the step `export` wrote one file."""
    output = folder / "model.onnx"
    output.write_bytes(b"model")
    StepCache(folder).record("export", "key", [output], {"answer": 42})
    return output


def test_a_finished_step_is_remembered_with_its_result(tmp_path: Path) -> None:
    finished(tmp_path)
    state = StepCache(tmp_path)
    assert state.is_done("export", "key")
    assert state.result("export") == {"answer": 42}


def test_other_inputs_or_another_step_are_not_done(tmp_path: Path) -> None:
    finished(tmp_path)
    state = StepCache(tmp_path)
    assert not state.is_done("export", "another key")
    assert not state.is_done("quantize", "key")


def test_a_step_whose_output_was_touched_is_made_again(tmp_path: Path) -> None:
    output = finished(tmp_path)
    output.write_bytes(b"edited")
    assert not StepCache(tmp_path).is_done("export", "key")
    output.unlink()
    assert not StepCache(tmp_path).is_done("export", "key")


def test_a_torn_memory_is_no_memory(tmp_path: Path) -> None:
    finished(tmp_path)
    state = tmp_path / "build-state.json"
    state.write_bytes(state.read_bytes()[:20])
    assert not StepCache(tmp_path).is_done("export", "key")


def test_keys_tell_inputs_apart_whatever_their_order() -> None:
    assert key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1})
    assert key_of("a", "b") != key_of("ab")
