"""The JobSet manifest: its structure, its numbers, and the action for each exit code.

The schema covers the part that the manifest uses of the JobSet CRD, version v1alpha2
(kubernetes-sigs/jobset, api/jobset/v1alpha2/jobset_types.go and config/components/crd/bases), and
of Kubernetes' batch/v1 Job and v1 Pod, which that CRD contains.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cinegan_jax.checkpointing.checkpoints import LastSaveFailed
from cinegan_jax.core.errors import USER_ERROR_EXIT_CODE
from cinegan_jax.health.monitor import UNHEALTHY_EXIT_CODE
from cinegan_jax.training.preemption import INTERRUPTED_EXIT_CODE, PREEMPTED_EXIT_CODE

ROOT = Path(__file__).parents[2]

# A schema is a type, a set of allowed values, a compiled pattern, a list with the schema of its
# items, or a mapping. Required keys of a mapping end in "!"; the key "*" allows any.
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
STRINGS = {"*": str}
POD = {
    "restartPolicy!": {"Never"},  # required by podFailurePolicy
    "terminationGracePeriodSeconds": int,
    "serviceAccountName": str,
    "nodeSelector": STRINGS,
    "containers!": [
        {
            "name!": DNS_LABEL,
            "image!": str,
            "args": [str],
            "env": [{"name!": str, "value!": str}],
            "ports": [{"containerPort!": int}],
            "resources": {"limits": {"*": int}},
        }
    ],
}
JOB = {
    "parallelism": int,
    "completions": int,
    "completionMode": {"Indexed", "NonIndexed"},
    "backoffLimit": int,
    "podFailurePolicy": {
        "rules!": [
            {
                "action!": {"FailJob", "Ignore", "Count", "FailIndex"},
                "onExitCodes": {
                    "containerName": str,
                    "operator!": {"In", "NotIn"},
                    "values!": [int],
                },
                "onPodConditions": [{"type!": str, "status": {"True", "False", "Unknown"}}],
            }
        ]
    },
    "template!": {"spec!": POD},
}
FAILURE_POLICY = {
    "maxRestarts": int,
    "rules": [
        {
            "name!": re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"),
            "action!": {"FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts"},
            "onJobFailureReasons": [{"PodFailurePolicy", "BackoffLimitExceeded"}],
            "onJobFailureMessagePatterns": [str],
        }
    ],
}
JOBSET = {
    "apiVersion!": {"jobset.x-k8s.io/v1alpha2"},
    "kind!": {"JobSet"},
    "metadata!": {"name!": DNS_LABEL, "annotations": STRINGS},
    "spec!": {
        "failurePolicy": FAILURE_POLICY,
        "network": {"enableDNSHostnames": bool, "subdomain": str},
        "replicatedJobs!": [
            {"name!": DNS_LABEL, "replicas": int, "template!": {"spec!": JOB}},
        ],
    },
}


def errors(value: Any, schema: Any, where: str = "") -> list[str]:
    """Return where and how a value violates a schema."""
    if isinstance(schema, type):
        wrong = type(value) is not schema
        return [f"{where}: {value!r} is not a {schema.__name__}"] if wrong else []
    if isinstance(schema, set):
        return [] if value in schema else [f"{where}: {value!r} is not one of {schema}"]
    if isinstance(schema, re.Pattern):
        fits = isinstance(value, str) and schema.fullmatch(value)
        return [] if fits else [f"{where}: {value!r} does not match {schema.pattern}"]
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is not a list"]
        return [e for i, item in enumerate(value) for e in errors(item, schema[0], f"{where}[{i}]")]
    return mapping_errors(value, schema, where)


def mapping_errors(value: Any, schema: dict[str, Any], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is not a mapping"]
    known = {key.rstrip("!"): inner for key, inner in schema.items()}
    required = {key[:-1] for key in schema if key.endswith("!")}
    found = [f"{where}.{key}: is missing" for key in sorted(required - value.keys())]
    for key, inner in value.items():
        if key in known or "*" in known:
            found += errors(inner, known.get(key, known.get("*")), f"{where}.{key}")
        else:
            found.append(f"{where}.{key}: is unknown")
    return found


@pytest.fixture
def jobset() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "launch/jobset.yaml").read_text())


@pytest.fixture
def job(jobset: dict[str, Any]) -> dict[str, Any]:
    (only,) = jobset["spec"]["replicatedJobs"]
    return only["template"]["spec"]


def test_the_manifest_fits_the_schema(jobset: dict[str, Any]) -> None:
    assert errors(jobset, JOBSET) == []


def test_the_schema_finds_mistakes(jobset: dict[str, Any], job: dict[str, Any]) -> None:
    del jobset["metadata"]["name"]
    job["parallelism"] = "4"
    job["podFailurePolicy"]["rules"][0]["action"] = "FailJobSet"
    job["template"]["spec"]["restartPolicy"] = "OnFailure"
    job["template"]["spec"]["nodeselector"] = {}
    found = [error.split(":")[0] for error in errors(jobset, JOBSET)]
    at = ".spec.replicatedJobs[0].template.spec"
    assert found == [
        ".metadata.name",
        f"{at}.parallelism",
        f"{at}.podFailurePolicy.rules[0].action",
        f"{at}.template.spec.restartPolicy",
        f"{at}.template.spec.nodeselector",
    ]


def test_the_chips_of_all_pods_fill_the_topology(job: dict[str, Any]) -> None:
    pod = job["template"]["spec"]
    topology = pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"]
    chips = pod["containers"][0]["resources"]["limits"]["google.com/tpu"]
    assert job["parallelism"] == job["completions"] > 1
    assert job["completionMode"] == "Indexed"  # GKE numbers the hosts of a slice by it
    assert chips * job["parallelism"] == math.prod(map(int, topology.split("x")))


def test_flags_name_a_config_and_the_workdir_is_in_a_bucket(job: dict[str, Any]) -> None:
    container = job["template"]["spec"]["containers"][0]
    flags = dict(flag.split("=", 1) for flag in container["args"])
    assert (ROOT / flags["--config"]).is_file()
    assert "--workdir" not in flags  # the worker's script adds it
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert re.fullmatch(r"gs://[^/]+/[^/]+", environment["WORKDIR"])


def test_the_port_of_the_jax_coordinator_is_open(job: dict[str, Any]) -> None:
    from jax._src.clusters.cloud_tpu_cluster import coordinator_port

    ports = [port["containerPort"] for port in job["template"]["spec"]["containers"][0]["ports"]]
    assert int(coordinator_port) in ports


def test_the_image_runs_the_script_that_reads_the_environment(job: dict[str, Any]) -> None:
    entrypoint = re.search(r"^ENTRYPOINT (.+)$", (ROOT / "launch/Dockerfile").read_text(), re.M)
    assert entrypoint
    shell, script = json.loads(entrypoint[1])
    assert shell == "bash"
    for entry in job["template"]["spec"]["containers"][0]["env"]:
        assert f"{entry['name']}=${{{entry['name']}:-" in (ROOT / script).read_text()


def job_failure(job: dict[str, Any], code: int | None) -> tuple[str, str]:
    """Reason and message of a Job whose pod left with a code, or (None) lost its machine.

    As Kubernetes' matchPodFailurePolicy (pkg/controller/job) makes them.
    """
    container = job["template"]["spec"]["containers"][0]["name"]
    for index, rule in enumerate(job["podFailurePolicy"]["rules"]):
        end = f"matching {rule['action']} rule at index {index}"
        codes = rule.get("onExitCodes")
        if codes and codes["containerName"] == container and code in codes["values"]:
            message = f"Container {container} for pod default/p failed with exit code {code} {end}"
            return "PodFailurePolicy", message
        if code is None and {"type": "DisruptionTarget", "status": "True"} in rule.get(
            "onPodConditions", []
        ):
            return "PodFailurePolicy", f"Pod default/p has condition DisruptionTarget {end}"
    assert job["backoffLimit"] == 0
    return "BackoffLimitExceeded", "Job has reached the specified backoff limit"


def action(jobset: dict[str, Any], reason: str, message: str) -> str:
    """Return the action of the first JobSet rule that matches, as its API describes."""
    for rule in jobset["spec"]["failurePolicy"]["rules"]:
        patterns = rule.get("onJobFailureMessagePatterns", [""])
        if reason in rule["onJobFailureReasons"] and any(re.search(p, message) for p in patterns):
            return rule["action"]
    return "RestartJobSet"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (USER_ERROR_EXIT_CODE, "FailJobSet"),
        (UNHEALTHY_EXIT_CODE, "FailJobSet"),
        (LastSaveFailed.exit_code, "FailJobSet"),
        (126, "FailJobSet"),
        (127, "FailJobSet"),
        (INTERRUPTED_EXIT_CODE, "FailJobSet"),
        (PREEMPTED_EXIT_CODE, "RestartJobSetAndIgnoreMaxRestarts"),
        (None, "RestartJobSetAndIgnoreMaxRestarts"),
        (1, "RestartJobSet"),
        (137, "RestartJobSet"),
    ],
)
def test_the_action_for_an_exit_code(
    jobset: dict[str, Any], job: dict[str, Any], code: int | None, expected: str
) -> None:
    assert action(jobset, *job_failure(job, code)) == expected
