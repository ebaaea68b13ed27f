// What a browser does: preflights, origins, uploads by presigned URL, and the
// rules a bucket's owner sets for them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeleteBucketCorsCommand, GetBucketCorsCommand, GetObjectCommand,
	PutBucketCorsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { fails } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();
const rules = [
	{ ID: "app", AllowedOrigins: ["https://app.example",
		"https://*.apps.example"], AllowedMethods: ["GET", "PUT"],
	AllowedHeaders: ["content-type", "x-amz-*"],
	ExposeHeaders: ["ETag", "x-amz-version-id"], MaxAgeSeconds: 600 },
	{ AllowedOrigins: ["*"], AllowedMethods: ["GET"] },
];
const set = (CORSRules, where = Bucket) => s3.send(new PutBucketCorsCommand({
	Bucket: where, CORSConfiguration: { CORSRules } }));
await set(rules);

function preflight(origin, method, headers) {
	return fetch(`${gateway.url}/${Bucket}/k`, { method: "OPTIONS",
		headers: { Origin: origin, "Access-Control-Request-Method": method,
			...(headers && { "Access-Control-Request-Headers": headers }) },
	});
}
const header = (answer, name) =>
	answer.headers.get(`access-control-${name}`);

describe("preflight", () => {
	const allowed = [
		["https://app.example", "PUT", "content-type"],
		["https://app.example", "PUT", "content-type,x-amz-meta-a"],
		["https://app.example", "PUT", "X-AMZ-Acl, Content-Type"],
		["https://one.apps.example", "GET", undefined],
		["https://app.example", "PUT", undefined],
	];
	for (const [origin, method, headers] of allowed)
		test(`${method} from ${origin} with ${headers}`, async () => {
			const answer = await preflight(origin, method, headers);
			assert.equal(answer.status, 200, await answer.text());
			assert.equal(header(answer, "allow-origin"), origin);
			assert.equal(header(answer, "allow-methods"), "GET, PUT");
			assert.equal(header(answer, "max-age"), "600");
			assert.equal(header(answer, "expose-headers"),
				"ETag, x-amz-version-id");
			assert.equal(header(answer, "allow-credentials"), "true");
			assert.match(answer.headers.get("vary"), /Origin/);
		});
	test("any origin by *", async () => {
		const answer = await preflight("https://else.example", "GET");
		assert.equal(answer.status, 200, await answer.text());
		assert.equal(header(answer, "allow-origin"), "*");
		assert.equal(header(answer, "allow-credentials"), null);
	});
	const refused = [
		["https://else.example", "PUT", undefined],
		["https://apps.example", "PUT", undefined],
		["http://app.example", "PUT", undefined],
		["https://app.example", "DELETE", undefined],
		["https://app.example", "PUT", "authorization"],
	];
	for (const [origin, method, headers] of refused)
		test(`${method} from ${origin} with ${headers} is refused`,
			async () => {
				const answer = await preflight(origin, method, headers);
				const text = await answer.text();
				assert.equal(answer.status, 403);
				assert.match(text, /<Code>AccessForbidden<\/Code>/);
				assert.equal(header(answer, "allow-origin"), null);
			});
});

describe("an upload by presigned URL", () => {
	test("is read by the page that sent it", async () => {
		const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket,
			Key: "film.mp4", ContentType: "video/mp4" }));
		const answer = await fetch(url, { method: "PUT", body: "film",
			headers: { Origin: "https://app.example",
				"Content-Type": "video/mp4" } });
		assert.equal(answer.status, 200, await answer.text());
		assert.equal(header(answer, "allow-origin"), "https://app.example");
		assert.match(header(answer, "expose-headers"), /ETag/);
	});
	test("and what went wrong too", async () => {
		const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket,
			Key: "absent" }));
		const answer = await fetch(url, { headers: {
			Origin: "https://app.example" } });
		assert.match(await answer.text(), /NoSuchKey/);
		assert.equal(header(answer, "allow-origin"), "https://app.example");
	});
	test("an origin without a rule sees nothing", async () => {
		const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket,
			Key: "film.mp4" }));
		const answer = await fetch(url, { method: "PUT", body: "film",
			headers: { Origin: "https://else.example" } });
		assert.equal(answer.status, 200, await answer.text());
		assert.equal(header(answer, "allow-origin"), null);
	});
});

describe("the rules", () => {
	test("are returned as they were set", async () => {
		const { CORSRules } = await s3.send(
			new GetBucketCorsCommand({ Bucket }));
		assert.deepEqual(CORSRules, rules);
	});
	test("none were set", async () => {
		const other = await gateway.bucket();
		await fails(s3.send(new GetBucketCorsCommand({ Bucket: other })),
			"NoSuchCORSConfiguration", 404);
		const answer = await fetch(`${gateway.url}/${other}/k`, {
			method: "OPTIONS", headers: { Origin: "https://a.example",
				"Access-Control-Request-Method": "GET" } });
		assert.equal(answer.status, 403);
		assert.match(await answer.text(), /CORS is not enabled/);
	});
	test("are deleted", async () => {
		const other = await gateway.bucket();
		await set(rules, other);
		const done = await s3.send(
			new DeleteBucketCorsCommand({ Bucket: other }));
		assert.equal(done.$metadata.httpStatusCode, 204);
		await fails(s3.send(new GetBucketCorsCommand({ Bucket: other })),
			"NoSuchCORSConfiguration", 404);
	});
	const wrong = {
		"no rule": [[], "MalformedXML"],
		"no method": [[{ AllowedOrigins: ["*"], AllowedMethods: [] }],
			"MalformedXML"],
		"a method that is none": [[{ AllowedOrigins: ["*"],
			AllowedMethods: ["PATCH"] }], "InvalidRequest"],
		"two wild cards": [[{ AllowedOrigins: ["https://*.*"],
			AllowedMethods: ["GET"] }], "InvalidRequest"],
		"two wild cards in a header": [[{ AllowedOrigins: ["*"],
			AllowedMethods: ["GET"], AllowedHeaders: ["*-*"] }],
		"InvalidRequest"],
		"101 rules": [Array.from({ length: 101 }, () => ({
			AllowedOrigins: ["*"], AllowedMethods: ["GET"] })),
		"InvalidRequest"],
	};
	for (const [name, [broken, code]] of Object.entries(wrong))
		test(`${name} is refused`, async () => {
			await fails(set(broken), code, 400);
		});
});
