"""The story of the official Python SDK 1.x, unmodified. It speaks Connect in binary over HTTP/1.1, under /api."""

import itertools
import os
import re
import sys
import threading
import time
from importlib.metadata import version

from buf.validate.validate_pb2 import Violations
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from gitpod.v1 import event_pb2, group_pb2, identity_pb2, runner_pb2
from gitpod.v1.pagination_pb2 import PaginationRequest
from gitpod.v1.runner_configuration_pb2 import (
    RUNNER_KIND_LOCAL,
    RUNNER_KIND_REMOTE,
    RUNNER_PROVIDER_AWS_EC2,
    RUNNER_PROVIDER_GCP,
    RUNNER_PROVIDER_LINUX_HOST,
)
from ona_sdk import CapabilityUnavailableError, create_client

url, token = os.environ["ROLLCALL_URL"], os.environ["ROLLCALL_TOKEN"]
organization = os.environ["ROLLCALL_ORGANIZATION"]
UNKNOWN = "01900000-0000-7000-8000-000000000000"

client = create_client(api_key=token, base_url=f"{url}/api")
services, runners = client.services, client.services.runner

STABLE, LATEST = runner_pb2.RUNNER_RELEASE_CHANNEL_STABLE, runner_pb2.RUNNER_RELEASE_CHANNEL_LATEST

# The examples of the API's documentation, and the kind of runner that each makes.
EXAMPLES = [
    ("AWS Runner", RUNNER_PROVIDER_AWS_EC2, "us-west", STABLE, RUNNER_KIND_REMOTE),
    ("GCP Runner", RUNNER_PROVIDER_GCP, "us-central1", STABLE, RUNNER_KIND_REMOTE),
    ("Local Development Runner", RUNNER_PROVIDER_LINUX_HOST, "", LATEST, RUNNER_KIND_LOCAL),
]
ids = []
exchange_tokens = []


def create():
    for name, provider, region, channel, kind in EXAMPLES:
        spec = runner_pb2.RunnerSpec(
            desired_phase=runner_pb2.RUNNER_PHASE_ACTIVE,
            configuration=runner_pb2.RunnerConfiguration(region=region, release_channel=channel, auto_update=True),
        )
        created = runners.create_runner(runner_pb2.CreateRunnerRequest(name=name, provider=provider, spec=spec))
        runner = created.runner
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", runner.runner_id), runner.runner_id
        assert created.exchange_token.startswith("rcexc_"), "exchange_token has another prefix"
        assert runner.kind == kind, runner.kind
        assert runner.status.phase == runner_pb2.RUNNER_PHASE_CREATED, runner.status
        assert runner.spec == spec, runner.spec
        ids.append(runner.runner_id)
        exchange_tokens.append(created.exchange_token)


def get_runner(runner_id):
    return runners.get_runner(runner_pb2.GetRunnerRequest(runner_id=runner_id)).runner


def get():
    runner = get_runner(ids[0])
    assert runner.name == "AWS Runner", runner.name
    assert runner.provider == RUNNER_PROVIDER_AWS_EC2, runner.provider
    assert runner.spec.configuration.region == "us-west", runner.spec
    assert runner.spec.configuration.log_level == runner_pb2.LOG_LEVEL_UNSPECIFIED, runner.spec


def list_pages():
    seen, page = [], PaginationRequest(page_size=1)
    while True:
        answer = runners.list_runners(runner_pb2.ListRunnersRequest(pagination=page), use_get=True)
        assert len(answer.runners) <= 1, answer
        seen += [runner.runner_id for runner in answer.runners]
        if not answer.pagination.next_token:
            break
        page.token = answer.pagination.next_token
    assert all(seen.count(runner_id) == 1 for runner_id in ids), seen


def update():
    def change(**changed):
        runners.update_runner(runner_pb2.UpdateRunnerRequest(runner_id=ids[0], **changed))

    def configure(**changed):
        change(spec={"configuration": changed})

    configure(update_window={"start_hour": 22})
    window = get_runner(ids[0]).spec.configuration.update_window
    assert window.start_hour == 22 and not window.HasField("end_hour"), window
    configure(auto_update=False, update_window={})
    change(name="Updated Runner Name")
    runner = get_runner(ids[0])
    assert runner.name == "Updated Runner Name", runner.name
    assert runner.spec.configuration == runner_pb2.RunnerConfiguration(region="us-west", release_channel=STABLE)


