"""The linters of what is no Python: `python -m tests.linters`, a part of `make lint`.

| linter | files |
|---|---|
| hadolint | Dockerfiles |
| shellcheck | shell scripts: by their ending, or by their first line |
| yamllint | YAML |
| kubernetes-validate | the manifests in deploy/kubernetes, against Kubernetes' own schemas, unknown fields included |
| detect-secrets | every tracked file |

Only files that git knows are looked at, and nothing is fetched: each linter comes from a wheel. hadolint and shellcheck
are binaries that not every platform has a wheel of. There they do not run, and that is said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

BIN: Final = Path(sys.executable).parent
YAML: Final = ".yamllint"
KUBERNETES: Final = "1.34"
"""The oldest version that is supported upstream when this was written: what it knows, later ones know."""
OWN_SCHEMAS: Final = ("keda.sh", "kustomize.config.k8s.io", "monitoring.coreos.com")
"""Groups that are not Kubernetes' own: their manifests have tests of their own."""
CACHE: Final = ".lint_cache/secrets.json"
"""Digests of files in which no secret was found: looking at all of them takes seconds."""
NOT_LOOKED_AT: Final = (".svg",)
RECORDED: Final = ("tests/unit/adapters/stores/", "tests/contract/recorded/")
"""Rows and messages of test services that are long gone, kept as they were: digests and ids throughout."""
DETECTORS: Final[list[dict[str, Any]]] = [
    *(
        {"name": f"{name}Detector"}
        for name in (
            "AWSKey",
            "Artifactory",
            "AzureStorageKey",
            "BasicAuth",
            "GitHubToken",
            "GitLabToken",
            "JwtToken",
            "Keyword",
            "Npm",
            "OpenAI",
            "PrivateKey",
            "PypiToken",
            "Slack",
            "Stripe",
        )
    ),
    {"name": "Base64HighEntropyString", "limit": 4.5},
    {"name": "HexHighEntropyString", "limit": 3.0},
]
FILTERS: Final[list[dict[str, Any]]] = [
    # Kubernetes' name of a secret is none.
    {
        "path": "detect_secrets.filters.regex.should_exclude_line",
        "pattern": [r"secretName.?: .?[a-z-]+\b"],
    },
    *(
        {"path": f"detect_secrets.filters.{name}"}
        for name in (
            "allowlist.is_line_allowlisted",
            "heuristic.is_indirect_reference",
            "heuristic.is_likely_id_string",
            "heuristic.is_lock_file",
            "heuristic.is_not_alphanumeric_string",
            "heuristic.is_potential_uuid",
            "heuristic.is_prefixed_with_dollar_sign",
            "heuristic.is_sequential_string",
            "heuristic.is_templated_secret",
        )
    ),
]

Lines = list[str]
"""What is wrong, a line each."""


def dockerfiles(root: Path, files: Sequence[str]) -> Lines:
    named = [name for name in files if Path(name).name.startswith("Dockerfile")]
    # DL3008: Debian's mirrors keep no old versions, so one that is pinned cannot be installed next month.
    options = ["--no-color", "--failure-threshold=warning", "--ignore=DL3008"]
    return _command(root, "hadolint", options, named)


def shell_scripts(root: Path, files: Sequence[str]) -> Lines:
    named = [name for name in files if name.endswith(".sh") or _is_shell(root / name)]
    # SC2016: a dollar in single quotes is meant so, for nginx, awk and the like.
    options = ["--color=never", "--format=gcc", "--exclude=SC2016"]
    return _command(root, "shellcheck", options, named)


def yaml(root: Path, files: Sequence[str]) -> Lines:
    config = Path(__file__).parent.parent / YAML
    named = [name for name in files if name.endswith((".yaml", ".yml"))]
    options = ["--strict", "--format=parsable", f"--config-file={config}"]
    return _command(root, "yamllint", options, named)


