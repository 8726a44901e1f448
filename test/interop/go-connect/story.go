// The story of every generated client, told by connect-go over each protocol that it speaks.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	gitpodv1 "interop/gen/gitpod/v1"
	"interop/gen/gitpod/v1/gitpodv1connect"
)

// bearer adds the token to every call, streams included.
type bearer struct{ token string }

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		request.Header().Set("Authorization", "Bearer "+b.token)
		return next(ctx, request)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		connection := next(ctx, spec)
		connection.RequestHeader().Set("Authorization", "Bearer "+b.token)
		return connection
	}
}

func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// http11 and http2 speak that version alone, in clear text: HTTP/2 by prior knowledge.
func http11() *http.Client { return client(func(p *http.Protocols) { p.SetHTTP1(true) }) }
func http2() *http.Client  { return client(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }) }

func client(choose func(*http.Protocols)) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	choose(transport.Protocols)
	return &http.Client{Transport: transport}
}

type story struct {
	runners gitpodv1connect.RunnerServiceClient
	events  gitpodv1connect.EventServiceClient
	first   string
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *story) newRunner(ctx context.Context, name string) (*gitpodv1.CreateRunnerResponse, error) {
	response, err := s.runners.CreateRunner(ctx, connect.NewRequest(&gitpodv1.CreateRunnerRequest{
		Name:     name,
		Provider: gitpodv1.RunnerProvider_RUNNER_PROVIDER_AWS_EC2,
		Spec: &gitpodv1.RunnerSpec{
			Configuration: &gitpodv1.RunnerConfiguration{Region: "eu-central-1", AutoUpdate: true},
		},
	}))
	if err != nil {
		return nil, err
	}
	return response.Msg, nil
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
	response, err := s.runners.GetRunner(ctx, connect.NewRequest(&gitpodv1.GetRunnerRequest{RunnerId: s.first}))
	if err != nil {
		return err
	}
	runner, configuration := response.Msg.Runner, response.Msg.Runner.Spec.Configuration
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
		response, err := s.runners.ListRunners(ctx, connect.NewRequest(&gitpodv1.ListRunnersRequest{
			Pagination: &gitpodv1.PaginationRequest{PageSize: 2, Token: token},
		}))
		if err != nil {
			return err
		}
		if err := expect(len(response.Msg.Runners) <= 2, "a page of %d", len(response.Msg.Runners)); err != nil {
			return err
		}
		for _, runner := range response.Msg.Runners {
			seen[runner.RunnerId]++
		}
		token = response.Msg.Pagination.GetNextToken()
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
	stream, err := s.events.WatchEvents(watching, connect.NewRequest(&gitpodv1.WatchEventsRequest{
		Scope: &gitpodv1.WatchEventsRequest_Organization{Organization: true},
	}))
	if err != nil {
		return err
	}
	// Waits until the server has answered: from then on no event is missed.
	stream.ResponseHeader()
	name := "interop-1 renamed"
	rename := &gitpodv1.UpdateRunnerRequest{RunnerId: s.first, Name: &name}
	if _, err := s.runners.UpdateRunner(ctx, connect.NewRequest(rename)); err != nil {
		return err
	}
	for renamed := false; !renamed; {
		if !stream.Receive() {
			return fmt.Errorf("the stream ended without the event: %w", stream.Err())
		}
		event := stream.Msg()
		renamed = event.ResourceId == s.first &&
			event.ResourceType == gitpodv1.ResourceType_RESOURCE_TYPE_RUNNER &&
			event.Operation == gitpodv1.ResourceOperation_RESOURCE_OPERATION_UPDATE
	}
	stop()
	for stream.Receive() {
	}
	code := connect.CodeOf(stream.Err())
	return expect(code == connect.CodeCanceled, "after cancelling the stream ended with %v", stream.Err())
}

func (s *story) failures(ctx context.Context) error {
	_, err := s.runners.CreateRunner(ctx, connect.NewRequest(&gitpodv1.CreateRunnerRequest{Name: "ab"}))
	violations, found := detail[*validate.Violations](err)
	namesName := func(violation *validate.Violation) bool {
		path := violation.GetField().GetElements()
		return len(path) == 1 && path[0].GetFieldName() == "name"
	}
	if err := errors.Join(
		expect(connect.CodeOf(err) == connect.CodeInvalidArgument, "a short name: %v", err),
		expect(found, "a short name: no buf.validate.Violations"),
		expect(slices.ContainsFunc(violations.GetViolations(), namesName), "no violation names the field: %v", violations),
	); err != nil {
		return err
	}

	unknown := &gitpodv1.GetRunnerRequest{RunnerId: "01900000-0000-7000-8000-000000000000"}
	_, err = s.runners.GetRunner(ctx, connect.NewRequest(unknown))
	info, found := detail[*errdetails.ErrorInfo](err)
	var failure *connect.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("an unknown runner: %v", err)
	}
	return errors.Join(
		expect(failure.Code() == connect.CodeNotFound, "an unknown runner: %v", failure.Code()),
		expect(failure.Message() == "runner not found", "an unknown runner: %q", failure.Message()),
		expect(found, "an unknown runner: no google.rpc.ErrorInfo"),
		expect(info.GetReason() == "RUNNER_NOT_FOUND", "an unknown runner: reason %q", info.GetReason()),
	)
}

// detail finds and decodes the first error detail of one type.
func detail[T any](err error) (decoded T, found bool) {
	var failure *connect.Error
	if !errors.As(err, &failure) {
		return decoded, false
	}
	for _, packed := range failure.Details() {
		if message, err := packed.Value(); err == nil {
			if decoded, found = message.(T); found {
				return decoded, true
			}
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
	url, token := os.Getenv("ROLLCALL_URL"), os.Getenv("ROLLCALL_TOKEN")
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()

	fmt.Printf("version connectrpc.com/connect v%s\n", connect.Version)
	for _, row := range []struct {
		name    string
		base    string
		client  *http.Client
		options []connect.ClientOption
	}{
		{"gRPC 2", url, http2(), []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web 1.1", url, http11(), []connect.ClientOption{connect.WithGRPCWeb()}},
		{"Connect 2", url, http2(), nil},
		// As the official Go SDK calls from its 1.x on: this library as it is, below /api.
		{"Connect 1.1", url + "/api", http11(), nil},
		{"Connect-JSON 1.1", url, http11(), []connect.ClientOption{connect.WithProtoJSON()}},
	} {
		options := append(row.options, connect.WithInterceptors(bearer{token}))
		s := &story{
			runners: gitpodv1connect.NewRunnerServiceClient(row.client, row.base, options...),
			events:  gitpodv1connect.NewEventServiceClient(row.client, row.base, options...),
		}
		for _, step := range []struct {
			name string
			run  func(context.Context) error
		}{{"create", s.create}, {"get", s.get}, {"list", s.list}, {"watch", s.watch}, {"error", s.failures}} {
			if err := step.run(ctx); err != nil {
				fmt.Printf("not ok %s %s: %v\n", row.name, step.name, err)
				os.Exit(1)
			}
			fmt.Printf("ok %s %s\n", row.name, step.name)
		}
	}
}
