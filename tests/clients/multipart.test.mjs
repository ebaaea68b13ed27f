// Multipart uploads by their operations: parts, listings, completion, abort.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand,
	CreateMultipartUploadCommand, GetObjectAttributesCommand,
	GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand,
	ListPartsCommand, PutObjectCommand, UploadPartCommand,
	UploadPartCopyCommand, paginateListParts } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { MIB, bytes, etag, fails, payload, stream } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const A = payload(5 * MIB, 1), B = payload(5 * MIB + 3, 2), C = payload(7, 3);
let number = 0;

// An upload and what belongs to it, under a key of its own.
async function begin(options = {}, Key = `upload-${++number}`) {
	const { UploadId } = await s3.send(new CreateMultipartUploadCommand(
		{ Bucket, Key, ...options }));
	const at = { Bucket, Key, UploadId };
	const part = async (PartNumber, Body, more = {}) => ({ PartNumber,
		...await s3.send(new UploadPartCommand(
			{ ...at, PartNumber, Body, ...more })) });
	return {
		Key, UploadId, at, part,
		complete: (Parts, more = {}) => s3.send(
			new CompleteMultipartUploadCommand(
				{ ...at, MultipartUpload: { Parts }, ...more })),
		abort: () => s3.send(new AbortMultipartUploadCommand(at)),
		list: more => s3.send(new ListPartsCommand({ ...at, ...more })),
	};
}
const named = parts => parts.map(({ PartNumber, ETag, ...rest }) => ({
	PartNumber, ETag, ...Object.fromEntries(Object.entries(rest)
		.filter(([name, value]) => /^Checksum(?!Type)/.test(name) &&
			value)) }));
const multiTag = (...parts) => `"${createHash("md5").update(Buffer.concat(
	parts.map(p => createHash("md5").update(p).digest()))).digest("hex")
}-${parts.length}"`;
const get = (Key, more) =>
	s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
const head = (Key, more) =>
	s3.send(new HeadObjectCommand({ Bucket, Key, ...more }));

describe("completing", () => {
	test("three parts are one object", async () => {
		const u = await begin({ ContentType: "video/mp4",
			Metadata: { kept: "yes" } });
		const parts = [await u.part(1, A), await u.part(2, B),
			await u.part(3, C)];
		assert.deepEqual(parts.map(p => p.ETag), [A, B, C].map(etag));
		const done = await u.complete(named(parts));
		assert.equal(done.ETag, multiTag(A, B, C));
		assert.equal(done.Bucket, Bucket);
		assert.equal(done.Key, u.Key);
		assert.match(done.Location, new RegExp(`${u.Key}$`));
		const got = await get(u.Key);
		assert.ok((await bytes(got)).equals(Buffer.concat([A, B, C])));
		assert.equal(got.ETag, multiTag(A, B, C));
		assert.equal(got.ContentType, "video/mp4");
		assert.deepEqual(got.Metadata, { kept: "yes" });
	});
	test("one small part", async () => {
		const u = await begin();
		const done = await u.complete(named([await u.part(1, C)]));
		assert.equal(done.ETag, multiTag(C));
		assert.ok((await bytes(await get(u.Key))).equals(C));
	});
	test("one empty part", async () => {
		const u = await begin();
		await u.complete(named([await u.part(1, "")]));
		assert.equal((await head(u.Key)).ContentLength, 0);
	});
	test("numbers with gaps, sent in any order", async () => {
		const u = await begin();
		const last = await u.part(10000, C);
		const first = await u.part(17, A);
		await u.complete(named([first, last]));
		assert.ok((await bytes(await get(u.Key)))
			.equals(Buffer.concat([A, C])));
	});
	test("a part sent again replaces the first", async () => {
		const u = await begin();
		await u.part(1, A);
		const again = await u.part(1, B);
		await u.complete(named([again, await u.part(2, C)]));
		assert.ok((await bytes(await get(u.Key)))
			.equals(Buffer.concat([B, C])));
	});
	test("parts that are not named are left out", async () => {
		const u = await begin();
		const one = await u.part(1, A);
		await u.part(2, B);
		await u.complete(named([one]));
		assert.equal((await head(u.Key)).ContentLength, A.length);
	});
	test("it replaces an object and is seen only then", async () => {
		const u = await begin();
		await s3.send(new PutObjectCommand({ Bucket, Key: u.Key,
			Body: "before" }));
		const part = await u.part(1, C);
		assert.equal(await (await get(u.Key)).Body.transformToString(),
			"before");
		await u.complete(named([part]));
		assert.ok((await bytes(await get(u.Key))).equals(C));
	});
	test("the same completion again has the same answer", async () => {
		const u = await begin();
		const parts = named([await u.part(1, A), await u.part(2, C)]);
		const first = await u.complete(parts);
		const second = await u.complete(parts);
		assert.equal(second.ETag, first.ETag);
		await fails(u.list(), "NoSuchUpload", 404);
	});
	test("parts as streams", async () => {
		const u = await begin();
		const one = await u.part(1, stream(A), { ContentLength: A.length });
		const two = await u.part(2, stream(C), { ContentLength: C.length });
		await u.complete(named([one, two]));
		assert.equal((await head(u.Key)).ETag, multiTag(A, C));
	});
});

