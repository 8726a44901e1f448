"""The story of every generated client, told by grpcio."""

import os
import re
import sys
from collections import Counter

import grpc
from buf.validate.validate_pb2 import Violations
from gitpod.v1 import event_pb2, event_pb2_grpc, runner_pb2, runner_pb2_grpc
from gitpod.v1.runner_configuration_pb2 import RUNNER_KIND_REMOTE, RUNNER_PROVIDER_AWS_EC2
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

ADDRESS = os.environ["ROLLCALL_URL"].removeprefix("http://")
TOKEN = os.environ["ROLLCALL_TOKEN"]
# Seconds that a call may take.
TIMEOUT = 30
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Story:
    def __init__(self, channel, token):
        self.runners = runner_pb2_grpc.RunnerServiceStub(channel)
        self.events = event_pb2_grpc.EventServiceStub(channel)
        self.options = {"metadata": [("authorization", f"Bearer {token}")], "timeout": TIMEOUT}
        self.first = ""

    def new_runner(self, name):
        configuration = runner_pb2.RunnerConfiguration(region="eu-central-1", auto_update=True)
        request = runner_pb2.CreateRunnerRequest(
            name=name,
            provider=RUNNER_PROVIDER_AWS_EC2,
            spec=runner_pb2.RunnerSpec(configuration=configuration),
        )
        return self.runners.CreateRunner(request, **self.options)

    def read(self, runner_id):
        return self.runners.GetRunner(runner_pb2.GetRunnerRequest(runner_id=runner_id), **self.options).runner

    def create(self):
        created = self.new_runner("interop-1")
        runner = created.runner
        self.first = runner.runner_id
        expect(UUID.fullmatch(self.first), f"runner_id {self.first!r} is no UUID")
        expect(created.exchange_token.startswith("rcexc_"), "exchange_token has another prefix")
        expect(runner.status.phase == runner_pb2.RUNNER_PHASE_CREATED, f"phase is {runner.status.phase}")
        expect(runner.kind == RUNNER_KIND_REMOTE, f"kind is {runner.kind}")

    def get(self):
        runner = self.read(self.first)
        configuration = runner.spec.configuration
        expect(runner.runner_id == self.first, f"runner_id is {runner.runner_id!r}")
        expect(runner.name == "interop-1", f"name is {runner.name!r}")
        expect(configuration.region == "eu-central-1", f"region is {configuration.region!r}")
        expect(configuration.auto_update, "auto_update is false")
        expect(configuration.log_level == 0, f"log_level is {configuration.log_level}")

    def list(self):
        wanted = [self.first] + [self.new_runner(name).runner.runner_id for name in ("interop-2", "interop-3")]
        seen, request = Counter(), runner_pb2.ListRunnersRequest()
        request.pagination.page_size = 2
        while True:
            page = self.runners.ListRunners(request, **self.options)
            expect(len(page.runners) <= 2, f"a page of {len(page.runners)}")
            seen.update(runner.runner_id for runner in page.runners)
            request.pagination.token = page.pagination.next_token
            if not page.pagination.next_token:
                break
        for runner_id in wanted:
            expect(seen[runner_id] == 1, f"runner {runner_id} was listed {seen[runner_id]} times")

    def watch(self):
        stream = self.events.WatchEvents(event_pb2.WatchEventsRequest(organization=True), **self.options)
        # Waits until the server has answered: from then on no event is missed.
        stream.initial_metadata()
        rename = runner_pb2.UpdateRunnerRequest(runner_id=self.first, name="interop-1 renamed")
        self.runners.UpdateRunner(rename, **self.options)
        expect(any(self.is_renaming(event) for event in stream), "the stream ended without the event")
        stream.cancel()
        ended = refusal(lambda: [*stream])
        expect(ended.code() == grpc.StatusCode.CANCELLED, f"after cancelling the stream ended with {ended.code()}")
        expect(self.read(self.first).name == "interop-1 renamed", "the runner has its old name")

    def is_renaming(self, event):
        return (
            event.resource_id == self.first
            and event.resource_type == event_pb2.RESOURCE_TYPE_RUNNER
            and event.operation == event_pb2.RESOURCE_OPERATION_UPDATE
        )

    def error(self):
        short = runner_pb2.CreateRunnerRequest(name="ab")
        refused = refusal(lambda: self.runners.CreateRunner(short, **self.options))
        expect(refused.code() == grpc.StatusCode.INVALID_ARGUMENT, f"a short name: {refused.code()}")
        violations = detail(refused, Violations).violations
        paths = [[element.field_name for element in violation.field.elements] for violation in violations]
        expect(["name"] in paths, f"no violation names the field: {paths}")

        refused = refusal(lambda: self.read("01900000-0000-7000-8000-000000000000"))
        expect(refused.code() == grpc.StatusCode.NOT_FOUND, f"an unknown runner: {refused.code()}")
        expect(refused.details() == "runner not found", f"an unknown runner: {refused.details()!r}")
        reason = detail(refused, ErrorInfo).reason
        expect(reason == "RUNNER_NOT_FOUND", f"an unknown runner: reason {reason!r}")


def refusal(call):
    try:
        call()
    except grpc.RpcError as refused:
        return refused
    raise AssertionError("the call was accepted")


def detail(refused, kind):
    """Finds and decodes the first error detail of one type."""
    status = rpc_status.from_call(refused)
    expect(status is not None, "an error without details")
    for packed in status.details:
        decoded = kind()
        if packed.Unpack(decoded):
            return decoded
    raise AssertionError(f"no detail of type {kind.DESCRIPTOR.full_name}")


def expect(holds, why):
    if not holds:
        raise AssertionError(why)


def tell():
    print(f"version grpcio {grpc.__version__}")
    step = "create"
    try:
        with grpc.insecure_channel(ADDRESS) as channel:
            story = Story(channel, TOKEN)
            for step in ("create", "get", "list", "watch", "error"):
                getattr(story, step)()
                print(f"ok gRPC 2 {step}")
    except Exception as why:
        print(f"not ok gRPC 2 {step}: {why}")
        sys.exit(1)


tell()