def policies():
    new_group = group_pb2.CreateGroupRequest(organization_id=organization, name="interop")
    grant = {"runner_id": ids[0], "group_id": services.group.create_group(new_group).group.id}

    def granted():
        listed = runners.list_runner_policies(runner_pb2.ListRunnerPoliciesRequest(runner_id=ids[0]))
        return [(policy.group_id, policy.role) for policy in listed.policies]

    runners.create_runner_policy(
        runner_pb2.CreateRunnerPolicyRequest(**grant, role=runner_pb2.RUNNER_ROLE_USER)
    )
    assert granted() == [(grant["group_id"], runner_pb2.RUNNER_ROLE_USER)], granted()
    runners.update_runner_policy(
        runner_pb2.UpdateRunnerPolicyRequest(**grant, role=runner_pb2.RUNNER_ROLE_ADMIN)
    )
    assert granted() == [(grant["group_id"], runner_pb2.RUNNER_ROLE_ADMIN)], granted()
    runners.delete_runner_policy(runner_pb2.DeleteRunnerPolicyRequest(**grant))
    assert granted() == [], granted()


def exchange(exchange_token):
    request = identity_pb2.ExchangeTokenRequest(exchange_token=exchange_token)
    return create_client(base_url=f"{url}/api").services.identity.exchange_token(request).access_token


def tokens():
    further = runners.create_runner_token(runner_pb2.CreateRunnerTokenRequest(runner_id=ids[2])).exchange_token
    for exchange_token in exchange_tokens[2], further:
        runner = create_client(api_key=exchange(exchange_token), base_url=f"{url}/api")
        request = identity_pb2.GetAuthenticatedIdentityRequest()
        subject = runner.services.identity.get_authenticated_identity(request).subject
        assert (subject.id, subject.principal) == (ids[2], identity_pb2.PRINCIPAL_RUNNER), subject
    fails(Code.UNAUTHENTICATED, lambda: exchange(further))
    logs = runners.create_runner_logs_token(runner_pb2.CreateRunnerLogsTokenRequest(runner_id=ids[2]))
    assert logs.access_token


def events():
    heard = threading.Event()

    def watch():
        stream = services.event.watch_events(event_pb2.WatchEventsRequest(organization=True))
        for event in stream:
            if (event.operation, event.resource_id) == (event_pb2.RESOURCE_OPERATION_UPDATE, ids[1]):
                stream.close()
                heard.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    # This client says nothing until the first event is there, so there have to be some until it hears one.
    for attempt in itertools.count(1):
        runners.update_runner(runner_pb2.UpdateRunnerRequest(runner_id=ids[1], name=f"Watched Runner {attempt}"))
        if heard.wait(0.1):
            break
        assert attempt < 100, "no event in 10 seconds"
    watcher.join(10)
    assert not watcher.is_alive(), "the stream goes on after it was closed"


def delete():
    runners.delete_runner(runner_pb2.DeleteRunnerRequest(runner_id=ids[0]))
    runners.delete_runner(runner_pb2.DeleteRunnerRequest(runner_id=ids[1], force=True))
    for runner_id in ids[:2]:
        while exists(runner_id):
            time.sleep(0.1)


def exists(runner_id):
    try:
        get_runner(runner_id)
    except ConnectError as error:
        assert error.code == Code.NOT_FOUND, error
        return False
    return True


def errors():
    missing = fails(Code.NOT_FOUND, lambda: get_runner(UNKNOWN))
    assert missing.message == "runner not found", missing.message
    assert missing.details[0].type_name == "google.rpc.ErrorInfo", missing.details
    assert b"RUNNER_NOT_FOUND" in missing.details[0].message_bytes

    invalid = fails(Code.INVALID_ARGUMENT, lambda: runners.create_runner(runner_pb2.CreateRunnerRequest(name="ab")))
    violations = Violations.FromString(invalid.details[0].message_bytes).violations
    assert ["name"] in [[step.field_name for step in found.field.elements] for found in violations], violations

    nobody = create_client(api_key="nobody", base_url=f"{url}/api").services
    fails(Code.UNAUTHENTICATED, lambda: nobody.runner.list_runners(runner_pb2.ListRunnersRequest()))
    fails(Code.UNAUTHENTICATED, lambda: next(nobody.event.watch_events(event_pb2.WatchEventsRequest())))

    taken = group_pb2.CreateGroupRequest(organization_id=organization, name="interop")
    fails(Code.ALREADY_EXISTS, lambda: services.group.create_group(taken))

    try:
        client.environments().get(UNKNOWN)
    except CapabilityUnavailableError:
        return
    raise AssertionError("a service that this server does not have is no CapabilityUnavailableError")


def fails(code, call):
    """The error that a call ends with, which must have that code."""
    try:
        call()
    except ConnectError as error:
        assert error.code == code, error
        return error
    raise AssertionError(f"not {code.value}")


STEPS = [create, get, list_pages, update, policies, tokens, events, delete, errors]

print(f"version gitpod-sdk {version('gitpod-sdk')}")
for step in STEPS:
    name = "list" if step is list_pages else step.__name__
    try:
        step()
    except Exception as error:
        print(f"not ok Connect 1.1 {name}: {type(error).__name__} {error}")
        sys.exit(1)
    print(f"ok Connect 1.1 {name}")
