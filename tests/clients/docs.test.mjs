// The JavaScript of docs/clients.md, run as it stands there.
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { payload } from "./lib/expect.mjs";
import { ACCESS_KEY, SECRET_KEY, startGateway } from "./lib/gateway.mjs";

const gateway = await startGateway();
const { s3 } = gateway;
const Bucket = "socialitix-videos";
const film = payload(9 << 20);
const page = await readFile(
	new URL("../../docs/clients.md", import.meta.url), "utf8");

// The only block of JavaScript below a heading.
function snippet(heading) {
	const section = page.split(/^## /m).find((s) => s.startsWith(heading));
	return section.match(/^```js\n(.*?)^```/ms)[1]
		.replaceAll("http://127.0.0.1:9000", gateway.url);
}

// As in a page: the names it uses are given.
async function inPage(heading, names) {
	const AsyncFunction = (async () => {}).constructor;
	const run = new AsyncFunction(...Object.keys(names), snippet(heading));
	await run(...Object.values(names));
}

async function stored(Key) {
	const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
	return Buffer.from(await Body.transformToByteArray());
}

describe("docs/clients.md", () => {
	test("SDK", async () => {
		// Beside the modules it imports, with what it finds there.
		const module = new URL(`snippet-${process.pid}.mjs`, import.meta.url);
		const file = new URL(`film-${process.pid}.mp4`, import.meta.url);
		process.env.AWS_ACCESS_KEY_ID = ACCESS_KEY;
		process.env.AWS_SECRET_ACCESS_KEY = SECRET_KEY;
		process.env.AWS_REGION = "us-east-1";
		await writeFile(file, film);
		await writeFile(module, snippet("AWS SDK for JavaScript v3")
			.replace('createReadStream("film.mp4")',
				`createReadStream("${file.pathname}")`) +
			"\nexport { url };\n");
		try {
			const { url } = await import(module);
			const got = await fetch(url);
			assert.equal(got.status, 200);
			assert.deepEqual(Buffer.from(await got.arrayBuffer()), film);
		} finally {
			await rm(module);
			await rm(file);
		}
	});
	test("presigned PUT", async () => {
		const Key = "uploads/put.mp4";
		const url = await getSignedUrl(s3, new PutObjectCommand({
			Bucket, Key, ContentType: "video/mp4" }),
		{ signableHeaders: new Set(["content-type"]) });
		await inPage("A page in the browser: presigned PUT",
			{ url, file: new Blob([film]) });
		assert.deepEqual(await stored(Key), film);
	});
	test("form upload", async () => {
		const { url, fields } = await createPresignedPost(s3, {
			Bucket, Key: "uploads/${filename}" });
		await inPage("A page in the browser: form upload",
			{ url, fields, file: new File([film], "form.mp4") });
		assert.deepEqual(await stored("uploads/form.mp4"), film);
	});
});
