"""The story of the official Python SDK 0.x, unmodified. It speaks plain JSON over HTTP/1.1, under the path /api."""

import os
import re
import sys
import time

import gitpod

url, token = os.environ["ROLLCALL_URL"], os.environ["ROLLCALL_TOKEN"]
organization = os.environ["ROLLCALL_ORGANIZATION"]
UNKNOWN = "01900000-0000-7000-8000-000000000000"


def first_runners():
    """Registers a runner and lists all that the caller may see."""
    client = gitpod.Gitpod(base_url=f"{url}/api", bearer_token=token)

    created = client.runners.create(name="build-1", provider="RUNNER_PROVIDER_AWS_EC2")
    print(created.runner.runner_id, created.exchange_token)

    for runner in client.runners.list(page_size=50):
        print(runner.runner_id, runner.name, runner.status.phase)


requests = []
client = gitpod.Gitpod(
    base_url=f"{url}/api",
    bearer_token=token,
    http_client=gitpod.DefaultHttpxClient(event_hooks={"request": [requests.append]}),
)

# The examples of the SDK's documentation, and the kind of runner that each makes.
EXAMPLES = [
    ("AWS Runner", "RUNNER_PROVIDER_AWS_EC2", "us-west", "RUNNER_RELEASE_CHANNEL_STABLE", "RUNNER_KIND_REMOTE"),
    ("GCP Runner", "RUNNER_PROVIDER_GCP", "us-central1", "RUNNER_RELEASE_CHANNEL_STABLE", "RUNNER_KIND_REMOTE"),
    ("Local Development Runner", "RUNNER_PROVIDER_LINUX_HOST", None, "RUNNER_RELEASE_CHANNEL_LATEST", "RUNNER_KIND_LOCAL"),
]
ids = []
exchange_tokens = []


def create():
    for name, provider, region, channel, kind in EXAMPLES:
        configuration = {"release_channel": channel, "auto_update": True}
        if region is not None:
            configuration["region"] = region
        created = client.runners.create(
            name=name,
            provider=provider,
            spec={"desired_phase": "RUNNER_PHASE_ACTIVE", "configuration": configuration},
        )
        runner = created.runner
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", runner.runner_id), runner.runner_id
        assert created.exchange_token.startswith("rcexc_"), "exchange_token has another prefix"
        assert runner.kind == kind, runner.kind
        assert runner.status.phase == "RUNNER_PHASE_CREATED", runner.status.phase
        assert runner.spec.desired_phase == "RUNNER_PHASE_ACTIVE", runner.spec
        assert runner.spec.configuration.to_dict(use_api_names=False) == configuration, runner.spec
        ids.append(runner.runner_id)
        exchange_tokens.append(created.exchange_token)


def get():
    runner = client.runners.retrieve(runner_id=ids[0]).runner
    assert runner.name == "AWS Runner", runner.name
    assert runner.provider == "RUNNER_PROVIDER_AWS_EC2", runner.provider
    assert runner.spec.configuration.region == "us-west", runner.spec
    assert runner.spec.configuration.log_level is None, "nobody set a log level"


def list_pages():
    before = len(requests)
    seen = [runner.runner_id for runner in client.runners.list(page_size=1)]
    assert all(seen.count(runner_id) == 1 for runner_id in ids), seen
    assert len(requests) - before == len(seen), "one request for each page"

    before = len(requests)
    paged = client.runners.list(pagination={"page_size": 2}, filter={"kinds": ["RUNNER_KIND_REMOTE"]})
    assert [runner.runner_id for runner in paged][:2] == [ids[1], ids[0]], "newest first"
    assert len(requests) - before == 2, "three remote runners are two pages"


def update():
    def configuration():
        return client.runners.retrieve(runner_id=ids[0]).runner.spec.configuration

    client.runners.update(runner_id=ids[0], spec={"configuration": {"update_window": {"start_hour": 22}}})
    window = configuration().update_window
    assert (window.start_hour, window.end_hour) == (22, None), window
    client.runners.update(runner_id=ids[0], spec={"configuration": {"auto_update": False, "update_window": {}}})
    client.runners.update(runner_id=ids[0], name="Updated Runner Name")
    runner = client.runners.retrieve(runner_id=ids[0]).runner
    assert runner.name == "Updated Runner Name", runner.name
    assert configuration().to_dict() == {"region": "us-west", "releaseChannel": "RUNNER_RELEASE_CHANNEL_STABLE"}


