import buf.validate.Validate.FieldPathElement;
import buf.validate.Validate.Violations;
import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import gitpod.v1.Event.ResourceOperation;
import gitpod.v1.Event.ResourceType;
import gitpod.v1.Event.WatchEventsRequest;
import gitpod.v1.Event.WatchEventsResponse;
import gitpod.v1.EventServiceGrpc;
import gitpod.v1.Pagination.PaginationRequest;
import gitpod.v1.RunnerConfiguration.RunnerKind;
import gitpod.v1.RunnerConfiguration.RunnerProvider;
import gitpod.v1.RunnerOuterClass;
import gitpod.v1.RunnerOuterClass.CreateRunnerRequest;
import gitpod.v1.RunnerOuterClass.CreateRunnerResponse;
import gitpod.v1.RunnerOuterClass.GetRunnerRequest;
import gitpod.v1.RunnerOuterClass.ListRunnersRequest;
import gitpod.v1.RunnerOuterClass.LogLevel;
import gitpod.v1.RunnerOuterClass.RunnerPhase;
import gitpod.v1.RunnerOuterClass.RunnerSpec;
import gitpod.v1.RunnerOuterClass.UpdateRunnerRequest;
import gitpod.v1.RunnerServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** The story of every generated client, told by grpc-java. */
public final class Story {
  private static final Pattern UUID_PATTERN = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
  private static final long SECONDS = 30;

  private final RunnerServiceGrpc.RunnerServiceBlockingStub runners;
  private final Channel channel;
  private String first = "";

  private Story(Channel channel) {
    this.channel = channel;
    this.runners = RunnerServiceGrpc.newBlockingStub(channel);
  }

  private CreateRunnerResponse newRunner(String name) {
    var configuration = RunnerOuterClass.RunnerConfiguration.newBuilder().setRegion("eu-central-1").setAutoUpdate(true);
    return runners.createRunner(CreateRunnerRequest.newBuilder()
        .setName(name)
        .setProvider(RunnerProvider.RUNNER_PROVIDER_AWS_EC2)
        .setSpec(RunnerSpec.newBuilder().setConfiguration(configuration))
        .build());
  }

  private void create() {
    var created = newRunner("interop-1");
    var runner = created.getRunner();
    var phase = runner.getStatus().getPhase();
    first = runner.getRunnerId();
    expect(UUID_PATTERN.matcher(first).matches(), "runner_id " + first + " is no UUID");
    expect(created.getExchangeToken().startsWith("rcexc_"), "exchange_token has another prefix");
    expect(phase == RunnerPhase.RUNNER_PHASE_CREATED, "phase is " + phase);
    expect(runner.getKind() == RunnerKind.RUNNER_KIND_REMOTE, "kind is " + runner.getKind());
  }

  private void get() {
    var runner = read(first);
    var configuration = runner.getSpec().getConfiguration();
    var level = configuration.getLogLevel();
    expect(runner.getRunnerId().equals(first), "runner_id is " + runner.getRunnerId());
    expect(runner.getName().equals("interop-1"), "name is " + runner.getName());
    expect(configuration.getRegion().equals("eu-central-1"), "region is " + configuration.getRegion());
    expect(configuration.getAutoUpdate(), "auto_update is false");
    expect(level == LogLevel.LOG_LEVEL_UNSPECIFIED, "log_level is " + level);
  }

  private void list() {
    List<String> wanted = new ArrayList<>(List.of(first));
    for (String name : List.of("interop-2", "interop-3")) {
      wanted.add(newRunner(name).getRunner().getRunnerId());
    }
    Map<String, Integer> seen = new HashMap<>();
    String token = "";
    do {
      var pagination = PaginationRequest.newBuilder().setPageSize(2).setToken(token);
      var page = runners.listRunners(ListRunnersRequest.newBuilder().setPagination(pagination).build());
      expect(page.getRunnersCount() <= 2, "a page of " + page.getRunnersCount());
      page.getRunnersList().forEach(runner -> seen.merge(runner.getRunnerId(), 1, Integer::sum));
      token = page.getPagination().getNextToken();
    } while (!token.isEmpty());
    for (String id : wanted) {
      int times = seen.getOrDefault(id, 0);
      expect(times == 1, "runner " + id + " was listed " + times + " times");
    }
  }

