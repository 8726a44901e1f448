# frozen_string_literal: true

# The story of every generated client, told by grpc for Ruby.

require "grpc"
require "google/protobuf/well_known_types"
require "google/rpc/error_details_pb"
require "buf/validate/validate_pb"
require "gitpod/v1/event_services_pb"
require "gitpod/v1/runner_services_pb"

V1 = Gitpod::V1
UUID = /\A\h{8}(-\h{4}){3}-\h{12}\z/

def expect(holds, why)
  raise why unless holds
end

# The error that a call ends with.
def refusal
  yield
rescue GRPC::BadStatus => e
  e
else
  raise "the call was accepted"
end

# Finds and decodes the first error detail of one type.
def detail(refused, type)
  packed = refused.to_rpc_status&.details&.find { |any| any.is(type) }
  expect(packed, "no detail of type #{type.descriptor.name}")
  packed.unpack(type)
end

# Keeps the first runner's id from step to step.
class Story
  def initialize(address, token)
    @runners = V1::RunnerService::Stub.new(address, :this_channel_is_insecure, timeout: 30)
    @events = V1::EventService::Stub.new(address, :this_channel_is_insecure, timeout: 30)
    @metadata = { "authorization" => "Bearer #{token}" }
  end

  def create
    created = new_runner("interop-1")
    runner = created.runner
    @first = runner.runner_id
    expect(UUID.match?(@first), "runner_id #{@first} is no UUID")
    expect(created.exchange_token.start_with?("rcexc_"), "exchange_token has another prefix")
    expect(runner.status.phase == :RUNNER_PHASE_CREATED, "phase is #{runner.status.phase}")
    expect(runner.kind == :RUNNER_KIND_REMOTE, "kind is #{runner.kind}")
  end

  def get
    runner = read(@first)
    configuration = runner.spec.configuration
    expect(runner.runner_id == @first, "runner_id is #{runner.runner_id}")
    expect(runner.name == "interop-1", "name is #{runner.name}")
    expect(configuration.region == "eu-central-1", "region is #{configuration.region}")
    expect(configuration.auto_update, "auto_update is false")
    expect(configuration.log_level == :LOG_LEVEL_UNSPECIFIED, "log_level is #{configuration.log_level}")
  end

  def list
    wanted = [@first] + %w[interop-2 interop-3].map { |name| new_runner(name).runner.runner_id }
    seen = pages.flat_map { |page| page.runners.map(&:runner_id) }.tally
    wanted.each { |id| expect(seen[id] == 1, "runner #{id} was listed #{seen.fetch(id, 0)} times") }
  end

  def watch
    request = V1::WatchEventsRequest.new(organization: true)
    call = @events.watch_events(request, metadata: @metadata, return_op: true)
    stream = call.execute
    seen = Queue.new
    reader = Thread.new { refusal { stream.each { |event| seen << event if renaming?(event) } } }
    reader.report_on_exception = false
    # This library tells of the server's answer only with the first event, so the renaming is repeated until one comes.
    renamed = 1.upto(100).any? do |time|
      rename("interop-1 renamed #{time}")
      reader.join(0.1)
      !seen.empty?
    end
    expect(renamed, "the stream has no such event")
    call.cancel
    ended = reader.value
    expect(ended.is_a?(GRPC::Cancelled), "after cancelling the stream ended with #{ended.inspect}")
    expect(read(@first).name.start_with?("interop-1 renamed"), "the runner has its old name")
  end

  def error
    refused = refusal { @runners.create_runner(V1::CreateRunnerRequest.new(name: "ab"), metadata: @metadata) }
    expect(refused.is_a?(GRPC::InvalidArgument), "a short name: #{refused.inspect}")
    violations = detail(refused, Buf::Validate::Violations).violations
    paths = violations.map { |violation| violation.field&.elements&.map(&:field_name) }
    expect(paths.include?(["name"]), "no violation names the field: #{paths}")

    refused = refusal { read("01900000-0000-7000-8000-000000000000") }
    expect(refused.is_a?(GRPC::NotFound), "an unknown runner: #{refused.inspect}")
    expect(refused.details == "runner not found", "an unknown runner: #{refused.details}")
    reason = detail(refused, Google::Rpc::ErrorInfo).reason
    expect(reason == "RUNNER_NOT_FOUND", "an unknown runner: reason #{reason}")
  end

  private

  def new_runner(name)
    configuration = V1::RunnerConfiguration.new(region: "eu-central-1", auto_update: true)
    spec = V1::RunnerSpec.new(configuration: configuration)
    request = V1::CreateRunnerRequest.new(name: name, provider: :RUNNER_PROVIDER_AWS_EC2, spec: spec)
    @runners.create_runner(request, metadata: @metadata)
  end

  def read(id)
    @runners.get_runner(V1::GetRunnerRequest.new(runner_id: id), metadata: @metadata).runner
  end

  def rename(name)
    @runners.update_runner(V1::UpdateRunnerRequest.new(runner_id: @first, name: name), metadata: @metadata)
  end

  def pages
    found = []
    token = ""
    loop do
      pagination = V1::PaginationRequest.new(page_size: 2, token: token)
      found << @runners.list_runners(V1::ListRunnersRequest.new(pagination: pagination), metadata: @metadata)
      expect(found.last.runners.size <= 2, "a page of #{found.last.runners.size}")
      token = found.last.pagination&.next_token.to_s
      return found if token.empty?
    end
  end

  def renaming?(event)
    event.resource_id == @first &&
      event.resource_type == :RESOURCE_TYPE_RUNNER &&
      event.operation == :RESOURCE_OPERATION_UPDATE
  end
end

# Runs every step, and says which one failed.
def tell(address, token)
  puts "version grpc #{GRPC::VERSION}"
  step = :create
  story = Story.new(address, token)
  %i[create get list watch error].each do |name|
    step = name
    story.public_send(step)
    puts "ok gRPC 2 #{step}"
  end
rescue StandardError => e
  puts "not ok gRPC 2 #{step}: #{e.message}"
  exit 1
end

tell(ENV.fetch("ROLLCALL_URL").delete_prefix("http://"), ENV.fetch("ROLLCALL_TOKEN"))
