// Errors as the SDK's classes, its retries, credentials and clocks.
import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";
import { CreateBucketCommand, DeleteBucketCommand,
	DeleteObjectCommand, GetObjectCommand, HeadBucketCommand,
	HeadObjectCommand, ListBucketsCommand, ListObjectsV2Command, NoSuchBucket,
	NoSuchKey, NotFound, PutObjectCommand, S3ServiceException,
	waitUntilBucketExists, waitUntilBucketNotExists, waitUntilObjectExists,
	waitUntilObjectNotExists } from "@aws-sdk/client-s3";
import { bytes, fails, payload } from "./lib/expect.mjs";
import { SECRET_KEY, startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const absent = { Bucket: "no-such-bucket-here", Key: "k" };

const cases = [
	["GetObject of no key", new GetObjectCommand({ Bucket, Key: "no" }),
		"NoSuchKey", 404, NoSuchKey],
	["HeadObject of no key", new HeadObjectCommand({ Bucket, Key: "no" }),
		"NotFound", 404, NotFound],
	["HeadBucket of none", new HeadBucketCommand(absent), "NotFound", 404,
		NotFound],
	["GetObject in no bucket", new GetObjectCommand(absent), "NoSuchBucket",
		404, NoSuchBucket],
	["PutObject in no bucket", new PutObjectCommand({ ...absent, Body: "x" }),
		"NoSuchBucket", 404, NoSuchBucket],
	["DeleteObject in no bucket", new DeleteObjectCommand(absent),
		"NoSuchBucket", 404, NoSuchBucket],
	["ListObjectsV2 of no bucket", new ListObjectsV2Command(absent),
		"NoSuchBucket", 404, NoSuchBucket],
	["DeleteBucket of none", new DeleteBucketCommand(absent), "NoSuchBucket",
		404, NoSuchBucket],
	["CreateBucket with a bad name",
		new CreateBucketCommand({ Bucket: "Bad_Name" }),
		"InvalidBucketName", 400, S3ServiceException],
];
for (const [name, command, code, status, Class] of cases)
	test(name, async () => {
		const error = await fails(s3.send(command), code, status);
		assert.ok(error instanceof Class, `${error.constructor.name}`);
		assert.ok(error instanceof S3ServiceException);
		assert.equal(error.$fault, "client");
		assert.match(error.$metadata.requestId, /^[0-9A-Z]{16}$/);
		assert.ok(error.$metadata.extendedRequestId);
		assert.equal(error.$metadata.attempts, 1);
		assert.ok(error.message.length > 5);
	});

test("an error carries AWS's elements", async () => {
	const error = await fails(s3.send(new GetObjectCommand({ Bucket,
		Key: "\u00e9 <no>" })), "NoSuchKey", 404);
	assert.equal(error.Key, "\u00e9 <no>");
	assert.equal(error.message, "The specified key does not exist.");
	const bucket = await fails(s3.send(new GetObjectCommand(absent)),
		"NoSuchBucket", 404);
	assert.equal(bucket.BucketName, absent.Bucket);
});

test("a bucket that is not empty", async () => {
	await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
	await fails(s3.send(new DeleteBucketCommand({ Bucket })),
		"BucketNotEmpty", 409);
});

test("every answer has its request id", async () => {
	const ids = new Set();
	for (let i = 0; i < 5; i++) {
		const { $metadata } = await s3.send(new HeadBucketCommand(
			{ Bucket }));
		assert.match($metadata.requestId, /^[0-9A-Z]{16}$/);
		ids.add($metadata.requestId);
	}
	assert.equal(ids.size, 5);
});

describe("credentials", () => {
	const who = {
		"a wrong secret": [{ accessKeyId: "TESTACCESSKEY",
			secretAccessKey: "wrong" }, "SignatureDoesNotMatch"],
		"an unknown key": [{ accessKeyId: "NOBODYKNOWSIT",
			secretAccessKey: SECRET_KEY }, "InvalidAccessKeyId"],
	};
	for (const [name, [credentials, code]] of Object.entries(who))
		test(name, async () => {
			const client = gateway.client({ credentials });
			const error = await fails(client.send(
				new ListBucketsCommand({})), code, 403);
			if (code === "SignatureDoesNotMatch") {
				assert.match(error.StringToSign, /^AWS4-HMAC-SHA256\n/);
				assert.match(error.CanonicalRequest, /^GET\n\/\n/);
			}
			await fails(client.send(new PutObjectCommand({ Bucket,
				Key: "k", Body: payload(3e6) })), code, 403);
			client.destroy();
		});
	test("a session token is refused", async () => {
		const client = gateway.client({ credentials: {
			accessKeyId: "TESTACCESSKEY", secretAccessKey: SECRET_KEY,
			sessionToken: "token" } });
		await fails(client.send(new ListBucketsCommand({})), "InvalidToken",
			400);
		client.destroy();
	});
	test("any region is accepted", async () => {
		const client = gateway.client({ region: "ap-southeast-2" });
		await client.send(new HeadBucketCommand({ Bucket }));
		client.destroy();
	});
});

describe("clocks", () => {
	for (const days of [1, -1])
		test(`the SDK corrects a clock that is ${days} day off`, async t => {
			t.mock.timers.enable({ apis: ["Date"],
				now: Date.now() + days * 86400e3 });
			const client = gateway.client();
			const answer = await client.send(
				new ListObjectsV2Command({ Bucket }));
			assert.equal(answer.$metadata.attempts, 2);
			assert.ok(Math.abs(client.config.systemClockOffset +
				days * 86400e3) < 60e3);
			client.destroy();
		});
	test("without a second attempt it is told", async () => {
		const client = gateway.client({ systemClockOffset: -86400e3,
			maxAttempts: 1 });
		await fails(client.send(new ListObjectsV2Command({ Bucket })),
			"RequestTimeTooSkewed", 403);
		client.destroy();
	});
});

// A proxy that cuts or answers the first requests itself.
async function flaky(t, failures, fail) {
	let count = 0;
	const server = http.createServer((request, response) => {
		if (count++ < failures)
			return fail(request, response);
		const onward = http.request(gateway.url + request.url, {
			method: request.method, headers: request.headers },
		answer => {
			response.writeHead(answer.statusCode, answer.headers);
			answer.pipe(response);
		});
		request.pipe(onward);
	});
	await new Promise(done => server.listen(0, "127.0.0.1", done));
	t.after(() => server.closeAllConnections() ?? server.close());
	const client = gateway.client({ retryStrategy: undefined, endpoint:
		`http://127.0.0.1:${server.address().port}` });
	t.after(() => client.destroy());
	return client;
}

describe("retries", () => {
	const failures = {
		"a cut connection": request => request.socket.destroy(),
		"503 SlowDown": (request, response) => {
			request.resume();
			response.writeHead(503, { "content-type": "application/xml" });
			response.end("<Error><Code>SlowDown</Code></Error>");
		},
	};
	for (const [name, fail] of Object.entries(failures))
		test(`a PUT after ${name}`, async t => {
			const client = await flaky(t, 2, fail);
			const answer = await client.send(new PutObjectCommand({ Bucket,
				Key: "retried", Body: payload(100000) }));
			assert.equal(answer.$metadata.attempts, 3);
			const got = await s3.send(new GetObjectCommand({ Bucket,
				Key: "retried" }));
			assert.ok((await bytes(got)).equals(payload(100000)));
		});
});

describe("waiters", () => {
	const waiter = { client: s3, maxWaitTime: 20, minDelay: 1, maxDelay: 1 };
	const object = { Bucket, Key: "late" };
	const bucket = { Bucket: `${Bucket}-late` };
	const steps = [
		["object exists", waitUntilObjectExists, object,
			new PutObjectCommand({ ...object, Body: "x" })],
		["object not exists", waitUntilObjectNotExists, object,
			new DeleteObjectCommand(object)],
		["bucket exists", waitUntilBucketExists, bucket,
			new CreateBucketCommand(bucket)],
		["bucket not exists", waitUntilBucketNotExists, bucket,
			new DeleteBucketCommand(bucket)],
	];
	for (const [name, wait, what, command] of steps)
		test(name, async () => {
			const waiting = wait(waiter, what);
			await s3.send(command);
			assert.equal((await waiting).state, "SUCCESS");
		});
});
