// The story of every generated client, told by grpc++.
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/error_details.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "buf/validate/validate.pb.h"
#include "gitpod/v1/event.grpc.pb.h"
#include "gitpod/v1/runner.grpc.pb.h"

namespace v1 = gitpod::v1;

void expect(bool holds, const std::string& why) {
  if (!holds) throw std::runtime_error(why);
}

void succeed(const grpc::Status& status) {
  expect(status.ok(), std::to_string(status.error_code()) + " " + status.error_message());
}

// Finds and decodes the first error detail of one type.
template <typename Detail>
std::optional<Detail> detail(const grpc::Status& status) {
  google::rpc::Status rich;
  succeed(grpc::ExtractErrorDetails(status, &rich));
  for (const auto& packed : rich.details()) {
    if (Detail decoded; packed.UnpackTo(&decoded)) return decoded;
  }
  return std::nullopt;
}

class Story {
 public:
  Story(const std::shared_ptr<grpc::Channel>& channel, std::string token)
      : runners_(v1::RunnerService::NewStub(channel)),
        events_(v1::EventService::NewStub(channel)),
        token_(std::move(token)) {}

  void create() {
    const auto created = new_runner("interop-1");
    const auto& runner = created.runner();
    const std::regex uuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    first_ = runner.runner_id();
    expect(std::regex_match(first_, uuid), "runner_id " + first_ + " is no UUID");
    expect(created.exchange_token().rfind("rcexc_", 0) == 0, "exchange_token has another prefix");
    expect(runner.status().phase() == v1::RUNNER_PHASE_CREATED, "phase is " + std::to_string(runner.status().phase()));
    expect(runner.kind() == v1::RUNNER_KIND_REMOTE, "kind is " + std::to_string(runner.kind()));
  }

  void get() {
    const auto runner = read();
    const auto& configuration = runner.spec().configuration();
    expect(runner.runner_id() == first_, "runner_id is " + runner.runner_id());
    expect(runner.name() == "interop-1", "name is " + runner.name());
    expect(configuration.region() == "eu-central-1", "region is " + configuration.region());
    expect(configuration.auto_update(), "auto_update is false");
    expect(configuration.log_level() == v1::LOG_LEVEL_UNSPECIFIED,
           "log_level is " + std::to_string(configuration.log_level()));
  }

  void list() {
    std::vector<std::string> wanted{first_};
    for (const auto* name : {"interop-2", "interop-3"}) wanted.push_back(new_runner(name).runner().runner_id());
    std::map<std::string, int> seen;
    std::string token;
    do {
      v1::ListRunnersRequest request;
      request.mutable_pagination()->set_page_size(2);
      request.mutable_pagination()->set_token(token);
      v1::ListRunnersResponse page;
      succeed(runners_->ListRunners(context().get(), request, &page));
      expect(page.runners_size() <= 2, "a page of " + std::to_string(page.runners_size()));
      for (const auto& runner : page.runners()) ++seen[runner.runner_id()];
      token = page.pagination().next_token();
    } while (!token.empty());
    for (const auto& id : wanted) {
      expect(seen[id] == 1, "runner " + id + " was listed " + std::to_string(seen[id]) + " times");
    }
  }

  void watch() {
    v1::WatchEventsRequest request;
    request.set_organization(true);
    const auto watching = context();
    const auto stream = events_->WatchEvents(watching.get(), request);
    // Waits until the server has answered: from then on no event is missed.
    stream->WaitForInitialMetadata();

    v1::UpdateRunnerRequest rename;
    rename.set_runner_id(first_);
    rename.set_name("interop-1 renamed");
    v1::UpdateRunnerResponse renamed;
    succeed(runners_->UpdateRunner(context().get(), rename, &renamed));

    v1::WatchEventsResponse event;
    do {
      if (!stream->Read(&event)) succeed(stream->Finish());
    } while (event.resource_id() != first_ || event.resource_type() != v1::RESOURCE_TYPE_RUNNER ||
             event.operation() != v1::RESOURCE_OPERATION_UPDATE);

    watching->TryCancel();
    while (stream->Read(&event)) continue;
    const auto end = stream->Finish();
    expect(end.error_code() == grpc::StatusCode::CANCELLED,
           "after cancelling the stream ended with " + std::to_string(end.error_code()));
    expect(read().name() == "interop-1 renamed", "the runner has its old name");
  }

