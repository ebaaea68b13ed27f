// CopyObject: directives, conditions, sources with odd names, itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CopyObjectCommand, GetObjectCommand, GetObjectTaggingCommand,
	HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { MIB, bytes, etag, fails, payload } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const other = await gateway.bucket();
const data = payload(MIB, 3);
const described = {
	CacheControl: "no-cache", ContentDisposition: "inline",
	ContentLanguage: "de", ContentType: "video/mp4",
	Metadata: { a: "1", b: "2" },
};
await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: data,
	Tagging: "color=red", ...described }));

const source = Key => `${Bucket}/${encodeURIComponent(Key)}`;
const copy = (Key, more) => s3.send(new CopyObjectCommand({ Bucket, Key,
	CopySource: source("source"), ...more }));
const head = (Key, more) =>
	s3.send(new HeadObjectCommand({ Bucket, Key, ...more }));
const tags = async Key => (await s3.send(
	new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;

function describes(answer, wanted) {
	for (const [name, value] of Object.entries(wanted))
		assert.deepEqual(answer[name], value, name);
}

test("bytes and description are the source's", async () => {
	const done = await copy("copy");
	assert.equal(done.CopyObjectResult.ETag, etag(data));
	assert.ok(done.CopyObjectResult.LastModified instanceof Date);
	const got = await s3.send(new GetObjectCommand({ Bucket, Key: "copy" }));
	assert.ok((await bytes(got)).equals(data));
	describes(got, described);
	assert.deepEqual(await tags("copy"), [{ Key: "color", Value: "red" }]);
});

test("into another bucket, by a source with a leading slash", async () => {
	await s3.send(new CopyObjectCommand({ Bucket: other, Key: "copy",
		CopySource: `/${Bucket}/source` }));
	assert.equal((await s3.send(new HeadObjectCommand({ Bucket: other,
		Key: "copy" }))).ContentLength, MIB);
});

test("REPLACE takes what the request says and nothing else", async () => {
	await copy("replaced", { MetadataDirective: "REPLACE",
		ContentType: "text/plain", Metadata: { c: "3" } });
	describes(await head("replaced"), { ContentType: "text/plain",
		Metadata: { c: "3" }, CacheControl: undefined,
		ContentLanguage: undefined });
});

test("COPY ignores what the request says", async () => {
	await copy("copied", { MetadataDirective: "COPY",
		ContentType: "text/plain", Metadata: { c: "3" } });
	describes(await head("copied"), described);
});

test("tags are copied or replaced", async () => {
	await copy("tags", { TaggingDirective: "REPLACE",
		Tagging: "shape=round" });
	assert.deepEqual(await tags("tags"), [{ Key: "shape", Value: "round" }]);
	await copy("tags", { TaggingDirective: "REPLACE" });
	assert.deepEqual(await tags("tags"), []);
	await copy("tags", { TaggingDirective: "COPY" });
	assert.deepEqual(await tags("tags"), [{ Key: "color", Value: "red" }]);
});

describe("onto itself", () => {
	test("without a change is refused", async () => {
		await fails(copy("source"), "InvalidRequest", 400);
	});
	test("with other metadata is an edit", async () => {
		await s3.send(new PutObjectCommand({ Bucket, Key: "self",
			Body: data, Metadata: { a: "1" } }));
		await copy("self", { CopySource: source("self"),
			MetadataDirective: "REPLACE", Metadata: { z: "9" } });
		const got = await s3.send(new GetObjectCommand({ Bucket,
			Key: "self" }));
		assert.deepEqual(got.Metadata, { z: "9" });
		assert.ok((await bytes(got)).equals(data));
	});
});

const past = new Date(Date.now() - 86400e3);
const future = new Date(Date.now() + 86400e3);
const conditions = [
	[{ CopySourceIfMatch: etag(data) }, 200],
	[{ CopySourceIfMatch: etag("x") }, 412],
	[{ CopySourceIfNoneMatch: etag("x") }, 200],
	[{ CopySourceIfNoneMatch: etag(data) }, 412],
	[{ CopySourceIfModifiedSince: past }, 200],
	[{ CopySourceIfUnmodifiedSince: future }, 200],
	[{ CopySourceIfUnmodifiedSince: past }, 412],
	[{ CopySourceIfMatch: etag(data), CopySourceIfUnmodifiedSince: past },
		200],
	[{ CopySourceIfNoneMatch: etag(data),
		CopySourceIfModifiedSince: past }, 412],
];
describe("conditions of the source", () => {
	for (const [more, wanted] of conditions)
		test(`${JSON.stringify(more)} is ${wanted}`, async () => {
			const status = await copy("conditional", more).then(() => 200,
				error => error.$metadata.httpStatusCode);
			assert.equal(status, wanted);
		});
});

describe("conditions of the target", () => {
	test("If-None-Match: *", async () => {
		await copy("once", { IfNoneMatch: "*" });
		await fails(copy("once", { IfNoneMatch: "*" }),
			"PreconditionFailed", 412);
	});
	test("If-Match", async () => {
		await copy("match");
		await fails(copy("match", { IfMatch: etag("x") }),
			"PreconditionFailed", 412);
		await copy("match", { IfMatch: etag(data) });
	});
});

describe("a source with an odd name", () => {
	const keys = ["a b+c%2F", "\u00fc/\u{1f600}", "//", "/a", "q?versionId=1",
		"a&b=c#d", "x".repeat(1024)];
	for (const Key of keys)
		test(JSON.stringify(Key.slice(0, 20)), async () => {
			await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
			await copy("odd", { CopySource: source(Key) });
			const got = await s3.send(new GetObjectCommand({ Bucket,
				Key: "odd" }));
			assert.equal(await got.Body.transformToString(), Key);
		});
});

describe("refused", () => {
	const wrong = {
		"no such key": [{ CopySource: `${Bucket}/none` }, "NoSuchKey", 404],
		"no such bucket": [{ CopySource: "no-such-bucket-here/k" },
			"NoSuchBucket", 404],
		"no key": [{ CopySource: Bucket }, "InvalidArgument", 400],
		"a directive that is none": [{ MetadataDirective: "MERGE" },
			"InvalidArgument", 400],
	};
	for (const [name, [more, code, status]] of Object.entries(wrong))
		test(name, async () => {
			await fails(copy("refused", more), code, status);
			await fails(head("refused"), "NotFound", 404);
		});
});

describe("checksums", () => {
	test("the source's stays", async () => {
		await s3.send(new PutObjectCommand({ Bucket, Key: "sha",
			Body: "data", ChecksumAlgorithm: "SHA256" }));
		const { CopyObjectResult } = await copy("sha-copy",
			{ CopySource: source("sha") });
		const asked = await head("sha-copy", { ChecksumMode: "ENABLED" });
		assert.ok(asked.ChecksumSHA256);
		assert.equal(CopyObjectResult.ChecksumSHA256, asked.ChecksumSHA256);
	});
	for (const ChecksumAlgorithm of
		["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
		test(`${ChecksumAlgorithm} is made for the copy`, async () => {
			const member = `Checksum${ChecksumAlgorithm}`;
			const wanted = (await s3.send(new PutObjectCommand({ Bucket,
				Key: "wanted", Body: data, ChecksumAlgorithm })))[member];
			const { CopyObjectResult } = await copy("made",
				{ ChecksumAlgorithm });
			assert.equal(CopyObjectResult[member], wanted);
			assert.equal((await head("made",
				{ ChecksumMode: "ENABLED" }))[member], wanted);
		});
});