describe("refused completions", () => {
	const wrong = {
		"a part that is too small": [p => p, "EntityTooSmall"],
		"parts out of order": [([a, b, c]) => [b, a, c], "InvalidPartOrder"],
		"a part named twice": [([a, , c]) => [a, a, c], "InvalidPartOrder"],
		"a part never sent": [([a]) => [a, { PartNumber: 9,
			ETag: etag("x") }], "InvalidPart"],
		"another ETag": [([a]) => [{ ...a, ETag: etag("x") }],
			"InvalidPart"],
		"no part": [() => [], "MalformedXML"],
	};
	for (const [name, [edit, code]] of Object.entries(wrong))
		test(name, async () => {
			const u = await begin();
			const parts = named([await u.part(1, A), await u.part(2, C),
				await u.part(3, C)]);
			await fails(u.complete(edit(parts)), code, 400);
			await fails(head(u.Key), "NotFound", 404);
			assert.equal((await u.list()).Parts.length, 3);
			await u.abort();
		});
	test("a size that is not the object's", async () => {
		const u = await begin();
		const parts = named([await u.part(1, C)]);
		await fails(u.complete(parts, { MpuObjectSize: 1 }),
			"InvalidRequest", 400);
		await u.complete(parts, { MpuObjectSize: C.length });
	});
	test("an upload that is not there", async () => {
		const u = await begin();
		const parts = named([await u.part(1, C)]);
		await u.abort();
		await fails(u.complete(parts), "NoSuchUpload", 404);
		await fails(u.part(1, C), "NoSuchUpload", 404);
		await fails(u.list(), "NoSuchUpload", 404);
	});
	test("conditions are the PUT's", async () => {
		const u = await begin();
		const parts = named([await u.part(1, C)]);
		await s3.send(new PutObjectCommand({ Bucket, Key: u.Key,
			Body: "here" }));
		await fails(u.complete(parts, { IfNoneMatch: "*" }),
			"PreconditionFailed", 412);
		await fails(u.complete(parts, { IfMatch: etag("other") }),
			"PreconditionFailed", 412);
		await u.complete(parts, { IfMatch: etag("here") });
		assert.ok((await bytes(await get(u.Key))).equals(C));
	});
	for (const PartNumber of [0, 10001])
		test(`part number ${PartNumber}`, async () => {
			const u = await begin();
			await fails(u.part(PartNumber, C), "InvalidArgument", 400);
		});
});

test("an aborted upload leaves nothing", async () => {
	const u = await begin();
	await u.part(1, A);
	assert.equal((await u.abort()).$metadata.httpStatusCode, 204);
	await fails(head(u.Key), "NotFound", 404);
	const { Uploads } = await s3.send(new ListMultipartUploadsCommand(
		{ Bucket, Prefix: u.Key }));
	assert.equal(Uploads, undefined);
});