def manifests(root: Path, files: Sequence[str]) -> Lines:
    import kubernetes_validate
    import yaml as pyyaml

    found = []
    for name in files:
        if not (name.startswith("deploy/kubernetes/") and name.endswith(".yaml")):
            continue
        try:
            documents = list(pyyaml.safe_load_all((root / name).read_text()))
        except pyyaml.YAMLError:
            continue  # yamllint says where
        for each in documents:
            group = str((each or {}).get("apiVersion", "")).rpartition("/")[0]
            if each is None or group in OWN_SCHEMAS:
                continue
            where = f"{name}: {each.get('kind')} {each.get('metadata', {}).get('name')}"
            try:
                kubernetes_validate.validate(each, KUBERNETES, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(part) for part in error.path)
                found.append(f"{where}: {path}: {error.message}")
            except (kubernetes_validate.SchemaNotFoundError, KeyError, ValueError) as error:
                found.append(f"{where}: {error}")
    return found


def secrets(root: Path, files: Sequence[str]) -> Lines:
    """Where a value is none, its line says so: `pragma: allowlist secret`."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import transient_settings

    config = {"plugins_used": DETECTORS, "filters_used": FILTERS}
    salt = json.dumps([config, version("detect-secrets")]).encode()
    cache = root / CACHE
    try:
        clean = set(json.loads(cache.read_text()))
    except (OSError, ValueError):
        clean = set()
    found, looked_at = [], []
    with transient_settings(config):
        for name in files:
            path = root / name
            if path.suffix in NOT_LOOKED_AT or name.startswith(RECORDED) or not path.is_file():
                continue
            about = salt + name.encode() + b"\0" + path.read_bytes()
            digest = hashlib.sha256(about).hexdigest()
            if digest not in clean:
                those = [f"{name}:{s.line_number}: {s.type}" for s in scan_file(str(path))]
                found += those
                if those:
                    continue
            looked_at.append(digest)
    cache.parent.mkdir(exist_ok=True)
    cache.write_text(json.dumps(looked_at))
    return sorted(found)


LINTERS: Final[dict[str, Callable[[Path, Sequence[str]], Lines]]] = {
    "hadolint": dockerfiles,
    "shellcheck": shell_scripts,
    "yamllint": yaml,
    "kubernetes-validate": manifests,
    "detect-secrets": secrets,
}
MAY_LACK: Final = ("hadolint", "shellcheck")


class Missing(Exception):
    """There is no such linter on this platform."""


def _command(root: Path, name: str, options: Sequence[str], files: Sequence[str]) -> Lines:
    path = shutil.which(name, path=str(BIN))
    if path is None:
        raise Missing if name in MAY_LACK else FileNotFoundError(f"{name}: run `make lint`")
    if not files:
        return []
    done = subprocess.run(
        [path, *options, *files], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return []
    return (done.stdout + done.stderr).splitlines() or [f"exit status {done.returncode}"]


def _is_shell(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = file.readline(80)
    except OSError:
        return False
    words = first.replace(b"/", b" ").split()
    return first.startswith(b"#!") and bool({b"sh", b"bash", b"dash"} & set(words))


def tracked(root: Path) -> list[str]:
    """The files that git knows, those not yet committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.split("\0") if name}
    return sorted(name for name in names if (root / name).is_file())


def lint(root: Path, only: Iterable[str] = ()) -> Iterator[tuple[str, Lines | None]]:
    """Each linter with what is wrong; None where this platform has no such linter."""
    files = tracked(root)
    names = [name for name in LINTERS if name in set(only) or not only]
    with ThreadPoolExecutor() as pool:
        going_on = {name: pool.submit(LINTERS[name], root, files) for name in names}
        for name, result in going_on.items():
            try:
                yield name, result.result()
            except Missing:
                yield name, None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.linters", description=__doc__)
    parser.add_argument("linters", nargs="*", metavar="LINTER", help=", ".join(LINTERS))
    parser.add_argument("--root", type=Path, default=Path(), help="the working tree to look at")
    asked = parser.parse_args()
    wrong = False
    for name, lines in lint(asked.root, asked.linters):
        if lines is None:
            sys.stderr.write(f"{name}: not run, there is no wheel of it for this platform\n")
        elif lines:
            wrong = True
            sys.stderr.write("".join(f"{name}: {line}\n" for line in lines))
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
