// PutObject, GetObject, HeadObject, DeleteObject(s): what goes in comes out.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand,
	HeadObjectCommand, ListObjectsV2Command, PutObjectCommand }
	from "@aws-sdk/client-s3";
import { MIB, bytes, etag, fails, payload, stream } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const scratch = await mkdtemp(path.join(tmpdir(), "reelgate-sdk-"));
after(() => rm(scratch, { recursive: true }));

const put = (Key, Body, more) =>
	s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key, more) =>
	s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
const head = (Key, more) =>
	s3.send(new HeadObjectCommand({ Bucket, Key, ...more }));

describe("an object of any size comes back whole", () => {
	const sizes = [0, 1, 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 9 * MIB];
	for (const size of sizes)
		test(`${size} bytes`, async () => {
			const data = payload(size);
			const answer = await put(`size-${size}`, data);
			assert.equal(answer.ETag, etag(data));
			const got = await get(`size-${size}`);
			assert.equal(got.ContentLength, size);
			assert.equal(got.ETag, etag(data));
			assert.ok((await bytes(got)).equals(data));
			assert.equal((await head(`size-${size}`)).ContentLength, size);
		});
});

describe("a body of any kind is the same object", () => {
	const text = "caf\u00e9 \u65e5\u672c ".repeat(9000);
	const data = Buffer.from(text);
	const kinds = {
		"string": () => text,
		"Buffer": () => data,
		"Uint8Array": () => new Uint8Array(data),
		"file stream": async () => {
			const name = path.join(scratch, "body");
			await writeFile(name, data);
			return createReadStream(name);
		},
		"stream of known length": () => stream(data),
	};
	for (const [kind, make] of Object.entries(kinds))
		test(kind, async () => {
			const Body = await make();
			const answer = await put(kind, Body,
				kind === "stream of known length" ?
					{ ContentLength: data.length } : {});
			assert.equal(answer.ETag, etag(data));
			assert.equal(await (await get(kind)).Body.transformToString(),
				text);
		});
	test("no body is an empty object", async () => {
		assert.equal((await put("none")).ETag, etag(""));
		assert.equal((await head("none")).ContentLength, 0);
	});
	// A chunk must have 8 KiB: AWS refuses it, and the SDK can collect.
	test("a stream of small pieces", async () => {
		const pieces = { ContentLength: data.length };
		await fails(put("small", stream(data, 1000), pieces),
			"InvalidChunkSizeError", 403);
		await fails(get("small"), "NoSuchKey", 404);
		const patient = gateway.client({ requestStreamBufferSize: 65536 });
		const answer = await patient.send(new PutObjectCommand({ Bucket,
			Key: "small", Body: stream(data, 1000), ...pieces }));
		assert.equal(answer.ETag, etag(data));
		patient.destroy();
	});
});

describe("the answer's body", () => {
	const data = Buffer.from("0123456789".repeat(20000));
	test("as text, as bytes, as web stream, as node stream", async () => {
		await put("read", data);
		const whole = { Body: (await get("read")).Body };
		assert.equal((await bytes(whole)).length, data.length);
		assert.equal((await (await get("read")).Body.transformToString())
			.length, data.length);
		const web = (await get("read")).Body.transformToWebStream();
		let read = 0;
		for await (const piece of web)
			read += piece.length;
		assert.equal(read, data.length);
		const pieces = [];
		for await (const piece of (await get("read")).Body)
			pieces.push(piece);
		assert.ok(Buffer.concat(pieces).equals(data));
	});
	test("destroyed half way leaves the client usable", async () => {
		await put("large", payload(20 * MIB));
		const { Body } = await get("large");
		for await (const piece of Body) {
			assert.ok(piece.length > 0);
			break;
		}
		assert.equal((await head("large")).ContentLength, 20 * MIB);
	});
	test("an aborted request", async () => {
		const abort = new AbortController();
		abort.abort();
		await assert.rejects(s3.send(new GetObjectCommand({ Bucket,
			Key: "read" }), { abortSignal: abort.signal }),
		{ name: "AbortError" });
	});
});

describe("system metadata", () => {
	const expires = new Date("2031-02-03T04:05:06Z");
	const kept = {
		CacheControl: "max-age=60, public",
		ContentDisposition: "attachment; filename=\"a b.mp4\"",
		ContentEncoding: "gzip",
		ContentLanguage: "de-AT, fr",
		ContentType: "video/mp4; codecs=\"avc1\"",
		ExpiresString: expires.toUTCString(),
	};
	const send = { ...kept, Expires: expires };
	delete send.ExpiresString;
	test("is returned by GET and HEAD as it was sent", async () => {
		await put("system", "x", send);
		for (const answer of [await get("system"), await head("system")])
			for (const [name, value] of Object.entries(kept))
				assert.equal(answer[name], value, name);
	});
	for (const name of Object.keys(kept))
		if (name !== "ContentType")
			test(`${name} is absent when it was not sent`, async () => {
				await put("bare", "x");
				assert.equal((await head("bare"))[name], undefined);
			});
	test("the default content type", async () => {
		const Body = stream(Buffer.from("x"));
		await put("type", Body, { ContentLength: 1 });
		assert.match((await head("type")).ContentType,
			/^(binary|application)\/octet-stream$/);
	});
	const overrides = {
		ResponseCacheControl: ["CacheControl", "no-store"],
		ResponseContentDisposition: ["ContentDisposition", "inline"],
		ResponseContentEncoding: ["ContentEncoding", "br"],
		ResponseContentLanguage: ["ContentLanguage", "fi"],
		ResponseContentType: ["ContentType", "text/plain"],
		ResponseExpires: ["ExpiresString", "Fri, 01 Jan 2038 00:00:00 GMT"],
	};
	for (const [parameter, [name, value]] of Object.entries(overrides))
		test(`${parameter} overrides it`, async () => {
			await put("system", "x", send);
			const sent = parameter === "ResponseExpires" ?
				new Date(value) : value;
			for (const ask of [get, head]) {
				const answer = await ask("system", { [parameter]: sent });
				assert.equal(answer[name], value);
			}
		});
});

