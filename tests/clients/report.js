// What the pages here have in common: where the peer is, and how to tell the test what a client said.

export const peer = new URLSearchParams(location.search).get("peer");

export const report = (seen) => fetch("/report", { method: "POST", body: JSON.stringify(seen) });

addEventListener("error", (event) => report({ broken: event.message }));
addEventListener("unhandledrejection", (event) => report({ broken: String(event.reason) }));
