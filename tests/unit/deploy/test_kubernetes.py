"""The manifests: what each pod may do, what it knows, whom it reaches, and what workers are scaled on."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support import wait_until
from tests.support.real_api import serving
from tests.support.servers import free_port

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
NGINX = ROOT / "deploy" / "nginx"
Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    files = [path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"]
    found = [each for path in sorted(files) for each in yaml.safe_load_all(path.read_text())]
    assert all(found)
    return found


def named(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests() if each["kind"] == kind}


def pods() -> dict[str, Manifest]:
    """What runs, by name."""
    return {
        name: each["spec"]["template"]
        for kind in ("Deployment", "StatefulSet")
        for name, each in named(kind).items()
    }


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def environment(container: Manifest) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container.get("env", [])}


@pytest.mark.parametrize("name", pods())
def test_a_pod_may_do_nothing_that_it_does_not_need(name: str) -> None:
    """Not root, no capability, nothing written but to its volumes, no account at Kubernetes, bounded memory."""
    pod = pods()[name]
    rights = pod["spec"]["securityContext"]
    assert rights["runAsNonRoot"] is True
    assert rights["runAsUser"] > 0
    assert rights["runAsGroup"] > 0
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]


@pytest.mark.parametrize("name", pods())
def test_secrets_are_files_that_are_named_one_by_one(name: str) -> None:
    """None is in an environment; a pod gets those that it needs, and its group alone may read them."""
    pod = pods()[name]
    for volume in pod["spec"].get("volumes", []):
        if "secret" in volume:
            assert volume["secret"]["items"], "all of them"
            assert volume["secret"]["defaultMode"] == 0o440
    keys = secret_keys(pod)
    for container in containers(pod):
        for variable, value in environment(container).items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in keys
            else:
                assert not re.search("TOKEN|SECRET|PASSWORD|DATABASE_URL|BROKER_URL", variable)


def test_every_setting_is_one_that_there_is() -> None:
    """A misspelt variable would be ignored in silence."""
    known = (ROOT / "docs" / "reference" / "settings.md").read_text()
    settings = yaml.safe_load((FOLDER / "base/kustomization.yaml").read_text())
    literals = settings["configMapGenerator"][0]["literals"]
    used = {each.partition("=")[0] for each in literals}
    for pod in pods().values():
        for container in containers(pod):
            used |= environment(container).keys()
    ours = {name.removesuffix("_FILE") for name in used if name.startswith("CAVIAR_")}
    assert len(ours) > 10
    assert not [name for name in ours if f"`{name}`" not in known]


def secret_keys(pod: Manifest) -> set[str]:
    volumes = pod["spec"].get("volumes", [])
    return {item["path"] for v in volumes if "secret" in v for item in v["secret"]["items"]}


def test_no_secret_is_written_down() -> None:
    """They are made from what deploy/secrets.sh draws; the page says how, for each."""
    assert not named("Secret")
    page = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text()
    keys = set().union(*(secret_keys(pod) for pod in pods().values()))
    assert keys == {key for key in keys if f"`{key}`" in page}


def test_users_code_has_no_secret_but_a_workers() -> None:
    """It runs beside the worker's token, and near nothing else."""
    for name in ("worker", "worker-gpu"):
        assert secret_keys(pods()[name]) == {"worker_token"}