def policies():
    group = client.groups.create(organization_id=organization, name="interop").group
    grant = {"runner_id": ids[0], "group_id": group.id}
    policy = client.runners.policies.create(**grant, role="RUNNER_ROLE_USER").policy
    assert (policy.group_id, policy.role) == (group.id, "RUNNER_ROLE_USER"), policy
    client.runners.policies.update(**grant, role="RUNNER_ROLE_ADMIN")
    listed = list(client.runners.policies.list(runner_id=ids[0], page_size=1))
    assert [(policy.group_id, policy.role) for policy in listed] == [(group.id, "RUNNER_ROLE_ADMIN")], listed
    client.runners.policies.delete(**grant)
    assert list(client.runners.policies.list(runner_id=ids[0])) == []


def tokens():
    further = client.runners.create_runner_token(runner_id=ids[2]).exchange_token
    for exchange_token in exchange_tokens[2], further:
        access_token = client.identity.exchange_token(exchange_token=exchange_token).access_token
        runner = client.with_options(bearer_token=access_token)
        subject = runner.identity.get_authenticated_identity().subject
        assert (subject.id, subject.principal) == (ids[2], "PRINCIPAL_RUNNER"), subject
    fails(gitpod.AuthenticationError, "unauthenticated", lambda: client.identity.exchange_token(exchange_token=further))
    assert client.runners.create_logs_token(runner_id=ids[2]).access_token


def events():
    stream = client.events.watch(organization=True)
    client.runners.update(runner_id=ids[1], name="Watched Runner")
    for event in stream:
        assert event.resource_type == "RESOURCE_TYPE_RUNNER", event
        if (event.operation, event.resource_id) == ("RESOURCE_OPERATION_UPDATE", ids[1]):
            break
    stream.close()

    entries = list(client.events.list(page_size=5))
    created = [entry.subject_id for entry in entries if entry.action == "runner.create"]
    assert all(created.count(runner_id) == 1 for runner_id in ids), created


def delete():
    client.runners.delete(runner_id=ids[0])
    client.runners.delete(runner_id=ids[1], force=True)
    for runner_id in ids[:2]:
        while exists(runner_id):
            time.sleep(0.1)


def exists(runner_id):
    try:
        client.runners.retrieve(runner_id=runner_id)
    except gitpod.NotFoundError:
        return False
    return True


def errors():
    missing = fails(gitpod.NotFoundError, "not_found", lambda: client.runners.retrieve(runner_id=UNKNOWN))
    assert missing.body["message"] == "runner not found", missing.body
    invalid = fails(gitpod.BadRequestError, "invalid_argument", lambda: client.runners.create(name="ab"))
    assert re.match(r"name: .*provider is missing", invalid.body["message"]), invalid.body
    nobody = client.with_options(bearer_token="nobody")
    fails(gitpod.AuthenticationError, "unauthenticated", lambda: nobody.runners.list())
    fails(gitpod.AuthenticationError, "unauthenticated", lambda: nobody.events.watch())

    before = len(requests)
    taken = lambda: client.groups.create(organization_id=organization, name="interop")
    fails(gitpod.ConflictError, "already_exists", taken)
    unknown = lambda: client.runners.parse_context_url(context_url="https://example.com", runner_id=UNKNOWN)
    fails(gitpod.NotFoundError, "not_found", unknown)
    assert len(requests) - before == 2, "what fails for good is not tried again"


def fails(kind, code, call):
    """The error that a call ends with, which must be of that kind and have that code."""
    try:
        call()
    except kind as error:
        assert error.code == code, error
        return error
    raise AssertionError(f"no {kind.__name__}")


STEPS = [create, get, list_pages, update, policies, tokens, events, delete, errors]

print(f"version gitpod-sdk {gitpod.__version__}")
first_runners()
for step in STEPS:
    name = "list" if step is list_pages else step.__name__
    try:
        step()
    except Exception as error:
        print(f"not ok JSON 1.1 {name}: {type(error).__name__} {error}")
        sys.exit(1)
    print(f"ok JSON 1.1 {name}")
