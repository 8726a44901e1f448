// The story of every generated client, told by grpc-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	gitpodv1 "interop/gen/gitpod/v1"
)

// firstRunners registers a runner and lists all that the caller may see.
func firstRunners(ctx context.Context, address, token string) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	runners := gitpodv1.NewRunnerServiceClient(connection)
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)

	created, err := runners.CreateRunner(ctx, &gitpodv1.CreateRunnerRequest{
		Name:     "build-1",
		Provider: gitpodv1.RunnerProvider_RUNNER_PROVIDER_AWS_EC2,
	})
	if err != nil {
		return err
	}
	fmt.Println(created.Runner.RunnerId, created.ExchangeToken)

	listed, err := runners.ListRunners(ctx, &gitpodv1.ListRunnersRequest{})
	if err != nil {
		return err
	}
	for _, runner := range listed.Runners {
		fmt.Println(runner.RunnerId, runner.Name, runner.Status.Phase)
	}
	return nil
}

type story struct {
	runners gitpodv1.RunnerServiceClient
	events  gitpodv1.EventServiceClient
	first   string
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *story) newRunner(ctx context.Context, name string) (*gitpodv1.CreateRunnerResponse, error) {
	return s.runners.CreateRunner(ctx, &gitpodv1.CreateRunnerRequest{
		Name:     name,
		Provider: gitpodv1.RunnerProvider_RUNNER_PROVIDER_AWS_EC2,
		Spec: &gitpodv1.RunnerSpec{
			Configuration: &gitpodv1.RunnerConfiguration{Region: "eu-central-1", AutoUpdate: true},
		},
	})
}

func (s *story) create(ctx context.Context) error {
	created, err := s.newRunner(ctx, "interop-1")
	if err != nil {
		return err
	}
	s.first = created.Runner.RunnerId
	return errors.Join(
		expect(uuid.MatchString(s.first), "runner_id %q is no UUID", s.first),
		expect(strings.HasPrefix(created.ExchangeToken, "rcexc_"), "exchange_token has another prefix"),
		expect(created.Runner.Status.Phase == gitpodv1.RunnerPhase_RUNNER_PHASE_CREATED, "phase is %v", created.Runner.Status.Phase),
		expect(created.Runner.Kind == gitpodv1.RunnerKind_RUNNER_KIND_REMOTE, "kind is %v", created.Runner.Kind),
	)
}

func (s *story) get(ctx context.Context) error {
	response, err := s.runners.GetRunner(ctx, &gitpodv1.GetRunnerRequest{RunnerId: s.first})
	if err != nil {
		return err
	}
	runner, configuration := response.Runner, response.Runner.Spec.Configuration
	return errors.Join(
		expect(runner.RunnerId == s.first, "runner_id is %q", runner.RunnerId),
		expect(runner.Name == "interop-1", "name is %q", runner.Name),
		expect(configuration.Region == "eu-central-1", "region is %q", configuration.Region),
		expect(configuration.AutoUpdate, "auto_update is false"),
		expect(configuration.LogLevel == gitpodv1.LogLevel_LOG_LEVEL_UNSPECIFIED, "log_level is %v", configuration.LogLevel),
	)
}

