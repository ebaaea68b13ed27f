// POST uploads by s3-presigned-post, sent as a browser's form.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand }
	from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { MIB, bytes, etag, payload } from "./lib/expect.mjs";
import { startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = await gateway.bucket();

// Signs a form, lets the test edit its fields, and sends it.
async function submit(options, body = "content", edit = {}, name = "f.txt") {
	const { url, fields } = await createPresignedPost(s3, { Bucket,
		...options });
	const form = new FormData();
	for (const [field, value] of Object.entries({ ...fields, ...edit }))
		if (value !== undefined)
			form.append(field, value);
	form.append("file", new Blob([body]), name);
	return fetch(url, { method: "POST", body: form, redirect: "manual" });
}
async function refused(answer, status, code) {
	const text = await answer.text();
	assert.deepEqual([answer.status, text.match(/<Code>(.*)<\/Code>/)?.[1]],
		[status, code], text);
}
const get = Key => s3.send(new GetObjectCommand({ Bucket, Key }));
const head = Key => s3.send(new HeadObjectCommand({ Bucket, Key }));

describe("a form", () => {
	for (const size of [0, 1, 70000, 6 * MIB])
		test(`${size} bytes`, async () => {
			const data = payload(size);
			const answer = await submit({ Key: `size-${size}` }, data);
			assert.equal(answer.status, 204, await answer.text());
			assert.equal(answer.headers.get("etag"), etag(data));
			assert.ok(answer.headers.get("location")
				.endsWith(`/size-${size}`));
			assert.ok((await bytes(await get(`size-${size}`))).equals(data));
		});
	test("${filename} is the file's name", async () => {
		const answer = await submit({ Key: "user/${filename}",
			Conditions: [["starts-with", "$key", "user/"]] }, "x", {},
		"my film.mp4");
		assert.equal(answer.status, 204, await answer.text());
		await head("user/my film.mp4");
	});
	test("fields that describe the object", async () => {
		const answer = await submit({ Key: "described", Fields: {
			"Content-Type": "video/mp4", "Cache-Control": "no-cache",
			"x-amz-meta-owner": "me" } });
		assert.equal(answer.status, 204, await answer.text());
		const kept = await head("described");
		assert.deepEqual([kept.ContentType, kept.CacheControl,
			kept.Metadata], ["video/mp4", "no-cache", { owner: "me" }]);
	});
	test("tags", async () => {
		const tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value>" +
			"</Tag></TagSet></Tagging>";
		const answer = await submit({ Key: "tagged", Fields: { tagging } });
		assert.equal(answer.status, 204, await answer.text());
		const { TagSet } = await s3.send(new GetObjectTaggingCommand({
			Bucket, Key: "tagged" }));
		assert.deepEqual(TagSet, [{ Key: "a", Value: "b" }]);
	});
	for (const [wanted, status] of Object.entries({ "200": 200, "201": 201,
		"204": 204, "400": 204 }))
		test(`success_action_status ${wanted}`, async () => {
			const answer = await submit({ Key: "status",
				Fields: { success_action_status: wanted } });
			const text = await answer.text();
			assert.equal(answer.status, status, text);
			if (status === 201)
				assert.match(text, new RegExp("<PostResponse>.*<Bucket>" +
					`${Bucket}</Bucket><Key>status</Key><ETag>`, "s"));
			else
				assert.equal(text, "");
		});
	test("success_action_redirect", async () => {
		const answer = await submit({ Key: "redirect", Fields: {
			success_action_redirect: "http://app.example/done?x=1" } });
		assert.equal(answer.status, 303, await answer.text());
		const to = new URL(answer.headers.get("location"));
		assert.equal(to.host, "app.example");
		assert.deepEqual(["x", "bucket", "key", "etag"].map(
			name => to.searchParams.get(name)),
		["1", Bucket, "redirect", etag("content")]);
	});
});

describe("a policy", () => {
	const range = ["content-length-range", 3, 6];
	for (const [body, status, code] of [["ab", 400, "EntityTooSmall"],
		["abc", 204], ["abcdef", 204], ["abcdefg", 400, "EntityTooLarge"]])
		test(`content-length-range 3–6 and ${body.length} bytes`,
			async () => {
				const answer = await submit({ Key: "range",
					Conditions: [range] }, body);
				if (code)
					await refused(answer, status, code);
				else
					assert.equal(answer.status, status);
			});
	const bound = { Key: "bound", Conditions: [
		["starts-with", "$Content-Type", "video/"],
		["eq", "$x-amz-meta-who", "me"]],
	Fields: { "Content-Type": "video/mp4", "x-amz-meta-who": "me" } };
	test("that every field meets", async () => {
		const answer = await submit({ ...bound, Key: "met" });
		assert.equal(answer.status, 204, await answer.text());
	});
	const edits = {
		"another key": { key: "other" },
		"another start": { "Content-Type": "text/html" },
		"another value": { "x-amz-meta-who": "you" },
		"a field nobody allowed": { "x-amz-meta-new": "1" },
		"a field left out": { "x-amz-meta-who": undefined },
	};
	for (const [name, edit] of Object.entries(edits))
		test(`${name} is refused`, async () => {
			await refused(await submit({ ...bound, Fields:
				bound.Fields, Conditions: bound.Conditions.slice(0, 1) },
			"x", edit), 403, "AccessDenied");
		});
	test("a signature of something else", async () => {
		await refused(await submit({ Key: "bad" }, "x",
			{ "X-Amz-Signature": "0".repeat(64) }), 403,
		"SignatureDoesNotMatch");
	});
	test("that has expired", async () => {
		await refused(await submit({ Key: "late", Expires: -10 }), 403,
			"AccessDenied");
	});
	test("of an unknown key", async () => {
		const { fields } = await createPresignedPost(s3, { Bucket,
			Key: "who" });
		await refused(await submit({ Key: "who" }, "x",
			{ "X-Amz-Credential": fields["X-Amz-Credential"].replace(
				"TESTACCESSKEY", "NOBODYKNOWSIT") }), 403,
		"InvalidAccessKeyId");
	});
});

test("a browser may send it to another origin", async () => {
	const { url, fields } = await createPresignedPost(s3, {
		Bucket: "socialitix-videos", Key: "uploads/form.txt" });
	const form = new FormData();
	for (const [field, value] of Object.entries(fields))
		form.append(field, value);
	form.append("file", new Blob(["x"]), "f");
	const answer = await fetch(url, { method: "POST", body: form,
		headers: { Origin: "https://app.example" } });
	assert.equal(answer.status, 204, await answer.text());
	assert.equal(answer.headers.get("access-control-allow-origin"), "*");
});
