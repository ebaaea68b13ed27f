// ListObjects V1 and V2: order, prefixes, delimiters, pages, paginators.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeleteObjectCommand, ListObjectsCommand, ListObjectsV2Command,
	PutObjectCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { etag, fails } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const v1 = options => s3.send(new ListObjectsCommand(options));
const v2 = options => s3.send(new ListObjectsV2Command(options));

async function filled(keys, Body = "x") {
	const Bucket = await gateway.bucket();
	for (let i = 0; i < keys.length; i += 50)
		await Promise.all(keys.slice(i, i + 50).map(Key =>
			s3.send(new PutObjectCommand({ Bucket, Key, Body }))));
	return Bucket;
}

// By bytes, which is not JavaScript's order by UTF-16 units.
const byBytes = keys => [...keys].sort((a, b) =>
	Buffer.compare(Buffer.from(a), Buffer.from(b)));
const TREE = ["a", "a/", "a/1", "a/2", "a/b/3", "a0", "b/1", "b/2", "c",
	"d//e", "d/f", "\u00e9/x", "\uff5e", "\u{1f600}"];
const tree = await filled(TREE);

// What a listing must hold, by definition instead of by algorithm.
function truth(keys, { Prefix = "", Delimiter = "" }) {
	const found = { keys: [], prefixes: new Set() };
	for (const key of byBytes(keys).filter(k => k.startsWith(Prefix))) {
		const cut = Delimiter ?
			key.indexOf(Delimiter, Prefix.length) : -1;
		if (cut < 0)
			found.keys.push(key);
		else
			found.prefixes.add(key.slice(0, cut + Delimiter.length));
	}
	return { keys: found.keys, prefixes: [...found.prefixes] };
}

const views = [
	{}, { Prefix: "a" }, { Prefix: "a/" }, { Prefix: "a/b" },
	{ Prefix: "none" }, { Delimiter: "/" },
	{ Prefix: "a/", Delimiter: "/" }, { Prefix: "d/", Delimiter: "/" },
	{ Prefix: "d", Delimiter: "//" }, { Delimiter: "/b/" },
	{ Delimiter: "1" }, { Prefix: "\u00e9", Delimiter: "/" },
	{ Delimiter: "\u{1f600}" },
];

// All pages of a view, by whichever token the version has.
async function walk(list, token, next, options) {
	const found = { keys: [], prefixes: [] };
	let at;
	for (let page = 0; page < 100; page++) {
		const answer = await list({ ...options, [token]: at });
		const keys = (answer.Contents ?? []).map(o => o.Key);
		const prefixes = (answer.CommonPrefixes ?? []).map(p => p.Prefix);
		if (options.MaxKeys)
			assert.ok(keys.length + prefixes.length <= options.MaxKeys);
		found.keys.push(...keys);
		found.prefixes.push(...prefixes);
		if (!answer.IsTruncated)
			return found;
		at = next(answer);
		assert.ok(at, "a truncated page names the next");
	}
	assert.fail("the listing does not end");
}

for (const view of views)
	describe(JSON.stringify(view), () => {
		const wanted = truth(TREE, view);
		for (const MaxKeys of [undefined, 1, 2, 5]) {
			test(`V2 by pages of ${MaxKeys}`, async () => {
				assert.deepEqual(await walk(v2, "ContinuationToken",
					a => a.NextContinuationToken,
					{ Bucket: tree, MaxKeys, ...view }), wanted);
			});
			test(`V1 by pages of ${MaxKeys}`, async () => {
				assert.deepEqual(await walk(v1, "Marker",
					a => a.NextMarker ?? a.Contents.at(-1).Key,
					{ Bucket: tree, MaxKeys, ...view }), wanted);
			});
		}
	});

