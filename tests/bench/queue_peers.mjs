// What other queues do with the same PostgreSQL: one line of JSON.
// usage: node queue_peers.mjs graphile|batched|boss|wait JOBS   (DATABASE_URL)
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.PEERS + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)));
const connectionString = process.env.DATABASE_URL;
const [what, jobs] = [process.argv[2], Number(process.argv[3])];
const BATCH = 1000;
const now = () => performance.now() / 1000;
const sleep = (s) => new Promise((done) => setTimeout(done, s * 1000));

// batched: the preset of its own performance test.
const worker = {
  graphile: { concurrentJobs: 10, maxPoolSize: 10 },
  batched: { concurrentJobs: 24, maxPoolSize: 10, localQueue: { size: 500 },
             completeJobBatchDelay: 0, failJobBatchDelay: 0 },
  wait: {},
};

async function graphile(task, body) {
  const { run, makeWorkerUtils, Logger } = await load("graphile-worker");
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  const start = () => run({
    preset: { worker: { connectionString, ...worker[what] } }, logger,
    taskList: { bench: task }, noHandleSignals: true });
  const result = await body(utils, start);
  await utils.release();
  return result;
}

async function throughput() {
  let done = 0, finish;
  const all = new Promise((resolve) => { finish = resolve; });
  const task = () => { if (++done === jobs) finish(); };
  return graphile(task, async (utils, start) => {
    let begin = now();
    for (let n = 0; n < jobs; n += BATCH)
      await utils.addJobs(Array.from(
        { length: BATCH }, () => ({ identifier: "bench", payload: { id: 1 } })));
    const added = now() - begin;
    await utils.withPgClient((c) => c.query("VACUUM ANALYZE"));
    begin = now();
    const runner = await start();
    await all;
    await runner.stop(); // what is still to be completed in batches
    return { jobs, add_seconds: added, seconds: now() - begin };
  });
}

async function latency() {
  const times = [];
  let added, started;
  const task = () => { times.push(now() - added); started(); };
  return graphile(task, async (utils, start) => {
    const runner = await start();
    await sleep(0.5);
    for (let i = 0; i < jobs; i++) {
      const ran = new Promise((resolve) => { started = resolve; });
      added = now();
      await utils.addJob("bench", {});
      await ran;
      await sleep(0.03);
    }
    await runner.stop();
    times.sort((a, b) => a - b);
    return { jobs, p50_us: times[Math.floor(jobs * 0.5)] * 1e6,
             p95_us: times[Math.floor(jobs * 0.95)] * 1e6 };
  });
}

async function boss() {
  const { PgBoss } = await load("pg-boss");
  const queue = new PgBoss({ connectionString, supervise: false,
                             schedule: false });
  await queue.start();
  await queue.createQueue("bench");
  let begin = now();
  for (let n = 0; n < jobs; n += BATCH)
    await queue.insert("bench", Array.from({ length: BATCH },
                                           () => ({ data: { id: 1 } })));
  const added = now() - begin;
  let done = 0;
  begin = now();
  await Promise.all([0, 1].map(async () => { // two consumers, as ours
    for (;;) {
      const batch = await queue.fetch("bench", { batchSize: 500 });
      if (!batch.length) return;
      await queue.complete("bench", batch.map((job) => job.id));
      done += batch.length;
    }
  }));
  const seconds = now() - begin;
  await queue.stop({ graceful: false });
  return { jobs: done, add_seconds: added, seconds };
}

const result = await ({ wait: latency, boss }[what] ?? throughput)();
console.log(JSON.stringify(result));
process.exit(0);