def test_every_pod_is_behind_a_policy_of_its_own() -> None:
    """Nobody may do anything but look up names, and each is allowed what it needs."""
    policies = named("NetworkPolicy")
    nothing = policies["nothing-but-names"]["spec"]
    assert nothing["podSelector"] == {}
    assert set(nothing["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in nothing
    for name, pod in pods().items():
        labels = pod["metadata"]["labels"].items()
        own = [
            policy
            for policy in policies.values()
            if (wanted := policy["spec"]["podSelector"].get("matchLabels", {}))
            and wanted.items() <= labels
        ]
        assert own, name
    for reached in policies["worker"]["spec"]["egress"]:
        assert reached["to"] == [
            {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}
        ]
    from_outside = [
        name
        for name, policy in policies.items()
        for rule in policy["spec"].get("ingress", [])
        if "from" not in rule
    ]
    assert from_outside == ["gateway"]


def test_there_is_one_scheduler() -> None:
    """Never two, not even while one is replaced; and no budget that would keep a machine from being emptied for it."""
    scheduler = named("Deployment")["scheduler"]["spec"]
    assert (scheduler["replicas"], scheduler["strategy"]) == (1, {"type": "Recreate"})
    for budget in named("PodDisruptionBudget").values():
        selected = budget["spec"]["selector"]["matchLabels"].items()
        for name, each in named("Deployment").items():
            labels = each["spec"]["template"]["metadata"]["labels"].items()
            if selected <= labels and "minAvailable" in budget["spec"]:
                assert each["spec"]["replicas"] > budget["spec"]["minAvailable"], name


def test_a_worker_that_comes_back_has_its_name_and_its_folder() -> None:
    """What it had not shipped lies there. So it is a StatefulSet, and its volumes stay."""
    for name in ("worker", "worker-gpu"):
        worker = named("StatefulSet")[name]
        kept = worker["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert kept == {"whenScaled": "Retain", "whenDeleted": "Retain"}
        (container,) = worker["spec"]["template"]["spec"]["containers"]
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        (claim,) = worker["spec"]["volumeClaimTemplates"]
        folder = mounts[claim["metadata"]["name"]]
        assert environment(container)["CAVIAR_WORKER_DIR"].startswith(f"{folder}/")


def test_the_worker_with_a_gpu_is_the_other_one_but_for_that() -> None:
    """The file is a copy: what is changed in one is changed in both."""
    cpu, gpu = (named("StatefulSet")[name]["spec"] for name in ("worker", "worker-gpu"))
    one, other = (each["template"]["spec"] for each in (cpu, gpu))
    differ = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert differ == {"containers", "tolerations", "volumes"}
    (one,), (other,) = one["containers"], other["containers"]
    differ = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert differ == {"image", "env", "resources"}
    first, second = environment(one), environment(other)
    changed = {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
    assert changed == {
        "CAVIAR_WORKER_CLASS",
        "CAVIAR_WORKER_SLOTS",
        "CAVIAR_WORKER_SLOTS_PER_GPU",
    }
    assert other["resources"]["limits"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("name", named("ScaledObject"))
def test_workers_are_scaled_on_a_figure_that_is_told(name: str, tmp_path: Path) -> None:
    """In the words of the scheduler's own /metrics, where nobody works and nothing waits too."""
    scaled = named("ScaledObject")[name]["spec"]
    worker = named("StatefulSet")[scaled["scaleTargetRef"]["name"]]
    (trigger,) = scaled["triggers"]
    asked = trigger["metadata"]
    variables = environment(worker["spec"]["template"]["spec"]["containers"][0])
    slots = variables.get("CAVIAR_WORKER_SLOTS") or variables["CAVIAR_WORKER_SLOTS_PER_GPU"]
    assert asked["targetValue"] == slots
    assert f'"{variables["CAVIAR_WORKER_CLASS"]}"' in asked["valueLocation"]
    assert asked["url"] == "http://scheduler.caviar.svc:8642/metrics"
    assert (asked["format"], asked["authMode"]) == ("prometheus", "bearer")
    secret = named("TriggerAuthentication")[trigger["authenticationRef"]["name"]]
    (reference,) = secret["spec"]["secretTargetRef"]
    assert (reference["parameter"], reference["key"]) == ("token", "metrics_token")
    with serving(tmp_path) as service, service.client() as client:

        def told() -> float:
            lines = client.get(f"{service.url}/metrics").text.splitlines()
            (line,) = [each for each in lines if each.startswith(asked["valueLocation"] + " ")]
            return float(line.rpartition(" ")[2])

        assert told() == 0
        if variables["CAVIAR_WORKER_CLASS"] == "cpu":
            service.submit(trials=7)
            assert wait_until(lambda: told() == 7, why="what waits is told")


def test_what_kustomize_cannot_reach_is_a_true_copy() -> None:
    """It reads no file of a folder above."""
    assert (FOLDER / "data/postgres.sh").read_text() == (ROOT / "deploy/postgres.sh").read_text()


@pytest.mark.parametrize("folder", ["base", "example"])
def test_kustomize_puts_them_together(folder: str) -> None:
    """What `kubectl apply -k` would send, against Kubernetes' own schemas; every name that is referred to is there."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here")
    import kubernetes_validate

    done = subprocess.run(
        [kubectl, "kustomize", str(FOLDER / folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = list(yaml.safe_load_all(done.stdout))
    names = {(each["kind"], each["metadata"]["name"]) for each in found}
    for each in found:
        if "keda.sh" not in each["apiVersion"]:
            kubernetes_validate.validate(each, "1.34", strict=True)
        if each["kind"] != "Namespace":
            assert each["metadata"]["namespace"] == "caviar"
        pod = each.get("spec", {}).get("template", {}).get("spec", {})
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in names
        if folder == "example":
            for container in pod.get("containers", []):
                own = "caviar" in container["image"]
                assert not own or container["image"].startswith("registry.example.org/")


class Scheduler(http.server.BaseHTTPRequestHandler):
    """Stands where the gateway sends to."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the scheduler, by its name")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scheduler() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scheduler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield int(server.server_port)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("with_names", [True, False])
def test_the_gateway_finds_names_without_a_resolver_of_its_own(
    with_names: bool, scheduler: int, tmp_path: Path
) -> None:
    """Compose's files ask Docker's resolver, which Kubernetes does not have; base/names.conf makes it unnecessary."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("no nginx here")
    port = free_port()
    for path in [*NGINX.glob("*.conf"), FOLDER / "base/names.conf"]:
        text = path.read_text()
        for old, new in {
            "scheduler:8642": f"localhost:{scheduler}",
            "mlflow:5000": f"localhost:{scheduler}",
            "listen 8080": f"listen 127.0.0.1:{port}",
            "/etc/caviar/": f"{tmp_path}/",
            "/tmp/nginx/": f"{tmp_path}/run/",
            "resolver 127.0.0.11": f"resolver 127.0.0.1:{free_port()}",
            "/dev/stdout": f"{tmp_path}/log",
            "/dev/stderr": f"{tmp_path}/errors",
        }.items():
            text = text.replace(old, new)
        (tmp_path / path.name).write_text(text)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/gate.conf").write_text('map "" $gate_secret { default "secret"; }\n')
    if with_names:
        shutil.copy(tmp_path / "names.conf", tmp_path / "run/tls-names.conf")
    command = [nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            def answers() -> bool:
                assert process.poll() is None, process.stdout and process.stdout.read()
                try:
                    return client.get("/healthz").status_code == 200
                except httpx2.HTTPError:
                    return False

            wait_until(answers, why="nginx answers")
            answer = client.get("/api/v1/health", timeout=30)
    finally:
        process.terminate()
        process.communicate()
    if with_names:
        assert (answer.status_code, answer.text) == (200, "the scheduler, by its name")
    else:
        assert answer.status_code == 502, "or else names.conf is not needed any more"
