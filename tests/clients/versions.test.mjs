// Versioning: ids, delete markers, the null version, ListObjectVersions.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CopyObjectCommand, DeleteBucketCommand, DeleteObjectCommand,
	DeleteObjectTaggingCommand, DeleteObjectsCommand,
	GetBucketVersioningCommand, GetObjectCommand, GetObjectTaggingCommand,
	HeadObjectCommand, ListObjectVersionsCommand, ListObjectsV2Command,
	PutBucketVersioningCommand, PutObjectCommand, PutObjectTaggingCommand }
	from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { MIB, etag, fails, payload } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;

// A bucket in a state, and short words for what is done in it.
async function bucket(Status) {
	const Bucket = await gateway.bucket();
	const at = (Key, more) => ({ Bucket, Key, ...more });
	const b = {
		Bucket,
		turn: state => s3.send(new PutBucketVersioningCommand({ Bucket,
			VersioningConfiguration: { Status: state } })),
		put: async (Key, Body, more) => (await s3.send(new PutObjectCommand(
			at(Key, { Body, ...more })))).VersionId,
		get: (Key, VersionId) => s3.send(
			new GetObjectCommand(at(Key, { VersionId }))),
		text: async (...of) => (await b.get(...of)).Body.transformToString(),
		head: (Key, VersionId) => s3.send(
			new HeadObjectCommand(at(Key, { VersionId }))),
		remove: (Key, VersionId, more) => s3.send(
			new DeleteObjectCommand(at(Key, { VersionId, ...more }))),
		list: more => s3.send(
			new ListObjectVersionsCommand({ Bucket, ...more })),
	};
	if (Status)
		await b.turn(Status);
	return b;
}

describe("the state of a bucket", () => {
	test("unset at first", async () => {
		const { Bucket } = await bucket();
		assert.equal((await s3.send(new GetBucketVersioningCommand(
			{ Bucket }))).Status, undefined);
	});
	for (const state of ["Enabled", "Suspended"])
		test(state, async () => {
			const { Bucket } = await bucket(state);
			assert.equal((await s3.send(new GetBucketVersioningCommand(
				{ Bucket }))).Status, state);
		});
	test("no other", async () => {
		await fails(bucket("Off"), "MalformedXML", 400);
	});
});

