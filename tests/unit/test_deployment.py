"""The deployment's rules, held against docker-compose.yml and every overlay as written. No engine is needed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from caviar.errors import InputError
from caviar.settings import MlflowSettings, Settings, from_environment, read
from caviar_worker.settings import WorkerSettings
from tests.support.compose_files import BASE, OF_WORKERS, OVERLAYS, ROOT, WORKER, deployment

SECRETS = {*Settings.secrets(), *MlflowSettings.secrets()}
BELOW = {
    overlay: (overlay.with_name(WORKER),) if overlay.name in OF_WORKERS else ()
    for overlay in OVERLAYS
}
"""Overlay -> what lies under it, beside ``docker-compose.yml``."""
LAYOUTS = {BASE.name: deployment()} | {
    overlay.name: deployment(*below, overlay) for overlay, below in BELOW.items()
}
SERVICES = [
    pytest.param(layout, name, id=f"{layout}-{name}")
    for layout, content in LAYOUTS.items()
    for name in content["services"]
]
each_service = pytest.mark.parametrize("layout, name", SERVICES)
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def service(layout: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = LAYOUTS[layout]["services"][name]
    return found


@each_service
def test_no_container_can_do_more_than_it_needs(layout: str, name: str) -> None:
    """No root, no capability, no way to more rights, nothing to write into but volumes, a bound on memory."""
    about = service(layout, name)
    user = str(about.get("user", ""))
    assert user, "it runs as whatever its image says"
    assert user.split(":")[0] not in ("0", "root")
    assert about.get("read_only") is True
    assert about.get("cap_drop") == ["ALL"]
    assert "cap_add" not in about
    assert not about.get("privileged")
    assert about.get("security_opt") == ["no-new-privileges:true"]
    assert about.get("mem_limit"), "one part could take all memory"
    assert not any("docker.sock" in str(volume) for volume in about.get("volumes", ()))
    assert about.get("network_mode") is None
    assert about.get("pid") is None


@each_service
def test_every_part_is_watched_and_started_again(layout: str, name: str) -> None:
    """But for what ends by itself. Logs do not fill the disk."""
    about = service(layout, name)
    logging = about.get("logging", {}).get("options", {})
    assert {"max-size", "max-file"} <= logging.keys()
    if about.get("restart") == "no":
        waiting = [
            other
            for other in LAYOUTS[layout]["services"].values()
            if other.get("depends_on", {}).get(name, {}).get("condition")
            == "service_completed_successfully"
        ]
        assert waiting, f"{name} ends by itself and nobody waits for it"
        return
    assert about.get("restart") == "unless-stopped"
    assert about.get("healthcheck", {}).get("test")


@each_layout
def test_the_gateway_is_the_only_door(layout: str) -> None:
    """It alone publishes ports, and what is behind it is in a network without a way out."""
    services = LAYOUTS[layout]["services"]
    published = {name for name, about in services.items() if about.get("ports")}
    if layout in OF_WORKERS or layout == WORKER:
        assert published == set()
        return
    outside = {"gateway", "grafana"}  # Grafana's is the machine's own: see below
    assert "gateway" in published
    assert published <= outside
    for name in published - {"gateway"}:
        assert all(str(port).startswith("127.0.0.1:") for port in services[name]["ports"])
    assert LAYOUTS[layout]["networks"]["back"]["internal"] is True
    for name in ("scheduler", "postgres", "redis"):
        assert services[name]["networks"] == ["back"]
    assert services["worker"]["networks"] == ["workers"]
    shared = [
        name
        for name, about in services.items()
        if {"back", "workers"} <= set(about.get("networks", ()))
    ]
    assert shared == ["gateway"]


@each_service
def test_no_secret_is_in_an_environment_or_on_a_command_line(layout: str, name: str) -> None:
    """What is secret by its name is a file, and a file that is one of the secrets."""
    about = service(layout, name)
    known = {f"/run/secrets/{secret}" for secret in about.get("secrets", ())}
    for variable, value in about.get("environment", {}).items():
        secret = variable in SECRETS or re.search(r"TOKEN|SECRET|PASSWORD|_KEY", variable)
        if variable.endswith("_FILE") or variable in ("AWS_CONFIG_FILE",):
            assert str(value) in known, f"{variable}: {value} is no secret of {name}"
        elif variable.endswith("DATABASE_URL"):
            assert re.search(r"\?passfile=/run/secrets/\w+$", value)
            assert value.partition("passfile=")[2] in known
            assert not re.search(r"://[^@/]*:[^@/]*@", value)
        elif secret:
            raise AssertionError(f"{variable} of {name} is in the environment")
    words = " ".join(map(str, [*about.get("command", ()), *about.get("entrypoint", ())]))
    assert not re.search(r"password|requirepass|\$\{?\w*(TOKEN|SECRET|PASSWORD)", words, re.I)


@each_layout
def test_every_secret_is_a_file_that_the_script_draws_or_the_operator_brings(layout: str) -> None:
    """One below deploy/secrets, which is in no image and in no commit."""
    content = LAYOUTS[layout]
    used = {secret for about in content["services"].values() for secret in about.get("secrets", ())}
    assert used <= content.get("secrets", {}).keys()
    script = (ROOT / "deploy" / "secrets.sh").read_text(encoding="utf-8")
    brought = {"tls_certificate", "tls_key", "s3", "ca"}
    for name, where in content.get("secrets", {}).items():
        assert "secrets/" in where["file"]
        stem = name.removesuffix("_pgpass")
        assert name in brought or re.search(rf"\b{stem}\b", script), f"nobody makes {name}"


def test_the_worker_of_another_machine_is_the_same_worker() -> None:
    """But for the address: nothing of it may depend on being beside the service."""
    here = service(BASE.name, "worker")
    there = service("compose.worker.yml", "worker")
    differs = {key for key in {**here, **there} if here.get(key) != there.get(key)}
    assert differs <= {"depends_on", "environment"}
    changed = {k for k, v in there["environment"].items() if here["environment"].get(k) != v}
    assert changed == {"CAVIAR_URL"}
    assert there["secrets"] == ["worker_token"]


@each_layout
def test_volumes_and_networks_are_declared(layout: str) -> None:
    """Data lies in named volumes: `docker compose down` keeps them."""
    content = LAYOUTS[layout]
    for name, about in content["services"].items():
        assert set(about.get("networks", ())) <= content["networks"].keys(), name
        for volume in about.get("volumes", ()):
            by_default = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(volume))
            source, _, rest = by_default.partition(":")
            if source.startswith("."):
                assert rest.endswith(":ro"), f"{name} can write into {source}"
            else:
                assert source in content["volumes"]


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A copy of the script that has run once."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path / "deploy")
    subprocess.run([tmp_path / "deploy" / "secrets.sh"], check=True, capture_output=True)
    return tmp_path


def test_secrets_are_drawn_once_for_their_owner_alone(drawn: Path) -> None:
    """Long, different, in files of mode 600 in a folder of mode 700; a second run changes none of them."""
    folder = drawn / "deploy" / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: path for path in folder.iterdir() if path.name != "redis.acl"}
    wanted = {*deployment()["secrets"], "grafana_password"}
    assert files.keys() == wanted
    owners = set()
    for path in files.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        owners.add(path.stat().st_uid)
    assert owners == {os.getuid() or 10001}
    settings = dict(line.split("=", 1) for line in (drawn / ".env").read_text().splitlines())
    assert settings["CAVIAR_UID"] == str(owners.pop())
    secrets = [re.findall(r"[0-9a-f]{64}", path.read_text()) for path in files.values()]
    assert all(len(found) == 1 for found in secrets)
    assert len({found[0] for found in secrets}) == len(files)
    digest = (folder / "redis.acl").read_text()
    assert not any(found[0] in digest for found in secrets)
    before = {name: path.read_text() for name, path in files.items()}
    files.pop("gate_secret").unlink()
    done = subprocess.run(
        [drawn / "deploy" / "secrets.sh"], check=True, capture_output=True, text=True
    )
    assert done.stdout == "Drawn in deploy/secrets: gate_secret\n"
    assert not any(found[0] in done.stdout + done.stderr for found in secrets)
    after = {name: (folder / name).read_text() for name in before}
    assert [name for name in before if before[name] != after[name]] == ["gate_secret"]
    assert (drawn / ".env").read_text().count("CAVIAR_UID") == 1


def test_service_and_worker_take_what_is_drawn(drawn: Path) -> None:
    """With the environments of docker-compose.yml, the files where they lie here."""

    def environment(name: str) -> dict[str, str]:
        given = service(BASE.name, name)["environment"]
        plain = {k: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(v)) for k, v in given.items()}
        there = str(drawn / "deploy" / "secrets")
        return {key: value.replace("/run/secrets", there) for key, value in plain.items()}

    ignored = {"CAVIAR_URL"}
    scheduler = {k: v for k, v in environment("scheduler").items() if k not in ignored}
    settings = from_environment(scheduler)
    assert len(settings.token.get_secret_value()) == 64
    assert settings.broker_url.startswith("redis://caviar:")
    mlflow = read(MlflowSettings, environment("mlflow"))
    assert mlflow.mlflow_secret == settings.mlflow_secret
    more = {"CAVIAR_WORKER_SLOTS": "1", "CAVIAR_WORKER_USER": "same"}  # whoever runs the tests
    worker = WorkerSettings.from_environ(environment("worker") | more)
    assert worker.token == settings.worker_token.get_secret_value()
    with pytest.raises(InputError, match="No such file"):
        from_environment(scheduler | {"CAVIAR_TOKEN_FILE": "/nowhere"})


def test_the_images_take_what_the_lock_file_has() -> None:
    """Every extra of the Dockerfile is one that `make lock` resolves: no version is decided by the day of the build."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    locked = set(re.findall(r"--extra (\w+)", makefile)) | {"service", "worker", "mlflow"}
    names = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().split("\n")}
    for extra in set(re.findall(r"--extra (\w+)", dockerfile)) - locked:
        body = re.search(rf"^{extra} = \[(.*?)\]$", project, re.MULTILINE | re.DOTALL)
        assert body is not None, extra
        for wanted in re.findall(r'"([a-z0-9-]+)', body[1]):
            assert wanted in names, f"{wanted} of {extra} is not in requirements.lock"
    assert dockerfile.count("--constraint requirements.lock") == 2
    assert "psycopg-binary" in names


def test_nothing_secret_gets_into_an_image() -> None:
    """The build sees what .dockerignore lets in, and it begins by letting nothing in."""
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    assert "!deploy" not in lines
    assert not any("secret" in line or line == "!.env" for line in lines[1:])
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"deploy/secrets/", ".env"} <= set(ignored)


@pytest.mark.parametrize("layout", [None, *OVERLAYS], ids=lambda o: "base" if o is None else o.name)
def test_compose_reads_the_files_as_we_do(layout: Path | None, drawn: Path) -> None:
    """Where a docker with Compose is installed: no engine has to run for this."""
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("there is no docker compose here; make test-compose asks it")
    files = [BASE] if layout is None else [*BELOW[layout], layout]
    if files[0].name not in (BASE.name, WORKER):
        files.insert(0, BASE)
    environ = {
        **os.environ,
        "CAVIAR_UID": "10001",
        "CAVIAR_GID": "10001",
        "CAVIAR_URL": "https://caviar.example.org",
        "CAVIAR_MLFLOW_ARTIFACTS": "s3://bucket/path",
    }
    words = [word for file in files for word in ("-f", str(file))]
    done = subprocess.run(
        [docker, "compose", *words, "config", "--quiet"],
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
