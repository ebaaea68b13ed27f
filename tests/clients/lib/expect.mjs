// What the test files share: payloads, digests, expected failures.
import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { Readable } from "node:stream";

export const MIB = 1 << 20;

// The same bytes for the same size and seed, and no pattern in them.
export function payload(size, seed = 1) {
	const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed),
		Buffer.alloc(16));
	return cipher.update(Buffer.alloc(size));
}

export const md5 = data => createHash("md5").update(data).digest("hex");
export const etag = data => `"${md5(data)}"`;

// A stream that does not know its length, in pieces of a size.
export function stream(data, piece = 65536) {
	return Readable.from(function* () {
		for (let at = 0; at < data.length; at += piece)
			yield data.subarray(at, at + piece);
	}());
}

export async function bytes(answer) {
	return Buffer.from(await answer.Body.transformToByteArray());
}

// The error of a call that must fail: its AWS code and HTTP status.
export async function fails(promise, name, status) {
	const error = await promise.then(
		() => assert.fail(`succeeded, ${name} expected`), e => e);
	if (error instanceof assert.AssertionError)
		throw error;
	assert.deepEqual([error.name, error.$metadata?.httpStatusCode],
		[name, status], `${error.name}: ${error.message}`);
	return error;
}