describe("enabled", () => {
	test("each PUT is a version, the last is read", async () => {
		const b = await bucket("Enabled");
		const ids = [await b.put("k", "1"), await b.put("k", "2"),
			await b.put("k", "3")];
		assert.equal(new Set(ids).size, 3);
		assert.equal(await b.text("k"), "3");
		for (const [i, id] of ids.entries()) {
			const got = await b.get("k", id);
			assert.equal(await got.Body.transformToString(), `${i + 1}`);
			assert.equal(got.VersionId, id);
			assert.equal((await b.head("k", id)).VersionId, id);
		}
	});
	test("DELETE hides, and deleting the marker shows again", async () => {
		const b = await bucket("Enabled");
		const id = await b.put("k", "1");
		const gone = await b.remove("k");
		assert.equal(gone.DeleteMarker, true);
		assert.notEqual(gone.VersionId, id);
		await fails(b.get("k"), "NoSuchKey", 404);
		await fails(b.head("k"), "NotFound", 404);
		assert.equal(await b.text("k", id), "1");
		const back = await b.remove("k", gone.VersionId);
		assert.deepEqual([back.DeleteMarker, back.VersionId],
			[true, gone.VersionId]);
		assert.equal(await b.text("k"), "1");
	});
	test("a marker cannot be read by its id", async () => {
		const b = await bucket("Enabled");
		await b.put("k", "1");
		const { VersionId } = await b.remove("k");
		await fails(b.get("k", VersionId), "MethodNotAllowed", 405);
		const error = await b.head("k", VersionId).catch(e => e);
		assert.equal(error.$metadata.httpStatusCode, 405);
	});
	test("deleting a version is for good; the one before is read",
		async () => {
			const b = await bucket("Enabled");
			const first = await b.put("k", "1");
			const second = await b.put("k", "2");
			const gone = await b.remove("k", second);
			assert.equal(gone.VersionId, second);
			assert.equal(gone.DeleteMarker, undefined);
			await fails(b.get("k", second), "NoSuchVersion", 404);
			assert.equal((await b.get("k")).VersionId, first);
		});
	test("DELETE of what is not there makes a marker", async () => {
		const b = await bucket("Enabled");
		const { DeleteMarker, VersionId } = await b.remove("none");
		assert.equal(DeleteMarker, true);
		assert.ok(VersionId);
	});
	test("what was there before is the version null", async () => {
		const b = await bucket();
		assert.equal(await b.put("k", "old"), undefined);
		await b.turn("Enabled");
		assert.equal((await b.get("k")).VersionId, "null");
		await b.put("k", "new");
		assert.equal(await b.text("k", "null"), "old");
		await b.remove("k", "null");
		await fails(b.get("k", "null"), "NoSuchVersion", 404);
	});
	test("a multipart upload is a version", async () => {
		const b = await bucket("Enabled");
		await b.put("k", "small");
		const done = await new Upload({ client: s3, params: {
			Bucket: b.Bucket, Key: "k", Body: payload(6 * MIB) } }).done();
		assert.ok(done.VersionId);
		assert.equal((await b.head("k")).VersionId, done.VersionId);
	});
	test("a copy of an old version is the newest", async () => {
		const b = await bucket("Enabled");
		const old = await b.put("k", "old");
		await b.put("k", "new");
		const done = await s3.send(new CopyObjectCommand({ Bucket: b.Bucket,
			Key: "k", CopySource: `${b.Bucket}/k?versionId=${old}` }));
		assert.equal(done.CopySourceVersionId, old);
		assert.ok(done.VersionId && done.VersionId !== old);
		assert.equal(await b.text("k"), "old");
	});
	test("conditions look at the current version", async () => {
		const b = await bucket("Enabled");
		await b.put("k", "1");
		await fails(b.put("k", "2", { IfNoneMatch: "*" }),
			"PreconditionFailed", 412);
		await b.put("k", "2", { IfMatch: etag("1") });
		await b.remove("k");
		await fails(b.put("k", "3", { IfMatch: etag("2") }), "NoSuchKey",
			404);
		await b.put("k", "3", { IfNoneMatch: "*" });
	});
	test("a bucket that holds only markers is not empty", async () => {
		const b = await bucket("Enabled");
		await b.put("k", "1");
		await b.remove("k");
		const { Contents } = await s3.send(new ListObjectsV2Command(
			{ Bucket: b.Bucket }));
		assert.equal(Contents, undefined);
		await fails(s3.send(new DeleteBucketCommand({ Bucket: b.Bucket })),
			"BucketNotEmpty", 409);
	});
});

describe("suspended", () => {
	test("PUT replaces the version null only", async () => {
		const b = await bucket("Enabled");
		const kept = await b.put("k", "kept");
		await b.turn("Suspended");
		await b.put("k", "null 1");
		await b.put("k", "null 2");
		assert.equal((await b.get("k")).VersionId, "null");
		assert.equal(await b.text("k"), "null 2");
		assert.equal(await b.text("k", kept), "kept");
		assert.equal((await b.list()).Versions.length, 2);
	});
	test("DELETE leaves a marker in place of the version null", async () => {
		const b = await bucket("Enabled");
		const kept = await b.put("k", "kept");
		await b.turn("Suspended");
		await b.put("k", "null");
		const gone = await b.remove("k");
		assert.deepEqual([gone.DeleteMarker, gone.VersionId],
			[true, "null"]);
		const { Versions, DeleteMarkers } = await b.list();
		assert.deepEqual(Versions.map(v => v.VersionId), [kept]);
		assert.deepEqual(DeleteMarkers.map(m => m.VersionId), ["null"]);
	});
});

describe("DeleteObjects", () => {
	test("versions and keys mixed", async () => {
		const b = await bucket("Enabled");
		const id = await b.put("version", "1");
		await b.put("key", "1");
		const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({
			Bucket: b.Bucket, Delete: { Objects: [
				{ Key: "version", VersionId: id }, { Key: "key" }] } }));
		assert.equal(Errors, undefined);
		const by = Object.fromEntries(Deleted.map(d => [d.Key, d]));
		assert.equal(by.version.VersionId, id);
		assert.equal(by.version.DeleteMarker, undefined);
		assert.equal(by.key.DeleteMarker, true);
		assert.ok(by.key.DeleteMarkerVersionId);
	});
});

