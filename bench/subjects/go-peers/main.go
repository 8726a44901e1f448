// The servers that people would write instead, in Go: grpc-go and connect-go with the messages of Rollcall. Renewals, reads
// and lists are echoes of what Rollcall answered; a create is one durable row in SQLite, with commits shared by what waits.
// No authentication, no rules, no lease, no audit, no events.
//
//	peers grpc|connect FOLDER < answers.json
//
// Prints its port as a line. The folder is for the database.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	gitpodv1 "peers/gen/gitpod/v1"
	"peers/gen/gitpod/v1/gitpodv1connect"
	rollcallv1 "peers/gen/rollcall/v1"
	"peers/gen/rollcall/v1/rollcallv1connect"
)

// echoes are the answers that need no state.
type echoes struct {
	renewed *rollcallv1.RenewRegistrationResponse
	got     *gitpodv1.GetRunnerResponse
	listed  *gitpodv1.ListRunnersResponse
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: peers grpc|connect FOLDER < answers.json")
	}
	answers := read()
	rows, err := openRows(filepath.Join(os.Args[2], "peer.db"))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if os.Args[1] == "grpc" {
		log.Fatal(serveGrpc(listener, answers, rows))
	}
	log.Fatal(serveConnect(listener, answers, rows))
}

// read takes Rollcall's answers: base64 of the binary message, by path and content type.
func read() *echoes {
	var recorded map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&recorded); err != nil {
		log.Fatal(err)
	}
	decode := func(path string, message proto.Message) {
		bytes, err := base64.StdEncoding.DecodeString(recorded[path+" application/proto"])
		if err == nil {
			err = proto.Unmarshal(bytes, message)
		}
		if err != nil {
			log.Fatal(path, ": ", err)
		}
	}
	answers := &echoes{&rollcallv1.RenewRegistrationResponse{}, &gitpodv1.GetRunnerResponse{}, &gitpodv1.ListRunnersResponse{}}
	decode(rollcallv1connect.RunnerAgentServiceRenewRegistrationProcedure, answers.renewed)
	decode(gitpodv1connect.RunnerServiceGetRunnerProcedure, answers.got)
	decode(gitpodv1connect.RunnerServiceListRunnersProcedure, answers.listed)
	return answers
}

type grpcRunners struct {
	gitpodv1.UnimplementedRunnerServiceServer
	answers *echoes
	rows    *rows
}

func (s *grpcRunners) GetRunner(context.Context, *gitpodv1.GetRunnerRequest) (*gitpodv1.GetRunnerResponse, error) {
	return s.answers.got, nil
}

func (s *grpcRunners) ListRunners(context.Context, *gitpodv1.ListRunnersRequest) (*gitpodv1.ListRunnersResponse, error) {
	return s.answers.listed, nil
}

func (s *grpcRunners) CreateRunner(_ context.Context, request *gitpodv1.CreateRunnerRequest) (*gitpodv1.CreateRunnerResponse, error) {
	return s.rows.create(request)
}

type grpcAgents struct {
	rollcallv1.UnimplementedRunnerAgentServiceServer
	answers *echoes
}

func (s *grpcAgents) RenewRegistration(context.Context, *rollcallv1.RenewRegistrationRequest) (*rollcallv1.RenewRegistrationResponse, error) {
	return s.answers.renewed, nil
}

func serveGrpc(listener net.Listener, answers *echoes, rows *rows) error {
	server := grpc.NewServer()
	gitpodv1.RegisterRunnerServiceServer(server, &grpcRunners{answers: answers, rows: rows})
	rollcallv1.RegisterRunnerAgentServiceServer(server, &grpcAgents{answers: answers})
	return server.Serve(listener)
}

type connectRunners struct {
	gitpodv1connect.UnimplementedRunnerServiceHandler
	answers *echoes
	rows    *rows
}

func (s *connectRunners) GetRunner(context.Context, *connect.Request[gitpodv1.GetRunnerRequest]) (*connect.Response[gitpodv1.GetRunnerResponse], error) {
	return connect.NewResponse(s.answers.got), nil
}

func (s *connectRunners) ListRunners(context.Context, *connect.Request[gitpodv1.ListRunnersRequest]) (*connect.Response[gitpodv1.ListRunnersResponse], error) {
	return connect.NewResponse(s.answers.listed), nil
}

func (s *connectRunners) CreateRunner(_ context.Context, request *connect.Request[gitpodv1.CreateRunnerRequest]) (*connect.Response[gitpodv1.CreateRunnerResponse], error) {
	answer, err := s.rows.create(request.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(answer), nil
}

type connectAgents struct {
	rollcallv1connect.UnimplementedRunnerAgentServiceHandler
	answers *echoes
}

func (s *connectAgents) RenewRegistration(context.Context, *connect.Request[rollcallv1.RenewRegistrationRequest]) (*connect.Response[rollcallv1.RenewRegistrationResponse], error) {
	return connect.NewResponse(s.answers.renewed), nil
}

// serveConnect speaks HTTP/1.1 and HTTP/2 in clear text on one port, as net/http does since Go 1.24.
func serveConnect(listener net.Listener, answers *echoes, rows *rows) error {
	mux := http.NewServeMux()
	mux.Handle(gitpodv1connect.NewRunnerServiceHandler(&connectRunners{answers: answers, rows: rows}))
	mux.Handle(rollcallv1connect.NewRunnerAgentServiceHandler(&connectAgents{answers: answers}))
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return (&http.Server{Handler: mux, Protocols: protocols}).Serve(listener)
}
