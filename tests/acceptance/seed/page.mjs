// What a page has that node has not: an origin that relative URLs belong to.
const { fetch } = globalThis;
globalThis.fetch = (url, options) =>
	fetch(new URL(url, process.env.API_URL), options);