test("tags belong to a version", async () => {
	const b = await bucket("Enabled");
	const old = await b.put("k", "1", { Tagging: "v=1" });
	await b.put("k", "2", { Tagging: "v=2" });
	const at = { Bucket: b.Bucket, Key: "k" };
	const tags = async VersionId => (await s3.send(
		new GetObjectTaggingCommand({ ...at, VersionId }))).TagSet
		.map(t => t.Value);
	assert.deepEqual(await tags(old), ["1"]);
	const put = await s3.send(new PutObjectTaggingCommand({ ...at,
		VersionId: old, Tagging: { TagSet: [{ Key: "v", Value: "one" }] } }));
	assert.equal(put.VersionId, old);
	assert.deepEqual([await tags(old), await tags()], [["one"], ["2"]]);
	await s3.send(new DeleteObjectTaggingCommand({ ...at,
		VersionId: old }));
	assert.deepEqual([await tags(old), await tags()], [[], ["2"]]);
});

describe("ListObjectVersions", async () => {
	const b = await bucket("Enabled");
	const truth = [];
	for (const Key of ["a", "b/1", "b/2", "c"]) {
		const history = [];
		for (const body of ["1", "2"])
			history.unshift([Key, await b.put(Key, body), false]);
		if (Key === "b/1" || Key === "c")
			history.unshift([Key, (await b.remove(Key)).VersionId, true]);
		truth.push(...history);
	}
	const entries = page => [
		...(page.Versions ?? []).map(v => [v.Key, v.VersionId, false]),
		...(page.DeleteMarkers ?? []).map(m => [m.Key, m.VersionId, true])];
	const sorted = rows => [...rows].map(String).sort();
	test("everything, newest first within a key", async () => {
		const page = await b.list();
		assert.deepEqual(sorted(entries(page)), sorted(truth));
		assert.deepEqual(page.Versions.map(v => [v.Key, v.VersionId]),
			truth.filter(t => !t[2]).map(t => t.slice(0, 2)));
		assert.deepEqual(page.Versions.filter(v => v.IsLatest)
			.map(v => v.Key), ["a", "b/2"]);
		assert.deepEqual(page.DeleteMarkers.map(m => m.IsLatest),
			[true, true]);
		const [first] = page.Versions;
		assert.deepEqual([first.ETag, first.Size, first.StorageClass],
			[etag("2"), 1, "STANDARD"]);
		assert.match(first.Owner.ID, /^[0-9a-f]{64}$/);
	});
	for (const MaxKeys of [1, 2, 3, 4])
		test(`pages of ${MaxKeys}`, async () => {
			const found = [];
			let page = {};
			do {
				page = await b.list({ MaxKeys,
					KeyMarker: page.NextKeyMarker,
					VersionIdMarker: page.NextVersionIdMarker });
				assert.ok(entries(page).length <= MaxKeys);
				found.push(...entries(page));
			} while (page.IsTruncated && found.length < 20);
			assert.deepEqual(sorted(found), sorted(truth));
		});
	test("a prefix and a delimiter", async () => {
		const page = await b.list({ Delimiter: "/" });
		assert.deepEqual([...new Set(entries(page).map(e => e[0]))].sort(),
			["a", "c"]);
		assert.deepEqual(page.CommonPrefixes.map(p => p.Prefix), ["b/"]);
		const below = await b.list({ Prefix: "b/1" });
		assert.equal(entries(below).length, 3);
	});
	test("a version marker without a key marker", async () => {
		await fails(b.list({ VersionIdMarker: "x" }), "InvalidArgument",
			400);
	});
	test("an unversioned bucket lists the version null", async () => {
		const plain = await bucket();
		await plain.put("k", "1");
		const { Versions } = await plain.list();
		assert.deepEqual(Versions.map(v => [v.Key, v.VersionId, v.IsLatest]),
			[["k", "null", true]]);
	});
});