func (s *story) list(ctx context.Context) error {
	wanted := []string{s.first}
	for _, name := range []string{"interop-2", "interop-3"} {
		created, err := s.newRunner(ctx, name)
		if err != nil {
			return err
		}
		wanted = append(wanted, created.Runner.RunnerId)
	}
	seen := map[string]int{}
	for token, more := "", true; more; more = token != "" {
		response, err := s.runners.ListRunners(ctx, &gitpodv1.ListRunnersRequest{
			Pagination: &gitpodv1.PaginationRequest{PageSize: 2, Token: token},
		})
		if err != nil {
			return err
		}
		if err := expect(len(response.Runners) <= 2, "a page of %d", len(response.Runners)); err != nil {
			return err
		}
		for _, runner := range response.Runners {
			seen[runner.RunnerId]++
		}
		token = response.Pagination.GetNextToken()
	}
	for _, id := range wanted {
		if err := expect(seen[id] == 1, "runner %s was listed %d times", id, seen[id]); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) watch(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := s.events.WatchEvents(watching, &gitpodv1.WatchEventsRequest{
		Scope: &gitpodv1.WatchEventsRequest_Organization{Organization: true},
	})
	if err != nil {
		return err
	}
	// Waits until the server has answered: from then on no event is missed.
	if _, err := stream.Header(); err != nil {
		return err
	}
	name := "interop-1 renamed"
	rename := &gitpodv1.UpdateRunnerRequest{RunnerId: s.first, Name: &name}
	if _, err := s.runners.UpdateRunner(ctx, rename); err != nil {
		return err
	}
	for renamed := false; !renamed; {
		event, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("the stream ended without the event: %w", err)
		}
		renamed = event.ResourceId == s.first &&
			event.ResourceType == gitpodv1.ResourceType_RESOURCE_TYPE_RUNNER &&
			event.Operation == gitpodv1.ResourceOperation_RESOURCE_OPERATION_UPDATE
	}
	stop()
	for err == nil {
		_, err = stream.Recv()
	}
	return expect(status.Code(err) == codes.Canceled, "after cancelling the stream ended with %v", err)
}

func (s *story) failures(ctx context.Context) error {
	_, err := s.runners.CreateRunner(ctx, &gitpodv1.CreateRunnerRequest{Name: "ab"})
	violations, found := detail[*validate.Violations](err)
	namesName := func(violation *validate.Violation) bool {
		path := violation.GetField().GetElements()
		return len(path) == 1 && path[0].GetFieldName() == "name"
	}
	if err := errors.Join(
		expect(status.Code(err) == codes.InvalidArgument, "a short name: %v", err),
		expect(found, "a short name: no buf.validate.Violations"),
		expect(slices.ContainsFunc(violations.GetViolations(), namesName), "no violation names the field: %v", violations),
	); err != nil {
		return err
	}

	unknown := &gitpodv1.GetRunnerRequest{RunnerId: "01900000-0000-7000-8000-000000000000"}
	_, err = s.runners.GetRunner(ctx, unknown)
	info, found := detail[*errdetails.ErrorInfo](err)
	failure := status.Convert(err)
	return errors.Join(
		expect(failure.Code() == codes.NotFound, "an unknown runner: %v", failure.Code()),
		expect(failure.Message() == "runner not found", "an unknown runner: %q", failure.Message()),
		expect(found, "an unknown runner: no google.rpc.ErrorInfo"),
		expect(info.GetReason() == "RUNNER_NOT_FOUND", "an unknown runner: reason %q", info.GetReason()),
	)
}

// detail finds the first error detail of one type, which status has decoded.
func detail[T any](err error) (decoded T, found bool) {
	for _, message := range status.Convert(err).Details() {
		if decoded, found = message.(T); found {
			return decoded, true
		}
	}
	return decoded, false
}

func expect(holds bool, format string, values ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, values...)
}

func main() {
	address, token := strings.TrimPrefix(os.Getenv("ROLLCALL_URL"), "http://"), os.Getenv("ROLLCALL_TOKEN")
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()

	fmt.Printf("version google.golang.org/grpc v%s\n", grpc.Version)
	if err := tell(ctx, address, token); err != nil {
		fmt.Printf("not ok gRPC 2 %v\n", err)
		os.Exit(1)
	}
}

// tell runs every step, and says which one failed.
func tell(ctx context.Context, address, token string) error {
	if err := firstRunners(ctx, address, token); err != nil {
		return fmt.Errorf("create: the documented lines: %w", err)
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer connection.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	s := &story{runners: gitpodv1.NewRunnerServiceClient(connection), events: gitpodv1.NewEventServiceClient(connection)}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{"create", s.create}, {"get", s.get}, {"list", s.list}, {"watch", s.watch}, {"error", s.failures}} {
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("ok gRPC 2 %s\n", step.name)
	}
	return nil
}