describe("user metadata", () => {
	const cases = {
		"several": { one: "1", two: "zwei", "dash-ed": "a_b" },
		"names are lower case": { MixedCase: "Value Kept" },
		"a value with commas and equals": { csv: "a,b;c=d" },
		"an empty value": { empty: "" },
		"inner blanks": { blank: "a b  c" },
		"close to 2 KB": { big: "x".repeat(2000) },
	};
	for (const [name, Metadata] of Object.entries(cases))
		test(name, async () => {
			await put("meta", "x", { Metadata });
			const wanted = Object.fromEntries(Object.entries(Metadata)
				.map(([k, v]) => [k.toLowerCase(), v]));
			assert.deepEqual((await head("meta")).Metadata, wanted);
			assert.deepEqual((await get("meta")).Metadata, wanted);
		});
	test("over 2 KB is refused", async () => {
		await fails(put("meta", "x", { Metadata: { big: "x".repeat(2049) } }),
			"MetadataTooLarge", 400);
	});
	test("a second PUT replaces it", async () => {
		await put("meta", "x", { Metadata: { a: "1" } });
		await put("meta", "y", { Metadata: { b: "2" } });
		assert.deepEqual((await head("meta")).Metadata, { b: "2" });
	});
});

describe("a range", () => {
	const data = payload(100000, 7);
	const ranges = {
		"bytes=0-0": [0, 1], "bytes=0-1": [0, 2], "bytes=5-9": [5, 10],
		"bytes=99999-": [99999, 100000], "bytes=500-": [500, 100000],
		"bytes=-1": [99999, 100000], "bytes=-500": [99500, 100000],
		"bytes=-200000": [0, 100000], "bytes=90000-200000": [90000, 100000],
	};
	for (const [Range, [from, to]] of Object.entries(ranges))
		test(Range, async () => {
			await put("range", data);
			const got = await get("range", { Range });
			assert.equal(got.$metadata.httpStatusCode, 206);
			assert.equal(got.ContentRange, `bytes ${from}-${to - 1}/100000`);
			assert.equal(got.AcceptRanges, "bytes");
			assert.ok((await bytes(got)).equals(data.subarray(from, to)));
			const asked = await head("range", { Range });
			assert.equal(asked.ContentLength, to - from);
		});
	for (const Range of ["bytes=3-1", "bytes=0-1,5-6", "items=0-1", "bytes="])
		test(`${Range} is no range: the whole object`, async () => {
			await put("range", data);
			const got = await get("range", { Range });
			assert.equal(got.$metadata.httpStatusCode, 200);
			assert.ok((await bytes(got)).equals(data));
		});
	for (const Range of ["bytes=100000-", "bytes=-0", "bytes=100000-100001"])
		test(`${Range} lies outside`, async () => {
			await put("range", data);
			await fails(get("range", { Range }), "InvalidRange", 416);
		});
});

describe("deleting", () => {
	test("an object, then nothing", async () => {
		await put("gone", "x");
		for (let i = 0; i < 2; i++) {
			const answer = await s3.send(
				new DeleteObjectCommand({ Bucket, Key: "gone" }));
			assert.equal(answer.$metadata.httpStatusCode, 204);
		}
		await fails(get("gone"), "NoSuchKey", 404);
	});
	const many = (keys, more) => s3.send(new DeleteObjectsCommand({ Bucket,
		Delete: { Objects: keys.map(Key => ({ Key })), ...more } }));
	test("many keys with odd names at once", async () => {
		const keys = ["a b", "<&>\"'", "d\u00e9/\u65e5", "+", "%2F", "r\rn",
			"not there"];
		for (const key of keys.slice(0, -1))
			await put(key, "x");
		const answer = await many(keys);
		assert.deepEqual(answer.Deleted.map(d => d.Key).sort(),
			[...keys].sort());
		assert.equal(answer.Errors, undefined);
		for (const key of keys)
			await fails(head(key), "NotFound", 404);
	});
	test("Quiet names only what failed", async () => {
		await put("quiet", "x");
		const answer = await many(["quiet"], { Quiet: true });
		assert.equal(answer.Deleted, undefined);
		await fails(head("quiet"), "NotFound", 404);
	});
	test("a thousand keys", async () => {
		const other = await gateway.bucket();
		const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`);
		for (let i = 0; i < 1000; i += 50)
			await Promise.all(keys.slice(i, i + 50).map(Key => s3.send(
				new PutObjectCommand({ Bucket: other, Key, Body: Key }))));
		const answer = await s3.send(new DeleteObjectsCommand({
			Bucket: other,
			Delete: { Objects: keys.map(Key => ({ Key })) } }));
		assert.equal(answer.Deleted.length, 1000);
		assert.equal((await s3.send(
			new ListObjectsV2Command({ Bucket: other }))).KeyCount, 0);
	});
	test("more than a thousand is refused", async () => {
		await fails(many(Array.from({ length: 1001 }, (_, i) => `k${i}`)),
			"MalformedXML", 400);
	});
});
