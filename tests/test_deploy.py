"""What is handed to Docker and Prometheus agrees with the daemon and with itself."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from packaging.requirements import Requirement

from runtime.serving.settings import load_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
STATE_DIR = "/var/lib/swiftnet"
DOCKERFILE = (ROOT / "Dockerfile.l4t").read_text(encoding="utf-8")
JETPACK5 = {"python_version": "3.8", "sys_platform": "linux", "platform_machine": "aarch64"}


def parsed(path: Path) -> Dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def locked_versions() -> Dict[str, str]:
    lines = (DEPLOY / "requirements-jetpack5.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition("==") for line in lines if not line.startswith("#")]
    return {name: version for name, _, version in pins}


def serving_requirements() -> List[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"]]


def test_the_dockerfile_is_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [str(hadolint), str(ROOT / "Dockerfile.l4t")], check=False, capture_output=True, text=True
    )
    assert result.stdout + result.stderr == ""
    assert result.returncode == 0


def test_the_image_has_what_serving_needs_in_versions_that_it_allows() -> None:
    locked = locked_versions()
    wanted = [r for r in serving_requirements() if r.marker is None or r.marker.evaluate(JETPACK5)]
    for requirement in wanted:
        assert requirement.specifier.contains(locked[requirement.name]), str(requirement)


def test_the_image_has_no_training_libraries() -> None:
    assert not {"torch", "onnx", "matplotlib"} & set(locked_versions())


def test_pycuda_is_compiled_against_the_numpy_that_is_shipped() -> None:
    assert f"numpy=={locked_versions()['numpy']}" in DOCKERFILE


def test_the_entrypoint_imports_what_there_is() -> None:
    script = (DEPLOY / "entrypoint-l4t.sh").read_text(encoding="utf-8")
    imports = [line for line in script.splitlines() if line.startswith("from runtime.")]
    assert imports
    for line in imports:
        _, module, _, names = line.split(maxsplit=3)
        found = importlib.import_module(module)
        assert all(hasattr(found, name) for name in names.split(", ")), line


def test_the_daemon_in_the_image_is_not_root() -> None:
    users = [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("USER")]
    assert users == ["10001"]


def test_the_build_context_has_every_file_that_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    names = {name for names in copied for name in names if not name.startswith("/")}
    assert names - {"--from=wheels"} == sent
    assert all((ROOT / name).exists() for name in sent)


def test_compose_builds_the_dockerfile_and_mounts_files_that_exist() -> None:
    services = parsed(DEPLOY / "compose.yaml")["services"]
    build = services["runtime"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == ROOT / "Dockerfile.l4t"
    sources = [
        volume.split(":")[0] for service in services.values() for volume in service["volumes"]
    ]
    assert all((DEPLOY / source).exists() for source in sources if source.startswith("."))


def test_the_settings_in_compose_name_an_engine_that_is_mounted() -> None:
    daemon = parsed(DEPLOY / "compose.yaml")["services"]["runtime"]
    mounts = {inside: outside for outside, inside, *_ in (v.split(":") for v in daemon["volumes"])}
    settings = load_settings({}, DEPLOY / mounts[daemon["command"][-1]], environ={})
    assert str(settings.engine.parent) in mounts


def test_compose_gives_the_daemon_no_more_rights_than_it_needs() -> None:
    daemon = parsed(DEPLOY / "compose.yaml")["services"]["runtime"]
    assert daemon["read_only"] is True
    assert daemon["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in daemon["security_opt"]
    writable = [volume for volume in daemon["volumes"] if not volume.endswith(":ro")]
    assert writable == [f"state:{STATE_DIR}"]


def test_the_image_keeps_state_where_its_user_may_write() -> None:
    assert f"SWIFTNET_STATE_DIR={STATE_DIR}" in DOCKERFILE
    assert f"VOLUME {STATE_DIR}" in DOCKERFILE
    assert f"install --directory --mode 700 --owner 10001 --group 10001 {STATE_DIR}" in DOCKERFILE


def test_prometheus_shows_a_token_and_asks_by_a_name_of_the_daemon_s_own() -> None:
    compose = parsed(DEPLOY / "compose.yaml")
    (job,) = parsed(DEPLOY / "prometheus.yml")["scrape_configs"]
    secret = Path(job["authorization"]["credentials_file"])
    assert secret.parent == Path("/run/secrets")
    assert compose["services"]["prometheus"]["secrets"] == [secret.name]
    file = compose["secrets"][secret.name]["file"]
    assert f"/deploy/{Path(file).name}" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    name = job["static_configs"][0]["targets"][0].partition(":")[0]
    assert compose["services"][name]["hostname"] == name


def test_the_camera_file_extends_a_service_of_compose() -> None:
    extended = parsed(DEPLOY / "compose.camera.yaml")["services"]
    assert set(extended) <= set(parsed(DEPLOY / "compose.yaml")["services"])


def test_prometheus_scrapes_the_port_that_compose_and_the_image_expose() -> None:
    services = parsed(DEPLOY / "compose.yaml")["services"]
    (job,) = parsed(DEPLOY / "prometheus.yml")["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert services[name]["ports"] == [f"{port}:{port}"]
    assert f"EXPOSE {port}" in DOCKERFILE
    assert f"http://127.0.0.1:{port}/readyz" in DOCKERFILE


@pytest.mark.prometheus
def test_prometheus_accepts_its_configuration() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    result = subprocess.run(
        # The token's file exists in the container alone.
        [promtool, "check", "config", "--syntax-only", str(DEPLOY / "prometheus.yml")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "SUCCESS" in result.stdout


def test_commit_hooks_fetch_nothing() -> None:
    hooks = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [hook["repo"] for hook in hooks] == ["local"]
    assert {item["language"] for hook in hooks for item in hook["hooks"]} == {"system"}
