// Buckets: making, naming, listing, deleting, and their settings.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as S3 from "@aws-sdk/client-s3";
import { fails } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const send = (name, input) => s3.send(new S3[`${name}Command`](input));
const create = (Bucket, more) => send("CreateBucket", { Bucket, ...more });
const Bucket = await gateway.bucket();

describe("names", () => {
	const good = ["abc", "a-b.c-d", "0123", "x".repeat(63), "a.b", "1-a"];
	for (const name of good)
		test(`${name} is made`, async () => {
			const made = await create(name);
			assert.equal(made.Location, `/${name}`);
			const head = await send("HeadBucket", { Bucket: name });
			assert.equal(head.BucketRegion, "us-east-1");
			const gone = await send("DeleteBucket", { Bucket: name });
			assert.equal(gone.$metadata.httpStatusCode, 204);
		});
	const bad = ["ab", "x".repeat(64), "Upper", "under_score", "-dash",
		"dash-", "dot.", "two..dots", "192.168.1.1", "xn--a", "a-s3alias",
		"sthree-a", "a b"];
	for (const name of bad)
		test(`${JSON.stringify(name)} is refused`, async () => {
			await fails(create(name), "InvalidBucketName", 400);
		});
});

describe("making", () => {
	test("again in us-east-1 is no error", async () => {
		const again = await create(Bucket);
		assert.equal(again.$metadata.httpStatusCode, 200);
	});
	test("its region is kept", async () => {
		await create("in-europe", { CreateBucketConfiguration:
			{ LocationConstraint: "eu-central-1" } });
		assert.equal((await send("GetBucketLocation",
			{ Bucket: "in-europe" })).LocationConstraint, "eu-central-1");
		assert.equal((await send("GetBucketLocation", { Bucket }))
			.LocationConstraint, undefined);
	});
});

describe("ListBuckets", async () => {
	for (let i = 0; i < 12; i++)
		await create(`list-${String(i).padStart(2, "0")}`);
	const Prefix = "list-";
	const names = answer => answer.Buckets.map(b => b.Name);
	test("all, in order, with owner and time", async () => {
		const answer = await send("ListBuckets", {});
		assert.deepEqual(names(answer), names(answer).toSorted?.() ??
			[...names(answer)].sort());
		assert.ok(names(answer).includes(Bucket));
		assert.match(answer.Owner.ID, /^[0-9a-f]{64}$/);
		assert.ok(answer.Buckets[0].CreationDate instanceof Date);
	});
	test("a prefix", async () => {
		assert.equal(names(await send("ListBuckets", { Prefix })).length, 12);
	});
	for (const pageSize of [1, 5, 12])
		test(`the paginator, pages of ${pageSize}`, async () => {
			const found = [];
			for await (const page of S3.paginateListBuckets(
				{ client: s3, pageSize }, { Prefix })) {
				assert.ok(page.Buckets.length <= pageSize);
				found.push(...names(page));
			}
			assert.equal(found.length, 12);
			assert.equal(new Set(found).size, 12);
		});
});

describe("tags", () => {
	const TagSet = [{ Key: "team", Value: "video" }, { Key: "x", Value: "" }];
	test("are set, read and deleted", async () => {
		await fails(send("GetBucketTagging", { Bucket }), "NoSuchTagSet",
			404);
		const put = await send("PutBucketTagging", { Bucket,
			Tagging: { TagSet } });
		assert.equal(put.$metadata.httpStatusCode, 204);
		assert.deepEqual((await send("GetBucketTagging", { Bucket })).TagSet,
			TagSet);
		await send("DeleteBucketTagging", { Bucket });
		await fails(send("GetBucketTagging", { Bucket }), "NoSuchTagSet",
			404);
	});
	test("the same key twice", async () => {
		await fails(send("PutBucketTagging", { Bucket, Tagging: { TagSet: [
			TagSet[0], TagSet[0]] } }), "InvalidTag", 400);
	});
});

describe("a bucket without settings", () => {
	const unset = {
		GetBucketPolicy: "NoSuchBucketPolicy",
		GetBucketLifecycleConfiguration: "NoSuchLifecycleConfiguration",
		GetBucketCors: "NoSuchCORSConfiguration",
		GetBucketWebsite: "NoSuchWebsiteConfiguration",
		GetBucketReplication: "ReplicationConfigurationNotFoundError",
		GetObjectLockConfiguration:
			"ObjectLockConfigurationNotFoundError",
	};
	for (const [name, code] of Object.entries(unset))
		test(name, async () => {
			await fails(send(name, { Bucket }), code, 404);
		});
	const harmless = {
		GetBucketAcl: a => assert.deepEqual(
			a.Grants.map(g => g.Permission), ["FULL_CONTROL"]),
		GetPublicAccessBlock: a => assert.equal(
			a.PublicAccessBlockConfiguration.BlockPublicAcls, true),
		GetBucketLogging: a => assert.equal(a.LoggingEnabled, undefined),
		GetBucketNotificationConfiguration: a => assert.equal(
			a.QueueConfigurations, undefined),
		GetBucketRequestPayment: a => assert.equal(a.Payer, "BucketOwner"),
		GetBucketAccelerateConfiguration: a => assert.equal(a.Status,
			undefined),
		GetBucketVersioning: a => assert.equal(a.Status, undefined),
		ListBucketInventoryConfigurations: a => assert.equal(a.IsTruncated,
			false),
	};
	for (const [name, check] of Object.entries(harmless))
		test(name, async () => {
			const answer = await send(name, { Bucket });
			assert.equal(answer.$metadata.httpStatusCode, 200);
			check(answer);
		});
	test("GetObjectAcl is private", async () => {
		await send("PutObject", { Bucket, Key: "k", Body: "x" });
		const { Grants, Owner } = await send("GetObjectAcl", { Bucket,
			Key: "k" });
		assert.deepEqual(Grants.map(g => [g.Permission, g.Grantee.ID,
			g.Grantee.Type]), [["FULL_CONTROL", Owner.ID, "CanonicalUser"]]);
	});
});
