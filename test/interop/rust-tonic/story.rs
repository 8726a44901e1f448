//! The story of every generated client, told by tonic.
use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

mod contract {
    // The story calls a part of the contract.
    #![allow(dead_code)]
    tonic::include_proto!("contract");
}

use contract::buf::validate::Violations;
use contract::gitpod::v1 as gitpod;
use gitpod::event_service_client::EventServiceClient;
use gitpod::runner_service_client::RunnerServiceClient;

type Failure = Box<dyn std::error::Error>;

/// Adds the token to every call, streams included.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

struct Story {
    runners: RunnerServiceClient<InterceptedService<Channel, Bearer>>,
    events: EventServiceClient<InterceptedService<Channel, Bearer>>,
    first: String,
}

impl Story {
    async fn new_runner(&mut self, name: &str) -> Result<gitpod::CreateRunnerResponse, Failure> {
        let request = gitpod::CreateRunnerRequest {
            name: name.into(),
            provider: gitpod::RunnerProvider::AwsEc2.into(),
            spec: Some(gitpod::RunnerSpec {
                configuration: Some(gitpod::RunnerConfiguration {
                    region: "eu-central-1".into(),
                    auto_update: true,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(self.runners.create_runner(request).await?.into_inner())
    }

    async fn create(&mut self) -> Result<(), Failure> {
        let created = self.new_runner("interop-1").await?;
        let runner = created.runner.ok_or("no runner")?;
        let phase = runner.status.as_ref().ok_or("no status")?.phase();
        self.first = runner.runner_id.clone();
        expect(is_uuid(&self.first), || format!("runner_id {:?} is no UUID", self.first))?;
        expect(created.exchange_token.starts_with("rcexc_"), || "exchange_token has another prefix".into())?;
        expect(phase == gitpod::RunnerPhase::Created, || format!("phase is {phase:?}"))?;
        expect(runner.kind() == gitpod::RunnerKind::Remote, || format!("kind is {:?}", runner.kind()))
    }

    async fn get(&mut self) -> Result<(), Failure> {
        let request = gitpod::GetRunnerRequest { runner_id: self.first.clone() };
        let runner = self.runners.get_runner(request).await?.into_inner().runner.ok_or("no runner")?;
        let configuration = runner.spec.and_then(|spec| spec.configuration).ok_or("no configuration")?;
        expect(runner.runner_id == self.first, || format!("runner_id is {:?}", runner.runner_id))?;
        expect(runner.name == "interop-1", || format!("name is {:?}", runner.name))?;
        expect(configuration.region == "eu-central-1", || format!("region is {:?}", configuration.region))?;
        expect(configuration.auto_update, || "auto_update is false".into())?;
        let level = configuration.log_level();
        expect(level == gitpod::LogLevel::Unspecified, || format!("log_level is {level:?}"))
    }

    async fn list(&mut self) -> Result<(), Failure> {
        let mut wanted = vec![self.first.clone()];
        for name in ["interop-2", "interop-3"] {
            wanted.push(self.new_runner(name).await?.runner.ok_or("no runner")?.runner_id);
        }
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut token = String::new();
        loop {
            let pagination = Some(gitpod::PaginationRequest { page_size: 2, token });
            let request = gitpod::ListRunnersRequest { pagination, ..Default::default() };
            let page = self.runners.list_runners(request).await?.into_inner();
            expect(page.runners.len() <= 2, || format!("a page of {}", page.runners.len()))?;
            for runner in page.runners {
                *seen.entry(runner.runner_id).or_default() += 1;
            }
            token = page.pagination.unwrap_or_default().next_token;
            if token.is_empty() {
                break;
            }
        }
        for id in wanted {
            let times = seen.get(&id).copied().unwrap_or(0);
            expect(times == 1, || format!("runner {id} was listed {times} times"))?;
        }
        Ok(())
    }

    async fn watch(&mut self) -> Result<(), Failure> {
        let scope = Some(gitpod::watch_events_request::Scope::Organization(true));
        let request = gitpod::WatchEventsRequest { scope, ..Default::default() };
        // Returns when the server has answered: from then on no event is missed.
        let mut stream = self.events.watch_events(request).await?.into_inner();
        let rename = gitpod::UpdateRunnerRequest {
            runner_id: self.first.clone(),
            name: Some("interop-1 renamed".into()),
            ..Default::default()
        };
        self.runners.update_runner(rename).await?;
        loop {
            let event = stream.message().await?.ok_or("the stream ended without the event")?;
            if event.resource_id == self.first
                && event.resource_type() == gitpod::ResourceType::Runner
                && event.operation() == gitpod::ResourceOperation::Update
            {
                break;
            }
        }
        // tonic cancels a stream that is dropped. The connection must serve on.
        drop(stream);
        let request = gitpod::GetRunnerRequest { runner_id: self.first.clone() };
        let name = self.runners.get_runner(request).await?.into_inner().runner.ok_or("no runner")?.name;
        expect(name == "interop-1 renamed", || format!("name is {name:?}"))
    }

    async fn error(&mut self) -> Result<(), Failure> {
        let short = gitpod::CreateRunnerRequest { name: "ab".into(), ..Default::default() };
        let status = refused(self.runners.create_runner(short).await)?;
        expect(status.code() == Code::InvalidArgument, || format!("a short name: {status}"))?;
        let violations = violations(&status)?.ok_or("a short name: no buf.validate.Violations")?;
        let names_name = violations.violations.iter().any(|violation| {
            let path = violation.field.as_ref().map(|field| field.elements.as_slice()).unwrap_or_default();
            path.len() == 1 && path[0].field_name() == "name"
        });
        expect(names_name, || format!("no violation names the field: {violations:?}"))?;

        let unknown = gitpod::GetRunnerRequest { runner_id: "01900000-0000-7000-8000-000000000000".into() };
        let status = refused(self.runners.get_runner(unknown).await)?;
        expect(status.code() == Code::NotFound, || format!("an unknown runner: {status}"))?;
        expect(status.message() == "runner not found", || format!("an unknown runner: {:?}", status.message()))?;
        let info = status.get_details_error_info().ok_or("an unknown runner: no google.rpc.ErrorInfo")?;
        expect(info.reason == "RUNNER_NOT_FOUND", || format!("an unknown runner: reason {:?}", info.reason))
    }
}

/// Decodes the violations among the details. tonic-types knows the google.rpc ones alone.
fn violations(status: &Status) -> Result<Option<Violations>, Failure> {
    let details = tonic_types::Status::decode(status.details())?.details;
    let packed = details.iter().find(|detail| detail.type_url.ends_with("/buf.validate.Violations"));
    Ok(packed.map(|detail| Violations::decode(detail.value.as_slice())).transpose()?)
}

fn refused<T>(outcome: Result<T, Status>) -> Result<Status, Failure> {
    outcome.err().ok_or_else(|| "the call was accepted".into())
}

fn expect(holds: bool, why: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(why().into()) }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.concat().bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Runs every step; the name of the one that failed comes first.
async fn tell(url: String, token: &str) -> Result<(), (&'static str, Failure)> {
    let (channel, bearer) = connect(url, token).await.map_err(|why| ("create", why))?;
    let mut story = Story {
        runners: RunnerServiceClient::with_interceptor(channel.clone(), bearer.clone()),
        events: EventServiceClient::with_interceptor(channel, bearer),
        first: String::new(),
    };
    for step in ["create", "get", "list", "watch", "error"] {
        let outcome = match step {
            "create" => story.create().await,
            "get" => story.get().await,
            "list" => story.list().await,
            "watch" => story.watch().await,
            _ => story.error().await,
        };
        outcome.map_err(|why| (step, why))?;
        println!("ok gRPC 2 {step}");
    }
    Ok(())
}

async fn connect(url: String, token: &str) -> Result<(Channel, Bearer), Failure> {
    let bearer = format!("Bearer {token}").parse()?;
    Ok((Channel::from_shared(url)?.connect().await?, Bearer(bearer)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let (url, token) = (std::env::var("ROLLCALL_URL")?, std::env::var("ROLLCALL_TOKEN")?);
    let failed = match tokio::time::timeout(Duration::from_secs(60), tell(url, &token)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err((step, why))) => format!("{step}: {why}"),
        Err(_) => "watch: the story took longer than a minute".into(),
    };
    println!("not ok gRPC 2 {failed}");
    std::process::exit(1);
}
