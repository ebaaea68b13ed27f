// URLs of s3-request-presigner, used by node's fetch as a browser would.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeleteObjectCommand, GetObjectCommand, HeadBucketCommand,
	HeadObjectCommand, ListObjectsV2Command, PutObjectCommand }
	from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { MIB, fails, payload } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const sign = (Command, input, options) =>
	getSignedUrl(s3, new Command({ Bucket, ...input }), options);
const put = (Key, Body = "content", more) =>
	s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

async function refused(answer, status, code) {
	const text = await answer.text();
	assert.deepEqual([answer.status, text.match(/<Code>(.*)<\/Code>/)?.[1]],
		[status, code], text);
}

describe("GET", () => {
	test("an object", async () => {
		await put("get");
		const answer = await fetch(await sign(GetObjectCommand,
			{ Key: "get" }));
		assert.equal(answer.status, 200);
		assert.equal(await answer.text(), "content");
	});
	test("again, and with a header nobody signed", async () => {
		const url = await sign(GetObjectCommand, { Key: "get" });
		for (const Range of ["bytes=0-2", "bytes=3-"]) {
			const answer = await fetch(url, { headers: { Range } });
			assert.equal(answer.status, 206);
			await answer.arrayBuffer();
		}
	});
	test("response headers chosen by the signer", async () => {
		const answer = await fetch(await sign(GetObjectCommand, {
			Key: "get", ResponseContentType: "video/mp4",
			ResponseContentDisposition: "attachment; filename=\"f m.mp4\"" }));
		assert.equal(answer.headers.get("content-type"), "video/mp4");
		assert.equal(answer.headers.get("content-disposition"),
			"attachment; filename=\"f m.mp4\"");
		await answer.arrayBuffer();
	});
	test("an object that is not there", async () => {
		await refused(await fetch(await sign(GetObjectCommand,
			{ Key: "absent" })), 404, "NoSuchKey");
	});
	test("a listing", async () => {
		const answer = await fetch(await sign(ListObjectsV2Command,
			{ Prefix: "ge" }));
		assert.match(await answer.text(), /<Key>get<\/Key>/);
	});
});

test("HEAD", async () => {
	await put("head", "12345");
	const url = await sign(HeadObjectCommand, { Key: "head" });
	const answer = await fetch(url, { method: "HEAD" });
	assert.equal(answer.headers.get("content-length"), "5");
	const bucket = await fetch(await sign(HeadBucketCommand, {}),
		{ method: "HEAD" });
	assert.equal(bucket.status, 200);
	assert.equal(bucket.headers.get("x-amz-bucket-region"), "us-east-1");
});

test("DELETE", async () => {
	await put("delete");
	const url = await sign(DeleteObjectCommand, { Key: "delete" });
	assert.equal((await fetch(url, { method: "DELETE" })).status, 204);
	await fails(s3.send(new HeadObjectCommand({ Bucket, Key: "delete" })),
		"NotFound", 404);
});

