"""An agent of one runner: python3 agent.py SERVER TOKEN_FILE STATE_FILE. See agent-protocol.md."""
import base64, json, os, random, signal, sys, threading, urllib.error, urllib.request, uuid

server, token_file, state_file = sys.argv[1:]
AGENT = "rollcall.v1.RunnerAgentService/"
REOPEN = {"GENERATION_UNKNOWN", "GENERATION_ENDED"}
LATER = {"CLIENT_CERTIFICATE_INVALID", "CLIENT_CERTIFICATE_MISMATCH"}
FINAL_CODES = {"unauthenticated", "permission_denied", "unimplemented", "aborted"}
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def call(procedure, body, timeout=5, **headers):
    headers = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    request = urllib.request.Request(f"{server}/{procedure}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def refusal(error):
    """The code and our reason; two empty texts for what a proxy or the network says."""
    try:
        body = json.loads(error.read(65536))
        info = [d["value"] for d in body.get("details", []) if d["type"] == "google.rpc.ErrorInfo"]
        raw = base64.b64decode(info[0] + "=" * (-len(info[0]) % 4))  # sent without padding
        reason, rest = raw[2 : 2 + raw[1]].decode(), raw[2 + raw[1] :]
        return (body["code"], reason) if rest.startswith(b"\x12\x08rollcall") else ("", "")
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError):
        return "", ""


def insist(procedure, make_body, **headers):
    failures = 0
    while not stop.is_set():
        try:
            return call(procedure, make_body(), (5, 10, 20)[min(failures, 2)], **headers)
        except (OSError, ValueError) as error:
            code, reason = refusal(error)
            if reason in REOPEN:
                state["generation"] = 0
            elif reason and reason not in LATER and code in FINAL_CODES:
                sys.exit(f"refused: {reason}")
            stop.wait(min(2 ** min(failures, 4), 15) * random.uniform(0.5, 1))
            failures += 1
    sys.exit(0)


def save():
    with open(os.open(state_file + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(state_file + ".tmp", state_file)


state = json.load(open(state_file)) if os.path.exists(state_file) else {"key": str(uuid.uuid4())}
if "token" not in state:
    save()  # the key first: the answer of the exchange may get lost
    exchange = {"exchangeToken": open(token_file).read().strip()}
    procedure = "gitpod.v1.IdentityService/ExchangeToken"
    state["token"] = insist(procedure, lambda: exchange, Idempotency_Key=state["key"])["accessToken"]
    save()
state |= {"generation": 0, "applied": 0}
bearer = {"Authorization": "Bearer " + state["token"]}
status = {"phase": "RUNNER_PHASE_ACTIVE", "version": "python-agent/1"}  # all of it each time is fine as well
while not stop.is_set():
    generation = lambda: {"generation": state["generation"], "appliedSpecRevision": state["applied"], "status": status}
    answer = insist(AGENT + "RenewRegistration", generation, **bearer)
    state["generation"] = answer["generation"]
    state["applied"] = answer.get("wanted", {}).get("revision", state["applied"])  # put the spec into force here
    if "windDown" in answer:
        break  # finish what runs here
    stop.wait(float(answer["renewAfter"].rstrip("s")))
call(AGENT + "SignOff", {"generation": state["generation"]}, **bearer)
