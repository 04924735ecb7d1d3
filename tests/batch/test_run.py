from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

pytest.importorskip("openvino")
pytest.importorskip("onnx")

from runtime.cli.main import FAILED, NOT_AS_ASKED, main
from runtime.image.label_png import ids_from_png
from runtime.repository.engine_folder import sha256_of
from runtime.repository.manifest import MANIFEST_NAME, manifest_text
from tests.batch.scene import write_image
from tests.contracts.engine import striped_manifest
from tests.engines import fake_build
from tests.inference.backends.networks import write_onnx


@pytest.fixture
def engine(tmp_path: Path) -> str:
    """An engine folder with a network that OpenVINO runs."""
    model = write_onnx(tmp_path / "model.onnx")
    found = {
        "artefact": model.name,
        "backend": "openvino",
        "sha256": sha256_of(model),
        "size": model.stat().st_size,
    }
    manifest = striped_manifest().model_copy(
        update={"builds": [fake_build().model_copy(update=found)]}
    )
    (tmp_path / MANIFEST_NAME).write_text(manifest_text(manifest), encoding="utf-8")
    return str(tmp_path)


def test_a_folder_of_images_is_segmented_and_a_bad_one_makes_it_fail(
    tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_image(tmp_path / "drive" / f"{number}.jpg", bright_from=20 * number)
    (tmp_path / "drive" / "bad.jpg").write_bytes(b"no image")
    command = ["segment", str(tmp_path / "drive"), "-o", str(tmp_path / "out"), "--engine", engine]
    assert main(command) == FAILED
    told = capsys.readouterr()
    assert told.out == "3 segmented, 0 finished earlier\n"
    assert "bad.jpg: the 8 bytes are no JPEG, PNG or WebP" in told.err
    mask = ids_from_png((tmp_path / "out" / "1.png").read_bytes())
    assert mask.shape == (32, 64)
    (tmp_path / "drive" / "bad.jpg").unlink()
    assert main(command) == 0
    assert capsys.readouterr().out == "0 segmented, 3 finished earlier\n"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [(["--opacity", "2"], "opacity is 2.0"), (["--precision", "int8"], "is not int8")],
)
def test_what_cannot_be_done_as_asked_says_why(
    tmp_path: Path,
    engine: str,
    capsys: pytest.CaptureFixture[str],
    wrong: List[str],
    reason: str,
) -> None:
    source = str(write_image(tmp_path / "a.jpg"))
    command = ["segment", source, "-o", str(tmp_path / "out"), "--engine", engine, *wrong]
    assert main(command) == NOT_AS_ASKED
    assert reason in capsys.readouterr().err
