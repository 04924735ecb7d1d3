from __future__ import annotations

from pathlib import Path

from PIL import Image

from runtime.builder.figure import DPI, new_figure, save


def drawn(path: Path) -> bytes:
    figure = new_figure(2, 1)
    figure.add_subplot().plot([0, 1], [1, 0])
    save(figure, path)
    return path.read_bytes()


def test_equal_plots_are_equal_files_of_the_size_asked_for(tmp_path: Path) -> None:
    assert drawn(tmp_path / "one.png") == drawn(tmp_path / "other.png")
    with Image.open(tmp_path / "one.png") as opened:
        assert opened.size == (2 * DPI, DPI)


def test_a_plot_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"an earlier plot")
    assert drawn(tmp_path / "one.png").startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["one.png"]
