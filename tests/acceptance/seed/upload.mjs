// A frontend's direct upload: URL, PUT, report, polling. Arguments: the file
// and its title. Prints what the page would show as JSON.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";

const [path, title] = process.argv.slice(2);
const blob = await openAsBlob(path, { type: "video/mp4" });
const file = new File([blob], basename(path), { type: blob.type });
const token = process.env.TOKEN;

async function uploadFile(file, title) {
	const urlResponse = await fetch("/api/videos/upload-url", {
		method: "POST",
		headers: {
			"Content-Type": "application/json",
			"Authorization": `Bearer ${token}`,
		},
		body: JSON.stringify({
			fileName: file.name,
			fileType: file.type,
			fileSize: file.size,
		}),
	});
	if (!urlResponse.ok)
		throw new Error((await urlResponse.json()).error);
	const { uploadUrl, key } = await urlResponse.json();

	const uploadResponse = await fetch(uploadUrl, {
		method: "PUT",
		body: file,
		headers: { "Content-Type": file.type },
	});
	if (uploadResponse.status !== 200)
		throw new Error(`Upload failed: ${uploadResponse.status}`);

	const completeResponse = await fetch("/api/videos/complete-upload", {
		method: "POST",
		headers: {
			"Content-Type": "application/json",
			"Authorization": `Bearer ${token}`,
		},
		body: JSON.stringify({ key, fileName: file.name, title }),
	});
	if (!completeResponse.ok)
		throw new Error((await completeResponse.json()).error);
	return completeResponse.json();
}

async function pollStatus(videoId) {
	for (;;) {
		const response = await fetch(`/api/videos/${videoId}/status`, {
			headers: { "Authorization": `Bearer ${token}` },
		});
		const status = await response.json();
		if (status.status === "completed" || status.status === "failed")
			return status;
		await new Promise(resolve => setTimeout(resolve, 1000));
	}
}

const uploaded = await uploadFile(file, title);
console.log(JSON.stringify({
	uploaded, status: await pollStatus(uploaded.video.id) }));