  private void watch() throws Exception {
    var opened = new CompletableFuture<Void>();
    var renamed = new CompletableFuture<Void>();
    var closed = new CompletableFuture<Status>();
    ClientCall<WatchEventsRequest, WatchEventsResponse> call =
        channel.newCall(EventServiceGrpc.getWatchEventsMethod(), CallOptions.DEFAULT);
    call.start(new ClientCall.Listener<>() {
      @Override
      public void onHeaders(Metadata headers) {
        opened.complete(null);
      }

      @Override
      public void onMessage(WatchEventsResponse event) {
        if (event.getResourceId().equals(first)
            && event.getResourceType() == ResourceType.RESOURCE_TYPE_RUNNER
            && event.getOperation() == ResourceOperation.RESOURCE_OPERATION_UPDATE) {
          renamed.complete(null);
        }
        call.request(1);
      }

      @Override
      public void onClose(Status status, Metadata trailers) {
        var early = status.asRuntimeException();
        opened.completeExceptionally(early);
        renamed.completeExceptionally(early);
        closed.complete(status);
      }
    }, new Metadata());
    call.request(1);
    call.sendMessage(WatchEventsRequest.newBuilder().setOrganization(true).build());
    call.halfClose();
    // Waits until the server has answered: from then on no event is missed.
    opened.get(SECONDS, TimeUnit.SECONDS);
    runners.updateRunner(UpdateRunnerRequest.newBuilder().setRunnerId(first).setName("interop-1 renamed").build());
    renamed.get(SECONDS, TimeUnit.SECONDS);
    call.cancel("seen enough", null);
    Status end = closed.get(SECONDS, TimeUnit.SECONDS);
    expect(end.getCode() == Status.Code.CANCELLED, "after cancelling the stream ended with " + end);
    expect(read(first).getName().equals("interop-1 renamed"), "the runner has its old name");
  }

  private void error() throws Exception {
    var refused = refusal(() -> runners.createRunner(CreateRunnerRequest.newBuilder().setName("ab").build()));
    expect(refused.getStatus().getCode() == Status.Code.INVALID_ARGUMENT, "a short name: " + refused.getStatus());
    var violations = detail(refused, Violations.class);
    expect(
        violations.getViolationsList().stream()
            .map(violation -> violation.getField().getElementsList().stream().map(FieldPathElement::getFieldName).toList())
            .anyMatch(List.of("name")::equals),
        "no violation names the field: " + violations);

    var unknown = GetRunnerRequest.newBuilder().setRunnerId("01900000-0000-7000-8000-000000000000").build();
    refused = refusal(() -> runners.getRunner(unknown));
    var status = refused.getStatus();
    expect(status.getCode() == Status.Code.NOT_FOUND, "an unknown runner: " + status);
    expect("runner not found".equals(status.getDescription()), "an unknown runner: " + status.getDescription());
    var reason = detail(refused, ErrorInfo.class).getReason();
    expect(reason.equals("RUNNER_NOT_FOUND"), "an unknown runner: reason " + reason);
  }

  private RunnerOuterClass.Runner read(String id) {
    return runners.getRunner(GetRunnerRequest.newBuilder().setRunnerId(id).build()).getRunner();
  }

  private static StatusRuntimeException refusal(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException refused) {
      return refused;
    }
    throw new IllegalStateException("the call was accepted");
  }

  /** Finds and decodes the first error detail of one type. */
  private static <T extends Message> T detail(StatusRuntimeException refused, Class<T> type) throws Exception {
    for (Any packed : StatusProto.fromThrowable(refused).getDetailsList()) {
      if (packed.is(type)) {
        return packed.unpack(type);
      }
    }
    throw new IllegalStateException("no detail of type " + type.getName());
  }

  private static void expect(boolean holds, String why) {
    if (!holds) {
      throw new IllegalStateException(why);
    }
  }

  private interface Step {
    void run() throws Exception;
  }

  private static void tell(String name, Step step) {
    try {
      step.run();
    } catch (Exception why) {
      System.out.println("not ok gRPC 2 " + name + ": " + why);
      System.exit(1);
    }
  }

  private static void report(String name, Step step) {
    tell(name, step);
    System.out.println("ok gRPC 2 " + name);
  }

  public static void main(String[] arguments) throws Exception {
    String address = System.getenv("ROLLCALL_URL").replaceFirst("^http://", "");
    String token = System.getenv("ROLLCALL_TOKEN");

    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    ManagedChannel plain = ManagedChannelBuilder.forTarget(address).usePlaintext().build();
    var story = new Story(ClientInterceptors.intercept(plain, MetadataUtils.newAttachHeadersInterceptor(headers)));
    report("create", story::create);
    report("get", story::get);
    report("list", story::list);
    report("watch", story::watch);
    report("error", story::error);
    plain.shutdown();
    tell("error", () -> expect(plain.awaitTermination(SECONDS, TimeUnit.SECONDS), "the channel does not close"));
  }
}
