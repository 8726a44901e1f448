# Every row of the benchmark for a moment: that it works and leaves nothing out. Its numbers here say nothing.
npm run bench -- --quick
node -e '
  const { rows, list, targets } = JSON.parse(fs.readFileSync("bench/out/report.json", "utf8"));
  const failed = Object.entries(rows).filter(([, { at1, at64 }]) => !(at1.cpuUs >= 0 && at64.perSecond > 0 && at1.perSecond > 0) || at1.failed + at64.failed > 0);
  const calls = ["RenewRegistration", "GetRunner", "CreateRunner", "ListRunners"];
  const ways = ["gRPC HTTP/2", "Connect HTTP/2", "Connect JSON HTTP/2", "Connect HTTP/1.1", "Connect JSON HTTP/1.1"];
  const wanted = calls.flatMap((call) => ways.flatMap((way) => ["floor", "connect-node", "ours"].map((who) => `${call} ${way} ${who}`)));
  wanted.push(...calls.flatMap((call) => [`${call} gRPC HTTP/2 grpc-go`, ...ways.map((way) => `${call} ${way} connect-go`)]));
  const missing = wanted.filter((label) => rows[label] === undefined);
  console.log({ failed, missing, rows: Object.keys(rows).length, targets: targets.length });
  process.exit(failed.length + missing.length > 0 || list === null || targets.length === 0 ? 1 : 0);
'
