// Checksums: the SDK's defaults, every algorithm in header and trailer, what
// comes back, and what is refused.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { Crc32, Crc32c, Crc64Nvme } from "@aws-sdk/checksums/crc";
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand }
	from "@aws-sdk/client-s3";
import { MIB, bytes, fails, payload, stream } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const hash = name => data => createHash(name).update(data).digest("base64");
const algorithms = {
	CRC32: await crc(Crc32), CRC32C: await crc(Crc32c),
	CRC64NVME: await crc(Crc64Nvme), SHA1: hash("sha1"),
	SHA256: hash("sha256"),
};

async function crc(Sum) {
	return async data => {
		const sum = new Sum();
		sum.update(data);
		return Buffer.from(await sum.digest()).toString("base64");
	};
}

const put = (Key, Body, more, client = s3) =>
	client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const ask = (Command, Key, ChecksumMode) =>
	s3.send(new Command({ Bucket, Key, ChecksumMode }));

describe("known values of \"123456789\"", () => {
	const known = {
		CRC32: "y/Q5Jg==", CRC32C: "4waSgw==", CRC64NVME: "rosUhgp5mIg=",
	};
	for (const [name, value] of Object.entries(known))
		test(name, async () => {
			const answer = await put("known", "123456789",
				{ ChecksumAlgorithm: name });
			assert.equal(answer[`Checksum${name}`], value);
		});
});

const bodies = {
	"in a header": data => [data, {}],
	"in a trailer": data => [stream(data), { ContentLength: data.length }],
};
for (const [name, calculate] of Object.entries(algorithms))
	describe(name, () => {
		const member = `Checksum${name}`;
		for (const [where, make] of Object.entries(bodies))
			for (const size of [0, 1, 65536, MIB + 1])
				test(`${where}, ${size} bytes`, async () => {
					const Key = `${name}-${where}-${size}`;
					const data = payload(size);
					const wanted = await calculate(data);
					const [Body, more] = make(data);
					const answer = await put(Key, Body,
						{ ChecksumAlgorithm: name, ...more });
					assert.equal(answer[member], wanted);
					assert.equal(answer.ChecksumType, "FULL_OBJECT");
					const got = await ask(GetObjectCommand, Key, "ENABLED");
					assert.equal(got[member], wanted);
					assert.ok((await bytes(got)).equals(data));
					const head = await ask(HeadObjectCommand, Key,
						"ENABLED");
					assert.equal(head[member], wanted);
					assert.equal(head.ChecksumType, "FULL_OBJECT");
				});
		test("calculated by the caller", async () => {
			const value = await calculate(Buffer.from("given"));
			const answer = await put("given", "given", { [member]: value });
			assert.equal(answer[member], value);
		});
		test("of other bytes is refused and stores nothing", async () => {
			const value = await calculate(Buffer.from("other"));
			await fails(put(`wrong-${name}`, "given", { [member]: value }),
				"BadDigest", 400);
			await fails(ask(HeadObjectCommand, `wrong-${name}`), "NotFound",
				404);
		});
		test("that is no checksum is refused", async () => {
			await fails(put("none", "given", { [member]: "bm8=" }),
				"InvalidRequest", 400);
		});
	});

describe("the defaults", () => {
	test("a CRC32 is sent, kept and checked when it is read", async () => {
		const data = payload(100000);
		const answer = await put("default", data);
		assert.equal(answer.ChecksumCRC32, await algorithms.CRC32(data));
		const got = await s3.send(
			new GetObjectCommand({ Bucket, Key: "default" }));
		assert.equal(got.ChecksumCRC32, answer.ChecksumCRC32);
		assert.ok((await bytes(got)).equals(data));
	});
	test("HEAD shows none unless asked", async () => {
		await put("default", "x");
		const head = await ask(HeadObjectCommand, "default");
		assert.equal(head.ChecksumCRC32, undefined);
	});
	test("a range has no checksum of the whole", async () => {
		await put("default", payload(1000));
		const got = await s3.send(new GetObjectCommand({ Bucket,
			Key: "default", Range: "bytes=1-9" }));
		assert.equal((await bytes(got)).length, 9);
	});
	test("WHEN_REQUIRED sends none", async () => {
		const client = gateway.client({
			requestChecksumCalculation: "WHEN_REQUIRED",
			responseChecksumValidation: "WHEN_REQUIRED" });
		const answer = await put("required", "x", {}, client);
		assert.equal(answer.ChecksumCRC32, undefined);
		const got = await client.send(
			new GetObjectCommand({ Bucket, Key: "required" }));
		assert.equal((await bytes(got)).toString(), "x");
		client.destroy();
	});
	// AWS gives every object a CRC64NVME when its client sent none.
	test("an object sent without one has a CRC64NVME", async () => {
		const client = gateway.client({
			requestChecksumCalculation: "WHEN_REQUIRED" });
		await put("bare", "x", {}, client);
		const head = await ask(HeadObjectCommand, "bare", "ENABLED");
		assert.equal(head.ChecksumCRC64NVME,
			await algorithms.CRC64NVME(Buffer.from("x")));
		client.destroy();
	});
});

describe("Content-MD5", () => {
	const digest = hash("md5");
	test("of the body", async () => {
		await put("md5", "body", { ContentMD5: digest("body") });
	});
	test("of other bytes", async () => {
		await fails(put("md5", "body", { ContentMD5: digest("other") }),
			"BadDigest", 400);
	});
	test("that is none", async () => {
		await fails(put("md5", "body", { ContentMD5: "bm8=" }),
			"InvalidDigest", 400);
	});
});

test("two different checksums are refused", async () => {
	await fails(put("two", "x", {
		ChecksumSHA1: algorithms.SHA1(Buffer.from("x")),
		ChecksumSHA256: algorithms.SHA256(Buffer.from("x")),
	}), "InvalidRequest", 400);
});
