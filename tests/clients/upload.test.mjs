// Upload of lib-storage: what it makes of a body nobody knows the length of.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand,
	ListMultipartUploadsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { MIB, bytes, etag, fails, payload, stream } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const scratch = await mkdtemp(path.join(tmpdir(), "reelgate-sdk-"));
after(() => rm(scratch, { recursive: true }));

const upload = (Key, Body, params = {}, options = {}) => new Upload({
	client: s3, params: { Bucket, Key, Body, ...params }, ...options });
const get = Key => s3.send(new GetObjectCommand({ Bucket, Key }));
const head = (Key, more) =>
	s3.send(new HeadObjectCommand({ Bucket, Key, ...more }));
const open = async Prefix => (await s3.send(
	new ListMultipartUploadsCommand({ Bucket, Prefix }))).Uploads ?? [];

const large = payload(13 * MIB + 17, 9);
const kinds = {
	"Buffer": data => data,
	"string": data => data.toString("latin1"),
	"Uint8Array": data => new Uint8Array(data),
	"Blob": data => new Blob([data]),
	"stream": data => stream(data),
	"stream of small pieces": data => stream(data, 777),
	"web stream": data => new Blob([data]).stream(),
	"file": async data => {
		const name = path.join(scratch, "file");
		await writeFile(name, data);
		return createReadStream(name);
	},
};
for (const size of [0, 1000, 5 * MIB, large.length])
	describe(`${size} bytes`, () => {
		const data = large.subarray(0, size);
		for (const [kind, make] of Object.entries(kinds))
			test(kind, async () => {
				const text = kind === "string";
				const Key = `${size}-${kind}`;
				const wanted = text ?
					Buffer.from(data.toString("latin1")) : data;
				const done = await upload(Key, await make(data)).done();
				const parts = Math.ceil(wanted.length / (5 * MIB));
				if (parts <= 1)
					assert.match(done.ETag, /^"[0-9a-f]{32}(-1)?"$/);
				else
					assert.match(done.ETag,
						new RegExp(`^"[0-9a-f]{32}-${parts}"$`));
				const got = await get(Key);
				assert.equal(got.ETag, done.ETag);
				assert.ok((await bytes(got)).equals(wanted));
				assert.deepEqual(await open(Key), []);
			});
	});

test("metadata and tags go with it", async () => {
	await upload("meta", stream(large), { ContentType: "video/mp4",
		CacheControl: "no-cache", Metadata: { a: "1" },
		Tagging: "one=1&two=zwei%20b" }).done();
	const kept = await head("meta");
	assert.deepEqual([kept.ContentType, kept.CacheControl, kept.Metadata],
		["video/mp4", "no-cache", { a: "1" }]);
	const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket,
		Key: "meta" }));
	assert.deepEqual(TagSet, [{ Key: "one", Value: "1" },
		{ Key: "two", Value: "zwei b" }]);
});

for (const ChecksumAlgorithm of
	["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
	test(`parts with ${ChecksumAlgorithm}`, async () => {
		const Key = ChecksumAlgorithm;
		const done = await upload(Key, large, { ChecksumAlgorithm }).done();
		const member = `Checksum${ChecksumAlgorithm}`;
		assert.ok(done[member]);
		const asked = await head(Key, { ChecksumMode: "ENABLED" });
		assert.equal(asked[member], done[member]);
		assert.ok((await bytes(await get(Key))).equals(large));
	});

test("large parts, many at a time", async () => {
	const seen = [];
	const task = upload("queue", stream(large), {}, { queueSize: 8,
		partSize: 6 * MIB });
	task.on("httpUploadProgress", progress => seen.push(progress.loaded));
	const done = await task.done();
	assert.match(done.ETag, /-3"$/);
	assert.equal(Math.max(...seen), large.length);
	assert.equal(done.Bucket, Bucket);
	assert.equal(done.Key, "queue");
	assert.ok(done.Location.endsWith(`${Bucket}/queue`), done.Location);
});

test("an aborted upload leaves neither object nor parts", async () => {
	const task = upload("abort", stream(large));
	task.once("httpUploadProgress", () => task.abort());
	await assert.rejects(task.done(), { name: "AbortError" });
	await fails(head("abort"), "NotFound", 404);
	// It is told to the server after the caller was told.
	for (let i = 0; i < 600 && (await open("abort")).length > 0; i++)
		await sleep(100);
	assert.deepEqual(await open("abort"), []);
});

test("a body that breaks leaves neither object nor parts", async () => {
	async function* broken() {
		yield large.subarray(0, 6 * MIB);
		throw new Error("the camera fell down");
	}
	const { Readable } = await import("node:stream");
	await assert.rejects(upload("broken", Readable.from(broken())).done(),
		{ message: "the camera fell down" });
	await fails(head("broken"), "NotFound", 404);
	assert.deepEqual(await open("broken"), []);
});

test("a condition holds for the whole upload", async () => {
	await s3.send(new PutObjectCommand({ Bucket, Key: "once", Body: "1" }));
	await fails(upload("once", large, { IfNoneMatch: "*" }).done(),
		"PreconditionFailed", 412);
	await upload("once", large, { IfMatch: etag("1") }).done();
});

test("an odd key", async () => {
	const Key = "a b/\u00e9+%2F//\u{1f600}?&=.mp4";
	await upload(Key, large).done();
	assert.ok((await bytes(await get(Key))).equals(large));
});
