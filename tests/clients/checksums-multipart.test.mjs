// Checksums of multipart uploads: of the whole object or of its parts' sums.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { Crc32, Crc32c, Crc64Nvme } from "@aws-sdk/checksums/crc";
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand,
	GetObjectAttributesCommand, GetObjectCommand, HeadObjectCommand,
	ListPartsCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { MIB, bytes, fails, payload } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const hash = name => async data =>
	createHash(name).update(data).digest("base64");
const crc = Sum => async data => {
	const sum = new Sum();
	sum.update(data);
	return Buffer.from(await sum.digest()).toString("base64");
};
const calculate = { CRC32: crc(Crc32), CRC32C: crc(Crc32c),
	CRC64NVME: crc(Crc64Nvme), SHA1: hash("sha1"), SHA256: hash("sha256") };
const pieces = [payload(5 * MIB, 4), payload(5 * MIB, 5), payload(99, 6)];
const whole = Buffer.concat(pieces);

async function expected(name, type) {
	if (type === "FULL_OBJECT")
		return calculate[name](whole);
	const sums = await Promise.all(pieces.map(calculate[name]));
	const joined = Buffer.concat(sums.map(s => Buffer.from(s, "base64")));
	return `${await calculate[name](joined)}-${pieces.length}`;
}

async function upload(name, type, Key, edit = x => x) {
	const member = `Checksum${name}`;
	const created = await s3.send(new CreateMultipartUploadCommand({ Bucket,
		Key, ChecksumAlgorithm: name, ChecksumType: type }));
	assert.equal(created.ChecksumAlgorithm, name);
	assert.equal(created.ChecksumType, type);
	const at = { Bucket, Key, UploadId: created.UploadId };
	const Parts = [];
	for (const [i, Body] of pieces.entries()) {
		const PartNumber = i + 1;
		const sent = await s3.send(new UploadPartCommand({ ...at, PartNumber,
			Body, ChecksumAlgorithm: name }));
		assert.equal(sent[member], await calculate[name](Body));
		Parts.push({ PartNumber, ETag: sent.ETag, [member]: sent[member] });
	}
	const listed = await s3.send(new ListPartsCommand(at));
	assert.equal(listed.ChecksumAlgorithm, name);
	assert.equal(listed.ChecksumType, type);
	assert.deepEqual(listed.Parts.map(p => p[member]),
		Parts.map(p => p[member]));
	return s3.send(new CompleteMultipartUploadCommand(edit({ ...at,
		ChecksumType: type, MultipartUpload: { Parts } })));
}

const types = [
	["CRC32", "COMPOSITE"], ["CRC32", "FULL_OBJECT"],
	["CRC32C", "COMPOSITE"], ["CRC32C", "FULL_OBJECT"],
	["CRC64NVME", "FULL_OBJECT"], ["SHA1", "COMPOSITE"],
	["SHA256", "COMPOSITE"],
];
for (const [name, type] of types)
	describe(`${name} ${type}`, () => {
		const member = `Checksum${name}`;
		const Key = `${name}-${type}`;
		test("is in every answer", async () => {
			const wanted = await expected(name, type);
			const done = await upload(name, type, Key);
			assert.equal(done[member], wanted);
			assert.equal(done.ChecksumType, type);
			const at = { Bucket, Key, ChecksumMode: "ENABLED" };
			const head = await s3.send(new HeadObjectCommand(at));
			assert.equal(head[member], wanted);
			assert.equal(head.ChecksumType, type);
			const got = await s3.send(new GetObjectCommand(at));
			assert.equal(got[member], wanted);
			assert.ok((await bytes(got)).equals(whole));
			const { Checksum } = await s3.send(
				new GetObjectAttributesCommand({ Bucket, Key,
					ObjectAttributes: ["Checksum"] }));
			// There AWS leaves out how many parts it is made of.
			assert.equal(Checksum[member], wanted.replace(/-3$/, ""));
			assert.equal(Checksum.ChecksumType, type);
		});
		test("given by the client is compared", async () => {
			const wanted = await expected(name, type);
			await upload(name, type, Key,
				input => ({ ...input, [member]: wanted }));
			const wrong = await calculate[name](Buffer.from("wrong"));
			const suffix = type === "COMPOSITE" ? "-3" : "";
			await fails(upload(name, type, Key,
				input => ({ ...input, [member]: wrong + suffix })),
			"BadDigest", 400);
		});
		test("of a part is compared when completing", async () => {
			const wrong = await calculate[name](Buffer.from("wrong"));
			await fails(upload(name, type, Key, input => {
				input.MultipartUpload.Parts[1][member] = wrong;
				return input;
			}), "BadDigest", 400);
		});
	});

for (const [name, type] of [["SHA1", "FULL_OBJECT"],
	["SHA256", "FULL_OBJECT"], ["CRC64NVME", "COMPOSITE"]])
	test(`${name} ${type} does not exist`, async () => {
		await fails(s3.send(new CreateMultipartUploadCommand({ Bucket,
			Key: "none", ChecksumAlgorithm: name, ChecksumType: type })),
		"InvalidRequest", 400);
	});

test("an upload without an algorithm has a CRC64NVME", async () => {
	const client = gateway.client({
		requestChecksumCalculation: "WHEN_REQUIRED" });
	const at = { Bucket, Key: "default" };
	const { UploadId } = await client.send(
		new CreateMultipartUploadCommand(at));
	const Parts = [];
	for (const [i, Body] of pieces.entries()) {
		const { ETag } = await client.send(new UploadPartCommand({ ...at,
			UploadId, PartNumber: i + 1, Body }));
		Parts.push({ PartNumber: i + 1, ETag });
	}
	await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId,
		MultipartUpload: { Parts } }));
	const head = await s3.send(new HeadObjectCommand({ ...at,
		ChecksumMode: "ENABLED" }));
	assert.equal(head.ChecksumCRC64NVME, await calculate.CRC64NVME(whole));
	assert.equal(head.ChecksumType, "FULL_OBJECT");
	client.destroy();
});
