// Keys of any bytes, in path and virtual-host style, through every operation
// that carries a key: in the path, in a query, in XML.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand,
	HeadObjectCommand, ListObjectsCommand, ListObjectsV2Command,
	PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { bytes, fails } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const styles = {
	"path style": gateway.s3,
	"virtual-host style": gateway.client({ forcePathStyle: false,
		endpoint: gateway.url.replace("127.0.0.1", "localhost") }),
};
const keys = {
	"blanks": "a b  c ",
	"a plus": "a+b",
	"percent signs": "100%25 %2F%",
	"reserved characters": "a!*'();:@&=$,/?#[]z",
	"unreserved characters": "A-z_0.9~",
	"markup": "<Key>&amp;\"'",
	"two-byte letters": "\u00fcber/caf\u00e9",
	"a letter with a combining accent": "cafe\u0301",
	"three-byte letters": "\u65e5\u672c\u8a9e.mp4",
	"four-byte characters": "\u{1f600}/\u{10348}",
	"a folder": "folder/",
	"double slashes": "a//b///c",
	"a leading slash": "/leading",
	"a slash alone": "/",
	"dots": "...",
	"a backslash": "a\\b|c^d`e{f}",
	"a colon and a date": "2026-01-01T00:00:00Z.log",
	"a query lookalike": "k?versionId=1&acl",
	"1,024 bytes": "k".repeat(1024),
	"1,024 bytes of four-byte characters": "\u{1f600}".repeat(256),
	"segments of 300 bytes": `${"s".repeat(300)}/${"t".repeat(300)}`,
};

for (const [style, s3] of Object.entries(styles))
	describe(style, async () => {
		const Bucket = await gateway.bucket();
		for (const [name, Key] of Object.entries(keys))
			test(name, async () => {
				const at = { Bucket, Key };
				await s3.send(new PutObjectCommand({ ...at, Body: Key }));
				assert.equal((await bytes(
					await s3.send(new GetObjectCommand(at)))).toString(), Key);
				assert.equal((await s3.send(new HeadObjectCommand(at)))
					.ContentLength, Buffer.byteLength(Key));
				for (const List of [ListObjectsCommand, ListObjectsV2Command])
					for (const EncodingType of [undefined, "url"]) {
						const { Contents } = await s3.send(
							new List({ Bucket, Prefix: Key, EncodingType }));
						const listed = Contents.map(o => EncodingType ?
							decodeURIComponent(
								o.Key.replaceAll("+", " ")) : o.Key);
						assert.ok(listed.includes(Key), `${listed}`);
					}
				await s3.send(new DeleteObjectCommand(at));
				await fails(s3.send(new GetObjectCommand(at)),
					"NoSuchKey", 404);
				await s3.send(new PutObjectCommand({ ...at, Body: "x" }));
				const { Deleted } = await s3.send(new DeleteObjectsCommand({
					Bucket, Delete: { Objects: [{ Key }] } }));
				assert.deepEqual(Deleted.map(d => d.Key), [Key]);
				await fails(s3.send(new HeadObjectCommand(at)),
					"NotFound", 404);
			});
		test("1,025 bytes are refused", async () => {
			await fails(s3.send(new PutObjectCommand({ Bucket,
				Key: "k".repeat(1025), Body: "x" })), "KeyTooLongError", 400);
		});
		test("only the key was listed", async () => {
			const { KeyCount } = await s3.send(
				new ListObjectsV2Command({ Bucket }));
			assert.equal(KeyCount, 0);
		});
	});

describe("presigned", async () => {
	const Bucket = await gateway.bucket();
	for (const [name, Key] of Object.entries(keys))
		test(name, async () => {
			const at = { Bucket, Key };
			const put = await getSignedUrl(gateway.s3,
				new PutObjectCommand(at));
			assert.equal((await fetch(put, { method: "PUT", body: Key }))
				.status, 200);
			const get = await getSignedUrl(gateway.s3,
				new GetObjectCommand(at));
			const answer = await fetch(get);
			assert.equal(await answer.text(), Key);
		});
});
