// Conditional requests: reads, writes, deletes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand,
	HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { bytes, etag, fails } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const tag = etag("content");
const other = etag("something else");
const past = new Date(Date.now() - 86400e3);
const future = new Date(Date.now() + 86400e3);

const put = (Key, Body = "content", more) =>
	s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
await put("read");

// Conditions of a read, and the status AWS documents for each.
const reads = [
	[{ IfMatch: tag }, 200],
	[{ IfMatch: tag.slice(1, -1) }, 200],
	[{ IfMatch: "*" }, 200],
	[{ IfMatch: `${other}, ${tag}` }, 200],
	[{ IfMatch: other }, 412],
	[{ IfNoneMatch: other }, 200],
	[{ IfNoneMatch: tag }, 304],
	[{ IfNoneMatch: "*" }, 304],
	[{ IfNoneMatch: `W/${tag}` }, 304],
	[{ IfModifiedSince: past }, 200],
	[{ IfModifiedSince: new Date() }, 304],
	[{ IfUnmodifiedSince: future }, 200],
	[{ IfUnmodifiedSince: past }, 412],
	[{ IfMatch: tag, IfUnmodifiedSince: past }, 200],
	[{ IfNoneMatch: tag, IfModifiedSince: past }, 304],
	[{ IfNoneMatch: other, IfModifiedSince: past }, 200],
	[{ IfMatch: tag, IfNoneMatch: other }, 200],
	[{ IfMatch: other, IfNoneMatch: other }, 412],
	[{ IfMatch: tag, IfNoneMatch: tag }, 304],
];

for (const [verb, Command] of
	Object.entries({ GetObject: GetObjectCommand,
		HeadObject: HeadObjectCommand }))
	describe(verb, () => {
		for (const [conditions, wanted] of reads)
			test(`${JSON.stringify(conditions)} is ${wanted}`, async () => {
				const status = await s3.send(new Command({ Bucket,
					Key: "read", ...conditions })).then(
					async answer => {
						if (answer.Body)
							assert.equal((await bytes(answer)).toString(),
								"content");
						return answer.$metadata.httpStatusCode;
					}, error => error.$metadata.httpStatusCode);
				assert.equal(status, wanted);
			});
	});

test("a range is read under a condition", async () => {
	const at = { Bucket, Key: "read", Range: "bytes=0-2" };
	const got = await s3.send(new GetObjectCommand({ ...at, IfMatch: tag }));
	assert.equal((await bytes(got)).toString(), "con");
	await fails(s3.send(new GetObjectCommand({ ...at, IfMatch: other })),
		"PreconditionFailed", 412);
});

describe("PutObject", () => {
	test("If-None-Match: * makes an object once", async () => {
		await put("once", "1", { IfNoneMatch: "*" });
		await fails(put("once", "2", { IfNoneMatch: "*" }),
			"PreconditionFailed", 412);
		const got = await s3.send(new GetObjectCommand({ Bucket,
			Key: "once" }));
		assert.equal((await bytes(got)).toString(), "1");
	});
	test("If-Match replaces what was read", async () => {
		await put("cas", "1");
		await fails(put("cas", "x", { IfMatch: other }),
			"PreconditionFailed", 412);
		await put("cas", "2", { IfMatch: etag("1") });
		await fails(put("cas", "3", { IfMatch: etag("1") }),
			"PreconditionFailed", 412);
	});
	test("If-Match on an absent key", async () => {
		await fails(put("absent", "x", { IfMatch: tag }), "NoSuchKey", 404);
	});
	test("If-None-Match with an ETag is not implemented", async () => {
		await fails(put("absent", "x", { IfNoneMatch: tag }),
			"NotImplemented", 501);
	});
	test("of 20 racing writers one wins", async () => {
		const status = await Promise.all(Array.from({ length: 20 }, (_, i) =>
			put("race", `writer ${i}`, { IfNoneMatch: "*" }).then(
				() => 200, error => error.$metadata.httpStatusCode)));
		assert.equal(status.filter(s => s === 200).length, 1);
		assert.ok(status.every(s => [200, 409, 412].includes(s)), status);
	});
	test("of 20 racing replacers one wins", async () => {
		await put("swap", "base");
		const status = await Promise.all(Array.from({ length: 20 }, (_, i) =>
			put("swap", `writer ${i}`, { IfMatch: etag("base") }).then(
				() => 200, error => error.$metadata.httpStatusCode)));
		assert.equal(status.filter(s => s === 200).length, 1);
	});
});

describe("DeleteObject", () => {
	const remove = (Key, IfMatch) =>
		s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch }));
	for (const [name, condition] of
		Object.entries({ "its ETag": tag, "*": "*" }))
		test(`If-Match with ${name}`, async () => {
			await put("delete");
			await remove("delete", condition);
			await fails(s3.send(new HeadObjectCommand({ Bucket,
				Key: "delete" })), "NotFound", 404);
		});
	test("If-Match with another ETag", async () => {
		await put("keep");
		await fails(remove("keep", other), "PreconditionFailed", 412);
		await s3.send(new HeadObjectCommand({ Bucket, Key: "keep" }));
	});
	test("DeleteObjects: an ETag for each key", async () => {
		await put("first");
		await put("second");
		const answer = await s3.send(new DeleteObjectsCommand({ Bucket,
			Delete: { Objects: [{ Key: "first", ETag: tag },
				{ Key: "second", ETag: other }] } }));
		assert.deepEqual(answer.Deleted.map(d => d.Key), ["first"]);
		assert.deepEqual(answer.Errors.map(e => [e.Key, e.Code]),
			[["second", "PreconditionFailed"]]);
	});
});
