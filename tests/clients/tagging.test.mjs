// Object tags and GetObjectAttributes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeleteObjectTaggingCommand, GetObjectAttributesCommand,
	GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand,
	PutObjectCommand, PutObjectTaggingCommand } from "@aws-sdk/client-s3";
import { etag, fails } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const at = { Bucket, Key: "object" };
await s3.send(new PutObjectCommand({ ...at, Body: "body" }));
const set = (TagSet, where = at) => s3.send(new PutObjectTaggingCommand(
	{ ...where, Tagging: { TagSet } }));
const get = async (where = at) => (await s3.send(
	new GetObjectTaggingCommand(where))).TagSet;
const put = (Tagging, more) => s3.send(new PutObjectCommand({ Bucket,
	Key: "tagged", Body: "x", Tagging, ...more }));
const many = count => Array.from({ length: count },
	(_, i) => ({ Key: `k${i}`, Value: `${i}` }));

describe("PutObjectTagging", () => {
	const sets = {
		"one": [{ Key: "a", Value: "b" }],
		"ten": many(10),
		"none": [],
		"an empty value": [{ Key: "a", Value: "" }],
		"allowed signs": [{ Key: "a b+-=._:/@", Value: "+-=._:/@ z" }],
		"letters of the world": [{ Key: "\u00fc\u65e5", Value: "\u672c" }],
		"the longest": [{ Key: "k".repeat(128), Value: "v".repeat(256) }],
		"case matters": [{ Key: "A", Value: "1" }, { Key: "a", Value: "2" }],
	};
	for (const [name, tags] of Object.entries(sets))
		test(name, async () => {
			await set(tags);
			const order = (x, y) => x.Key < y.Key ? -1 : 1;
			assert.deepEqual((await get()).sort(order),
				[...tags].sort(order));
		});
	const wrong = {
		"eleven": [many(11), "BadRequest"],
		"a key too long": [[{ Key: "k".repeat(129), Value: "" }],
			"InvalidTag"],
		"a value too long": [[{ Key: "k", Value: "v".repeat(257) }],
			"InvalidTag"],
		"the same key twice": [[{ Key: "a", Value: "1" },
			{ Key: "a", Value: "2" }], "InvalidTag"],
		"an empty key": [[{ Key: "", Value: "1" }], "InvalidTag"],
		"a reserved prefix": [[{ Key: "aws:x", Value: "1" }], "InvalidTag"],
	};
	for (const [name, [tags, code]] of Object.entries(wrong))
		test(`${name} is refused`, async () => {
			await set([{ Key: "kept", Value: "1" }]);
			await fails(set(tags), code, 400);
			assert.deepEqual(await get(), [{ Key: "kept", Value: "1" }]);
		});
	test("no such key", async () => {
		const absent = { Bucket, Key: "absent" };
		await fails(set([], absent), "NoSuchKey", 404);
		await fails(get(absent), "NoSuchKey", 404);
		await fails(s3.send(new DeleteObjectTaggingCommand(absent)),
			"NoSuchKey", 404);
	});
});

test("DeleteObjectTagging", async () => {
	await set(many(3));
	const answer = await s3.send(new DeleteObjectTaggingCommand(at));
	assert.equal(answer.$metadata.httpStatusCode, 204);
	assert.deepEqual(await get(), []);
});

describe("tags of a PUT", () => {
	test("are kept and counted", async () => {
		await put("a=1&b=x%20y&empty=");
		assert.deepEqual(await get({ Bucket, Key: "tagged" }), [
			{ Key: "a", Value: "1" }, { Key: "b", Value: "x y" },
			{ Key: "empty", Value: "" }]);
		const got = await s3.send(new GetObjectCommand({ Bucket,
			Key: "tagged" }));
		assert.equal(got.TagCount, 3);
		await got.Body.transformToByteArray();
	});
	test("are gone with the next PUT", async () => {
		await put("a=1");
		await put(undefined);
		assert.deepEqual(await get({ Bucket, Key: "tagged" }), []);
		const head = await s3.send(new HeadObjectCommand({ Bucket,
			Key: "tagged" }));
		assert.equal(head.TagCount, undefined);
	});
	test("too many", async () => {
		await fails(put(many(11).map(t => `${t.Key}=${t.Value}`).join("&")),
			"BadRequest", 400);
	});
	test("the same key twice", async () => {
		await fails(put("a=1&a=2"), "InvalidArgument", 400);
	});
	test("tagging does not touch the object", async () => {
		const before = await s3.send(new HeadObjectCommand(at));
		await set(many(2));
		const after = await s3.send(new HeadObjectCommand(at));
		assert.deepEqual([after.ETag, after.LastModified],
			[before.ETag, before.LastModified]);
	});
});

describe("GetObjectAttributes", () => {
	const all = ["ETag", "Checksum", "ObjectParts", "StorageClass",
		"ObjectSize"];
	const ask = (ObjectAttributes, where = at) => s3.send(
		new GetObjectAttributesCommand({ ...where, ObjectAttributes }));
	test("all of a plain object", async () => {
		const answer = await ask(all);
		assert.equal(answer.ETag, etag("body").slice(1, -1));
		assert.equal(answer.ObjectSize, 4);
		assert.equal(answer.StorageClass, "STANDARD");
		assert.equal(answer.ObjectParts, undefined);
		assert.ok(answer.Checksum.ChecksumCRC32);
		assert.equal(answer.Checksum.ChecksumType, "FULL_OBJECT");
		assert.ok(answer.LastModified instanceof Date);
	});
	for (const name of ["ETag", "StorageClass", "ObjectSize"])
		test(`${name} alone`, async () => {
			const answer = await ask([name]);
			for (const other of all)
				assert.equal(answer[other] !== undefined, other === name,
					other);
		});
	test("an attribute that is none", async () => {
		await fails(ask(["Colour"]), "InvalidArgument", 400);
	});
	test("no such key", async () => {
		await fails(ask(all, { Bucket, Key: "absent" }), "NoSuchKey", 404);
	});
});
