"""What is under deploy/ says only what the program understands: arguments, settings, ports, paths of probes."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from services.city.cli.commands import app
from services.city.parts import SERVICES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BASE = DEPLOY / "k8s" / "base"


def _manifests() -> Iterator[dict[str, Any]]:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))
    listed = set(kustomization["resources"])
    assert listed == {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    for name in sorted(listed):
        yield from yaml.safe_load_all((BASE / name).read_text(encoding="utf-8"))


MANIFESTS = list(_manifests())
DEPLOYMENTS = [each for each in MANIFESTS if each["kind"] == "Deployment"]
PODS = [
    (each["metadata"]["name"], each["spec"]["template"]["spec"]) for each in MANIFESTS if "template" in each["spec"]
]
COMPOSE = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))


def _known_settings() -> set[str]:
    settings = [
        getattr(import_module(f"services.{name}.settings"), f"{name.capitalize()}Settings") for name in SERVICES
    ]
    return {f"WANGGE_{field.upper()}" for each in settings for field in each.model_fields}


def _parse(arguments: list[str]) -> dict[str, Any]:
    """The parameters that `wangge` takes from `arguments`; fails as the command would."""
    group: Any = get_command(app)
    context = group.make_context("wangge", list(arguments))
    _, command, rest = group.resolve_command(context, arguments)
    parameters: dict[str, Any] = command.make_context(command.name, rest).params
    return parameters


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_a_pod_runs_a_command_that_exists_without_privileges(name: str, pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    _parse(container["args"])
    assert container["image"] == "wangge"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["requests"]["memory"]
    assert container["resources"]["limits"]["memory"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}, name


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each["metadata"]["name"])
def test_a_deployment_is_probed_where_it_listens(deployment: dict[str, Any]) -> None:
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    parameters = _parse(container["args"])
    assert deployment["metadata"]["name"] == f"{parameters['service'].value}-{parameters['role'].value}"
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http": parameters["port"]}
    assert container["startupProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == deployment["spec"]["selector"]["matchLabels"]
    assert labels == {
        "app.kubernetes.io/name": parameters["service"].value,
        "app.kubernetes.io/component": parameters["role"].value,
    }


def test_every_half_of_every_service_is_deployed() -> None:
    names = {each["metadata"]["name"] for each in DEPLOYMENTS}
    assert names == {f"{service}-{role}" for service in SERVICES for role in ("api", "worker")}


def test_a_pod_is_given_the_time_it_needs_to_drain() -> None:
    settings = _config_map()
    for _, pod in PODS:
        (container,) = pod["containers"]
        if "lifecycle" in container:
            waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
            assert pod["terminationGracePeriodSeconds"] >= waits + 2 * int(settings["WANGGE_DRAIN_SECONDS"])


def test_services_and_ingress_lead_to_the_api_pods() -> None:
    services = {each["metadata"]["name"]: each["spec"] for each in MANIFESTS if each["kind"] == "Service"}
    assert set(services) == set(SERVICES)
    for name, spec in services.items():
        assert spec["selector"] == {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "api"}
        assert [port["targetPort"] for port in spec["ports"]] == ["http"]
    (ingress,) = (each for each in MANIFESTS if each["kind"] == "Ingress")
    paths = {path["path"]: path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {**{f"/{name}": name for name in SERVICES}, "/problems": "intake"}


def _config_map() -> dict[str, str]:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))
    (generator,) = kustomization["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator["literals"])


def test_settings_are_known_to_the_program() -> None:
    text = (BASE / "kustomization.yaml").read_text(encoding="utf-8")
    mentioned = set(re.findall(r"WANGGE_[A-Z_]+", text)) | set(COMPOSE["x-wangge"]["environment"])
    assert mentioned - _known_settings() == set()
    assert _config_map()["WANGGE_ENVIRONMENT"] == "production"


def test_compose_runs_commands_that_exist() -> None:
    started = {name: each["command"] for name, each in COMPOSE["services"].items() if each.get("image") == "wangge"}
    assert set(started) == {"migrate", *SERVICES}
    for name in SERVICES:
        parameters = _parse(started[name])
        assert (parameters["service"].value, parameters["port"]) == (name, 8080)
    _parse(started["migrate"])
    doors = (DEPLOY / "compose" / "Caddyfile").read_text(encoding="utf-8")
    assert all(f"reverse_proxy {name}:8080" in doors for name in SERVICES)


def test_the_image_holds_what_it_runs_and_is_not_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert lines.index("USER 10001:10001") < lines.index('ENTRYPOINT ["wangge"]')
    copied = {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line}
    allowed = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert copied == allowed
    assert all((DEPLOY.parent / name).exists() for name in copied)
    assert any("--require-hashes -r requirements.lock" in line for line in lines)