describe("PUT", () => {
	const send = (url, body, headers = {}) =>
		fetch(url, { method: "PUT", body, headers });
	const head = Key => s3.send(new HeadObjectCommand({ Bucket, Key }));
	for (const size of [0, 1, 100000, 9 * MIB])
		test(`${size} bytes`, async () => {
			const url = await sign(PutObjectCommand, { Key: "put" });
			assert.equal((await send(url, payload(size))).status, 200);
			assert.equal((await head("put")).ContentLength, size);
		});
	test("content type and metadata as signed", async () => {
		const url = await sign(PutObjectCommand, { Key: "meta",
			ContentType: "video/mp4", Metadata: { owner: "me" } });
		const answer = await send(url, "x",
			{ "content-type": "video/mp4" });
		assert.equal(answer.status, 200, await answer.text());
		const kept = await head("meta");
		assert.equal(kept.ContentType, "video/mp4");
		assert.deepEqual(kept.Metadata, { owner: "me" });
	});
	test("a content type that was signed cannot be changed", async () => {
		const url = await sign(PutObjectCommand, { Key: "type",
			ContentType: "video/mp4" },
		{ signableHeaders: new Set(["content-type"]) });
		await refused(await send(url, "x", { "content-type": "text/html" }),
			403, "SignatureDoesNotMatch");
		assert.equal((await send(url, "x",
			{ "content-type": "video/mp4" })).status, 200);
	});
	test("a metadata header nobody signed", async () => {
		const url = await sign(PutObjectCommand, { Key: "meta" });
		await refused(await send(url, "x", { "x-amz-meta-a": "b" }), 403,
			"AccessDenied");
	});
	test("once only, by a signed condition", async () => {
		const url = await sign(PutObjectCommand, { Key: "once",
			IfNoneMatch: "*" }, { unhoistableHeaders:
				new Set(["if-none-match"]) });
		const headers = { "if-none-match": "*" };
		assert.equal((await send(url, "1", headers)).status, 200);
		await refused(await send(url, "2", headers), 412,
			"PreconditionFailed");
	});
	test("the length that was signed", async () => {
		const url = await sign(PutObjectCommand, { Key: "length",
			ContentLength: 3 }, { signableHeaders:
				new Set(["content-length"]) });
		await refused(await send(url, "four"), 403, "SignatureDoesNotMatch");
		assert.equal((await send(url, "abc")).status, 200);
	});
});

describe("refused", () => {
	const edits = {
		"another key": url => url.replace("/guarded?", "/other?"),
		"another signature": url => url.replace(
			/(X-Amz-Signature=)(.)/, (_, name, c) =>
				name + (c === "0" ? "1" : "0")),
		"a longer life": url => url.replace("X-Amz-Expires=900",
			"X-Amz-Expires=901"),
		"one more parameter": url => `${url}&versionId=null`,
	};
	for (const [name, edit] of Object.entries(edits))
		test(name, async () => {
			await put("guarded");
			await put("other");
			const url = await sign(GetObjectCommand, { Key: "guarded" });
			assert.notEqual(edit(url), url);
			await refused(await fetch(edit(url)), 403,
				"SignatureDoesNotMatch");
		});
	test("another method", async () => {
		const url = await sign(GetObjectCommand, { Key: "guarded" });
		await refused(await fetch(url, { method: "DELETE" }), 403,
			"SignatureDoesNotMatch");
	});
	test("an unknown access key", async () => {
		const url = await sign(GetObjectCommand, { Key: "guarded" });
		await refused(await fetch(url.replace("TESTACCESSKEY", "NOBODY")),
			403, "InvalidAccessKeyId");
	});
	test("past its time", async () => {
		const url = await sign(GetObjectCommand, { Key: "guarded" },
			{ signingDate: new Date(Date.now() - 60e3), expiresIn: 30 });
		const answer = await fetch(url);
		const text = await answer.clone().text();
		assert.match(text, /<Message>Request has expired<\/Message>/);
		await refused(answer, 403, "AccessDenied");
	});
	test("before its time", async () => {
		const url = await sign(GetObjectCommand, { Key: "guarded" },
			{ signingDate: new Date(Date.now() + 3600e3) });
		await refused(await fetch(url), 403, "AccessDenied");
	});
	test("a life of more than a week", async () => {
		const url = await sign(GetObjectCommand, { Key: "guarded" });
		await refused(await fetch(url.replace("X-Amz-Expires=900",
			"X-Amz-Expires=604801")), 400,
		"AuthorizationQueryParametersError");
	});
	test("no signature at all", async () => {
		await refused(await fetch(`${gateway.url}/${Bucket}/guarded`), 403,
			"AccessDenied");
	});
});

test("virtual-host style", async () => {
	const client = gateway.client({ forcePathStyle: false,
		endpoint: gateway.url.replace("127.0.0.1", "localhost") });
	await put("host");
	const url = new URL(await getSignedUrl(client,
		new GetObjectCommand({ Bucket, Key: "host" })));
	assert.equal(url.hostname, `${Bucket}.localhost`);
	const got = await client.send(new GetObjectCommand({ Bucket,
		Key: "host" }));
	assert.equal(await got.Body.transformToString(), "content");
	client.destroy();
});