  void error() {
    v1::CreateRunnerRequest short_name;
    short_name.set_name("ab");
    v1::CreateRunnerResponse created;
    auto status = runners_->CreateRunner(context().get(), short_name, &created);
    expect(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT, "a short name: " + status.error_message());
    const auto violations = detail<buf::validate::Violations>(status);
    expect(violations.has_value(), "a short name: no buf.validate.Violations");
    bool names_name = false;
    for (const auto& violation : violations->violations()) {
      const auto& path = violation.field().elements();
      names_name |= path.size() == 1 && path[0].field_name() == "name";
    }
    expect(names_name, "no violation names the field: " + violations->ShortDebugString());

    v1::GetRunnerRequest unknown;
    unknown.set_runner_id("01900000-0000-7000-8000-000000000000");
    v1::GetRunnerResponse got;
    status = runners_->GetRunner(context().get(), unknown, &got);
    expect(status.error_code() == grpc::StatusCode::NOT_FOUND, "an unknown runner: " + status.error_message());
    expect(status.error_message() == "runner not found", "an unknown runner: " + status.error_message());
    const auto info = detail<google::rpc::ErrorInfo>(status);
    expect(info.has_value(), "an unknown runner: no google.rpc.ErrorInfo");
    expect(info->reason() == "RUNNER_NOT_FOUND", "an unknown runner: reason " + info->reason());
  }

 private:
  // Every call needs a context of its own, with the token and a deadline.
  std::unique_ptr<grpc::ClientContext> context() const {
    auto fresh = std::make_unique<grpc::ClientContext>();
    fresh->AddMetadata("authorization", "Bearer " + token_);
    fresh->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return fresh;
  }

  v1::CreateRunnerResponse new_runner(const std::string& name) const {
    v1::CreateRunnerRequest request;
    request.set_name(name);
    request.set_provider(v1::RUNNER_PROVIDER_AWS_EC2);
    request.mutable_spec()->mutable_configuration()->set_region("eu-central-1");
    request.mutable_spec()->mutable_configuration()->set_auto_update(true);
    v1::CreateRunnerResponse created;
    succeed(runners_->CreateRunner(context().get(), request, &created));
    return created;
  }

  v1::Runner read() const {
    v1::GetRunnerRequest request;
    request.set_runner_id(first_);
    v1::GetRunnerResponse response;
    succeed(runners_->GetRunner(context().get(), request, &response));
    return response.runner();
  }

  std::unique_ptr<v1::RunnerService::Stub> runners_;
  std::unique_ptr<v1::EventService::Stub> events_;
  std::string token_;
  std::string first_;
};

int main() {
  const std::string url = std::getenv("ROLLCALL_URL");
  const std::string token = std::getenv("ROLLCALL_TOKEN");
  const std::string address = url.substr(url.find("//") + 2);
  std::cout << "version grpc++ " << grpc::Version() << std::endl;

  std::string step = "create";
  try {
    Story story(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()), token);
    const std::vector<std::pair<std::string, std::function<void()>>> steps{
        {"create", [&] { story.create(); }}, {"get", [&] { story.get(); }},     {"list", [&] { story.list(); }},
        {"watch", [&] { story.watch(); }},   {"error", [&] { story.error(); }},
    };
    for (const auto& [name, run] : steps) {
      step = name;
      run();
      std::cout << "ok gRPC 2 " << step << std::endl;
    }
  } catch (const std::exception& why) {
    std::cout << "not ok gRPC 2 " << step << ": " << why.what() << std::endl;
    return 1;
  }
}
