// Starts the real gateway, as tests/lib/gateway.py does: free ports, a data
// directory of its own. It ends with the test file that asked for it.
import { spawn } from "node:child_process";
import { createWriteStream, rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after } from "node:test";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";

export const ACCESS_KEY = "TESTACCESSKEY";
export const SECRET_KEY = "testsecretkey-of-the-suite";

const BIN = process.env.REELGATE_BIN ??
	new URL("../../../build/release/bin", import.meta.url).pathname;
const KEPT = /^(PATH|HOME|TMPDIR|(ASAN|UBSAN|TSAN)_OPTIONS)$/;

// What the developer set for the SDK shall not reach the tests.
for (const name of Object.keys(process.env))
	if (name.startsWith("AWS_"))
		delete process.env[name];
process.env.AWS_CONFIG_FILE = process.env.AWS_SHARED_CREDENTIALS_FILE =
	"/dev/null";

// Debian resolves bucket.localhost only with an extra package.
const lookup = (host, options, done) => options.all ?
	done(null, [{ address: "127.0.0.1", family: 4 }]) :
	done(null, "127.0.0.1", 4);

class Gateway {
	#number = 0;

	// The SDK at its defaults, but for where the server is and who asks.
	client(options = {}) {
		return new S3Client({
			endpoint: this.url, region: "us-east-1",
			forcePathStyle: true,
			credentials: {
				accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY,
			},
			requestHandler: {
				httpAgent: new http.Agent({ keepAlive: true, lookup }),
			},
			...options,
		});
	}

	async bucket(options = {}) {
		const Bucket = `b${process.pid}-${++this.#number}`;
		await this.s3.send(new CreateBucketCommand({ Bucket, ...options }));
		return Bucket;
	}

	// DATA/run/endpoints names the addresses once the ports are open.
	async #ready() {
		const text = await readFile(
			path.join(this.data, "run/endpoints"), "utf8");
		this.url = text.match(/^S3_ENDPOINT=(.*)$/m)[1];
		this.port = Number(new URL(this.url).port);
		const answer = await fetch(`${this.url}/minio/health/ready`);
		await answer.arrayBuffer();
		return answer.ok;
	}

	async start(settings) {
		this.data = await mkdtemp(path.join(tmpdir(), "reelgate-"));
		this.logPath = `${this.data}.log`;
		const env = {
			AWS_ACCESS_KEY_ID: ACCESS_KEY,
			AWS_SECRET_ACCESS_KEY: SECRET_KEY,
			REELGATE_MIN_FREE_BYTES: "0", REELGATE_INDEX_MAP_SIZE: "8G",
			LOG_FORMAT: "json", ...settings,
		};
		for (const [name, value] of Object.entries(process.env))
			if (KEPT.test(name))
				env[name] = value;
		this.process = spawn(path.join(BIN, "reelgate-gateway"), [
			"--data", this.data, "--s3-listen", "127.0.0.1:0",
			"--api-listen", "127.0.0.1:0",
		], { env, stdio: ["ignore", "pipe", "pipe"] });
		const log = createWriteStream(this.logPath);
		this.process.stdout.pipe(log, { end: false });
		this.process.stderr.pipe(log, { end: false });
		this.ended = new Promise(done => this.process.once("exit", done));
		for (let tries = 0; tries < 3000; tries++) {
			if (this.process.exitCode !== null)
				break;
			if (await this.#ready().catch(() => false)) {
				this.s3 = this.client();
				return this;
			}
			await sleep(10);
		}
		throw new Error(`the gateway did not start: ${await this.log()}`);
	}

	// At once, whatever its state.
	remove() {
		this.process?.kill("SIGKILL");
		rmSync(this.data, { recursive: true, force: true });
		rmSync(this.logPath, { force: true });
	}

	log() {
		return readFile(this.logPath, "utf8");
	}

	async stop() {
		this.s3?.destroy();
		this.process.kill("SIGTERM");
		const status = await this.ended;
		const text = await this.log();
		this.remove();
		if (status !== 0)
			throw new Error(`the gateway ended with ${status}: ${text}`);
	}
}

// A file that fails before its first test, or is told to end, runs no hook.
for (const signal of ["SIGINT", "SIGTERM"])
	process.on(signal, () => process.exit(1));

export async function startGateway(settings = {}) {
	const gateway = new Gateway();
	after(() => gateway.stop());
	for (const end of ["exit", "uncaughtExceptionMonitor"])
		process.on(end, () => gateway.remove());
	return gateway.start(settings);
}