describe("ListObjectsV2", () => {
	test("names what was asked and counts keys and prefixes", async () => {
		const answer = await v2({ Bucket: tree, Prefix: "a", Delimiter: "/",
			MaxKeys: 2, StartAfter: "A" });
		assert.deepEqual(
			[answer.Name, answer.Prefix, answer.Delimiter, answer.MaxKeys,
				answer.KeyCount, answer.IsTruncated, answer.StartAfter],
			[tree, "a", "/", 2, 2, true, "A"]);
	});
	test("an entry describes its object", async () => {
		const { Contents: [entry] } = await v2({ Bucket: tree, MaxKeys: 1 });
		assert.equal(entry.Key, "a");
		assert.equal(entry.Size, 1);
		assert.equal(entry.ETag, etag("x"));
		assert.equal(entry.StorageClass, "STANDARD");
		assert.ok(Math.abs(Date.now() - entry.LastModified) < 600e3);
		assert.equal(entry.Owner, undefined);
	});
	test("FetchOwner", async () => {
		const { Contents: [entry] } = await v2({ Bucket: tree, MaxKeys: 1,
			FetchOwner: true });
		assert.match(entry.Owner.ID, /^[0-9a-f]{64}$/);
	});
	const starts = { "a": "a/", "a/": "a/1", "a/1x": "a/2", "": "a",
		"b/2": "c", "\u{1f600}": undefined, "zz": "\u00e9/x" };
	for (const [StartAfter, first] of Object.entries(starts))
		test(`StartAfter ${JSON.stringify(StartAfter)}`, async () => {
			const { Contents } = await v2({ Bucket: tree, StartAfter });
			assert.equal(Contents?.[0].Key, first);
		});
	test("MaxKeys 0 is an empty page that ends", async () => {
		const answer = await v2({ Bucket: tree, MaxKeys: 0 });
		assert.deepEqual([answer.KeyCount, answer.IsTruncated,
			answer.Contents], [0, false, undefined]);
	});
	test("MaxKeys above 1000 counts as 1000", async () => {
		assert.equal((await v2({ Bucket: tree, MaxKeys: 5000 })).KeyCount,
			TREE.length);
	});
	test("a negative MaxKeys", async () => {
		await fails(v2({ Bucket: tree, MaxKeys: -1 }), "InvalidArgument",
			400);
	});
	test("a token that was never given", async () => {
		await fails(v2({ Bucket: tree, ContinuationToken: "no token" }),
			"InvalidArgument", 400);
	});
	test("a token goes on although its key was deleted", async () => {
		const Bucket = await filled(["1", "2", "3", "4"]);
		const page = await v2({ Bucket, MaxKeys: 2 });
		await s3.send(new DeleteObjectCommand({ Bucket, Key: "2" }));
		const next = await v2({ Bucket,
			ContinuationToken: page.NextContinuationToken });
		assert.deepEqual(next.Contents.map(o => o.Key), ["3", "4"]);
		assert.equal(next.ContinuationToken, page.NextContinuationToken);
	});
	test("EncodingType url encodes what stands in the answer", async () => {
		const Bucket = await filled(["a b/c d", "x+y", "\u00e9%"]);
		const answer = await v2({ Bucket, Prefix: "", Delimiter: "/",
			EncodingType: "url" });
		assert.equal(answer.EncodingType, "url");
		assert.deepEqual(answer.Contents.map(o => o.Key),
			["x%2By", "%C3%A9%25"]);
		assert.match(answer.CommonPrefixes[0].Prefix, /^a(\+|%20)b\/$/);
	});
	test("an empty bucket", async () => {
		const answer = await v2({ Bucket: await gateway.bucket() });
		assert.deepEqual([answer.KeyCount, answer.IsTruncated,
			answer.Contents, answer.CommonPrefixes],
		[0, false, undefined, undefined]);
	});
	test("a bucket that is not there", async () => {
		await fails(v2({ Bucket: "no-such-bucket-here" }), "NoSuchBucket",
			404);
	});
});

describe("ListObjects", () => {
	test("NextMarker only with a delimiter", async () => {
		const plain = await v1({ Bucket: tree, MaxKeys: 1 });
		assert.equal(plain.NextMarker, undefined);
		const cut = await v1({ Bucket: tree, MaxKeys: 2, Delimiter: "/" });
		assert.equal(cut.NextMarker, "a/");
		assert.equal(cut.Contents[0].Owner.ID.length, 64);
	});
});

describe("paginators", async () => {
	const keys = Array.from({ length: 2345 },
		(_, i) => `p/${(i * 7919) % 2345}`);
	const Bucket = await filled(keys);
	for (const pageSize of [1000, 100])
		test(`2,345 keys by pages of ${pageSize}`, async () => {
			const found = [];
			let pages = 0;
			for await (const page of paginateListObjectsV2(
				{ client: s3, pageSize }, { Bucket, Prefix: "p/" })) {
				found.push(...page.Contents.map(o => o.Key));
				pages++;
			}
			assert.equal(pages, Math.ceil(2345 / pageSize));
			assert.deepEqual(found, byBytes(keys));
		});
});