describe("parts of a finished object", async () => {
	const u = await begin();
	await u.complete(named([await u.part(1, A), await u.part(2, B),
		await u.part(3, C)]));
	const spans = [[0, A], [A.length, B], [A.length + B.length, C]];
	const total = A.length + B.length + C.length;
	for (const [i, [start, data]] of spans.entries())
		test(`GET and HEAD of part ${i + 1}`, async () => {
			const got = await get(u.Key, { PartNumber: i + 1 });
			assert.equal(got.$metadata.httpStatusCode, 206);
			assert.equal(got.PartsCount, 3);
			assert.equal(got.ContentRange,
				`bytes ${start}-${start + data.length - 1}/${total}`);
			assert.ok((await bytes(got)).equals(data));
			const asked = await head(u.Key, { PartNumber: i + 1 });
			assert.equal(asked.ContentLength, data.length);
			assert.equal(asked.PartsCount, 3);
		});
	test("a part that is not there", async () => {
		await fails(get(u.Key, { PartNumber: 4 }), "InvalidPartNumber",
			416);
	});
	test("a range across parts", async () => {
		const from = A.length - 3, to = A.length + B.length + 2;
		const got = await get(u.Key, { Range: `bytes=${from}-${to - 1}` });
		assert.ok((await bytes(got)).equals(
			Buffer.concat([A, B, C]).subarray(from, to)));
	});
	test("part 1 of an object put in one piece", async () => {
		await s3.send(new PutObjectCommand({ Bucket, Key: "plain",
			Body: "plain" }));
		const got = await get("plain", { PartNumber: 1 });
		assert.equal(await got.Body.transformToString(), "plain");
		assert.equal(got.PartsCount, undefined);
	});
	test("GetObjectAttributes", async () => {
		const answer = await s3.send(new GetObjectAttributesCommand({ Bucket,
			Key: u.Key, ObjectAttributes: ["ETag", "ObjectParts",
				"ObjectSize", "StorageClass", "Checksum"] }));
		assert.equal(answer.ETag, multiTag(A, B, C).slice(1, -1));
		assert.equal(answer.ObjectSize, total);
		assert.equal(answer.ObjectParts.TotalPartsCount, 3);
	});
});

describe("ListParts", async () => {
	const u = await begin();
	for (const n of [2, 5, 9, 10, 11])
		await u.part(n, Buffer.alloc(n, 1));
	test("all of them", async () => {
		const answer = await u.list();
		assert.deepEqual(answer.Parts.map(p => [p.PartNumber, p.Size]),
			[2, 5, 9, 10, 11].map(n => [n, n]));
		assert.equal(answer.Parts[0].ETag, etag(Buffer.alloc(2, 1)));
		assert.ok(answer.Parts[0].LastModified instanceof Date);
		assert.equal(answer.IsTruncated, false);
		assert.deepEqual([answer.Bucket, answer.Key, answer.UploadId,
			answer.StorageClass], [Bucket, u.Key, u.UploadId, "STANDARD"]);
		assert.match(answer.Owner.ID, /^[0-9a-f]{64}$/);
	});
	test("a page", async () => {
		const answer = await u.list({ MaxParts: 2 });
		assert.deepEqual(answer.Parts.map(p => p.PartNumber), [2, 5]);
		assert.equal(answer.IsTruncated, true);
		assert.equal(answer.NextPartNumberMarker, "5");
		const next = await u.list({ PartNumberMarker: "9" });
		assert.deepEqual(next.Parts.map(p => p.PartNumber), [10, 11]);
	});
	// AWS names a next marker on the last page too, so the SDK would go on.
	test("the paginator", async () => {
		const found = [];
		for await (const page of paginateListParts({ client: s3,
			pageSize: 2 }, u.at)) {
			found.push(...page.Parts.map(p => p.PartNumber));
			if (!page.IsTruncated)
				break;
		}
		assert.deepEqual(found, [2, 5, 9, 10, 11]);
	});
});

