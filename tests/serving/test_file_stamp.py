from __future__ import annotations

import os
from pathlib import Path

from runtime.serving.file_stamp import stamp_of


def test_it_changes_with_the_file_and_only_then(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    stamps = [stamp_of(file)]
    for content in (b"1", b"22"):
        file.write_bytes(content)
        stamps.append(stamp_of(file))
        assert stamp_of(file) == stamps[-1]
    other.write_bytes(b"33")
    os.utime(other, ns=(0, file.stat().st_mtime_ns))
    other.replace(file)
    stamps.append(stamp_of(file))
    assert len(set(stamps)) == 4
    assert stamps[0] is None


def test_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    """Kubernetes replaces the files of a secret by pointing a link elsewhere."""
    for name in "ab":
        (tmp_path / name).write_bytes(b"1")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    before = stamp_of(link)
    link.unlink()
    link.symlink_to(tmp_path / "b")
    assert stamp_of(link) != before
