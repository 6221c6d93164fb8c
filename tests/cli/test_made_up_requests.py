"""Requests made from the OpenAPI document, against a real engine over TCP: no fault of ours, no answer it does not
declare (R112)."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from cli_process import Pilothouse, eventually
from goal_files import GATED, goal_file
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
EXAMPLES = 3  # requests a route
# Streams do not end; the engine of the test shall not, and nothing that was made up shall run.
LEFT_OUT = ("/stream", "/engine/stop", "/engine/drain", "/engine/dispatch")
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def served(start: Start, inside: Pilothouse, project: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of an engine that starts nothing, and what opens it."""
    inside("init")
    assert inside("dispatch", "off", "--json").code == 0
    said = project / "said"
    with said.open("w") as stderr:
        process = start("serve", "--listen", "127.0.0.1:0", stderr=stderr, PILOTHOUSE_RUNTIME="process")
    url = eventually(lambda: [line.split()[-1] for line in said.read_text().splitlines() if "listens on" in line])[0]
    token = (project / ".pilothouse" / "api.token").read_text().strip()
    yield url, {"authorization": f"Bearer {token}"}
    assert process.poll() is None, "the engine lives on"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_r112_requests_from_the_schema_find_no_fault_and_no_undeclared_answer(
    served: tuple[str, dict[str, str]], inside: Pilothouse, project: Path
) -> None:
    url, proof = served
    goal_file(project, GATED)
    made = httpx.post(f"{url}/v1/goals", json={"source": GATED, "allow_unconfined": True}, headers=proof, timeout=30)
    assert made.status_code == 201, made.text
    document = httpx.get(f"{url}/openapi.json", headers=proof, timeout=30).json()
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith(LEFT_OUT):
            continue
        tried += 1
        _fuzz(operation, url, proof)
    assert tried > 35


def _fuzz(operation: schemathesis.APIOperation, url: str, proof: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def calls(case: schemathesis.Case) -> None:
        answer = case.call(base_url=url, headers=proof)
        assert answer.status_code != 500, (operation.label, answer.text)
        case.validate_response(answer, checks=CHECKS, excluded_checks=[not_a_server_error])

    calls()