describe("ListMultipartUploads", async () => {
	const other = await gateway.bucket();
	const keys = ["a/1", "a/2", "b", "b", "c d/\u00e9"];
	const made = [];
	for (const Key of keys)
		made.push((await s3.send(new CreateMultipartUploadCommand(
			{ Bucket: other, Key }))).UploadId);
	const list = more => s3.send(
		new ListMultipartUploadsCommand({ Bucket: other, ...more }));
	test("all, in order of key and time", async () => {
		const { Uploads, IsTruncated } = await list();
		assert.deepEqual(Uploads.map(u => [u.Key, u.UploadId]),
			keys.map((k, i) => [k, made[i]]));
		assert.equal(IsTruncated, false);
		assert.ok(Uploads[0].Initiated instanceof Date);
		assert.ok(Uploads[0].Initiator.ID && Uploads[0].Owner.ID);
	});
	test("a prefix", async () => {
		const { Uploads } = await list({ Prefix: "a/" });
		assert.deepEqual(Uploads.map(u => u.Key), ["a/1", "a/2"]);
	});
	test("a delimiter", async () => {
		const { Uploads, CommonPrefixes } = await list({ Delimiter: "/" });
		assert.deepEqual(Uploads.map(u => u.Key), ["b", "b"]);
		assert.deepEqual(CommonPrefixes.map(p => p.Prefix), ["a/", "c d/"]);
	});
	for (const MaxUploads of [1, 2, 3])
		test(`pages of ${MaxUploads}`, async () => {
			const found = [];
			let page = {};
			do {
				page = await list({ MaxUploads,
					KeyMarker: page.NextKeyMarker,
					UploadIdMarker: page.NextUploadIdMarker });
				assert.ok(page.Uploads.length <= MaxUploads);
				found.push(...page.Uploads.map(u => u.UploadId));
			} while (page.IsTruncated && found.length < 10);
			assert.deepEqual(found, made);
		});
});

describe("UploadPartCopy", async () => {
	await s3.send(new PutObjectCommand({ Bucket, Key: "source +\u00e9",
		Body: A }));
	const CopySource = `${Bucket}/${encodeURIComponent("source +\u00e9")}`;
	const copy = (u, PartNumber, more) => s3.send(new UploadPartCopyCommand(
		{ ...u.at, PartNumber, CopySource, ...more }));
	test("a whole object and a range of it", async () => {
		const u = await begin();
		const whole = await copy(u, 1);
		assert.equal(whole.CopyPartResult.ETag, etag(A));
		assert.ok(whole.CopyPartResult.LastModified instanceof Date);
		const some = await copy(u, 2, { CopySourceRange: "bytes=10-19" });
		assert.equal(some.CopyPartResult.ETag, etag(A.subarray(10, 20)));
		await u.complete([
			{ PartNumber: 1, ETag: whole.CopyPartResult.ETag },
			{ PartNumber: 2, ETag: some.CopyPartResult.ETag }]);
		assert.ok((await bytes(await get(u.Key))).equals(
			Buffer.concat([A, A.subarray(10, 20)])));
	});
	const wrong = {
		"a range outside": [{ CopySourceRange: "bytes=0-9999999999" },
			"InvalidArgument", 400],
		"an open range": [{ CopySourceRange: "bytes=5-" },
			"InvalidArgument", 400],
		"a source that is not there": [{ CopySource: `${Bucket}/none` },
			"NoSuchKey", 404],
		"a condition that fails": [{ CopySourceIfMatch: etag("x") },
			"PreconditionFailed", 412],
	};
	for (const [name, [more, code, status]] of Object.entries(wrong))
		test(name, async () => {
			await fails(copy(await begin(), 1, more), code, status);
		});
});

test("presigned part URLs, as a browser uploads", async () => {
	const u = await begin();
	const Parts = [];
	for (const [i, data] of [A, C].entries()) {
		const url = await getSignedUrl(s3, new UploadPartCommand({ ...u.at,
			PartNumber: i + 1 }));
		const answer = await fetch(url, { method: "PUT", body: data });
		assert.equal(answer.status, 200, await answer.text());
		Parts.push({ PartNumber: i + 1, ETag: answer.headers.get("etag") });
	}
	await u.complete(Parts);
	assert.equal((await head(u.Key)).ETag, multiTag(A, C));
});
