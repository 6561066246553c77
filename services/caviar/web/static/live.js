// Follows what happens. <body data-events="ADDRESS ..."> names streams of server-sent events; at each event the page
// hears "caviar:news", at most every PACE_MS, and asks for its sections again. A service that restarts is waited for.

const PACE_MS = 400;
const AGAIN_MS = 1000;
const REFUSED_MS = 5000;
const connection = document.getElementById("connection");

let lastNews = 0;
let waiting = null;

export function news() {
  if (waiting !== null) return;
  const left = Math.max(0, lastNews + PACE_MS - performance.now());
  waiting = setTimeout(() => {
    waiting = null;
    lastNews = performance.now();
    document.body.dispatchEvent(new CustomEvent("caviar:news"));
  }, left);
}

function say(words) {
  connection.textContent = words;
  connection.hidden = words === "";
}

// Whether nothing more can come: the page says so in a section that it was sent.
const isOver = () => document.querySelector("[data-over]") !== null;

const addresses = (document.body.dataset.events ?? "").split(" ").filter(Boolean);
const open = new Map();
let away = false;

// Unless it is followed already, or nobody looks: a browser opens six connections to one service, for all its tabs.
function follow(address) {
  if (document.hidden || isOver() || open.has(address)) return;
  const source = new EventSource(address);
  open.set(address, source);
  source.addEventListener("open", () => {
    if (away) {
      say("");
      news();
    }
    away = false;
  });
  for (const kind of ["study", "trial", "round", "best", "queue"]) source.addEventListener(kind, news);
  source.addEventListener("error", () => {
    if (open.get(address) !== source) return;
    if (isOver()) {
      source.close();
      open.delete(address);
      return;
    }
    away = true;
    say("The service is away. Waiting for it …");
    // A refusal ends an EventSource for good; a broken connection does not.
    if (source.readyState === EventSource.CLOSED) {
      open.delete(address);
      setTimeout(() => again(address), AGAIN_MS);
    }
  });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    for (const source of open.values()) source.close();
    open.clear();
  } else {
    news();
    addresses.forEach(follow);
  }
});

// Once the service answers, the sections are asked for: where the stream ended because all was told, they say so.
async function again(address) {
  const answer = await fetch("/api/v1/health", { cache: "no-store" }).catch(() => null);
  if (answer?.ok) {
    say("");
    news();
    setTimeout(() => follow(address), AGAIN_MS);
  } else {
    setTimeout(() => again(address), AGAIN_MS);
  }
}

// What no event tells: a page in which something says data-ask-again asks by itself.
setInterval(() => {
  if (document.querySelector("[data-ask-again]") && !document.hidden) news();
}, AGAIN_MS);

// A section that the service could not make now is asked for again; what it showed stays meanwhile.
document.addEventListener("htmx:response:error", ({ detail }) => {
  if (detail.ctx.response.status >= 500 || detail.ctx.response.status === 429) setTimeout(news, REFUSED_MS);
});

addresses.forEach(follow);

// What a table shows is in the address too, so that it is the same when the page is loaded again.
document.addEventListener("htmx:after:swap", () => {
  const address = document.querySelector("[data-address]")?.dataset.address;
  if (address && address !== location.pathname + location.search) history.replaceState(null, "", address);
});

// An answer to what a section asked before the reader turned its page is none any more: it is asked for as it is now.
document.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement, request } = event.detail.ctx;
  const asks = sourceElement?.matches?.("[hx-get][hx-trigger*='caviar:news']") && sourceElement.getAttribute("hx-get");
  if (asks && asks !== request.action) {
    event.preventDefault();
    news();
  }
});
