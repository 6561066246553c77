// Draws each <div class="chart" data-chart="NAME" data-src="ADDRESS"> when it comes into sight, with charts/NAME.js, and
// again when there is news. A chart module exports draw(chart, data, look, figure): it sets the options of an ECharts
// instance; draw is called again with new data, and must keep what the reader chose (a zoom, a round). Data with a
// pulse_s is asked for again after so many seconds, as long as its picture is in sight.
import { look } from "./charts/look.js";

const echartsAddress = document.querySelector("script[data-echarts]").dataset.echarts;
let loading = null;

function library() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = echartsAddress;
    script.onload = () => done(window.echarts);
    script.onerror = () => {
      loading = null;
      script.remove();
      failed(new Error("what draws it did not come"));
    };
    document.head.append(script);
  });
  return loading;
}

// What pictures are drawn from, by address: two that are drawn from the same are one request.
const answers = new Map();

function dataAt(address) {
  const known = answers.get(address) ?? {};
  answers.set(address, known);
  known.asking ??= ask(address, known).finally(() => (known.asking = null));
  return known.asking;
}

async function ask(address, known) {
  const headers = known.etag ? { "If-None-Match": known.etag } : {};
  const answer = await fetch(address, { headers, cache: "no-store" });
  if (answer.status === 304) return known.data;
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  known.data = await answer.json();
  known.etag = answer.headers.get("ETag");
  return known.data;
}

const drawn = new Map();

// The section around a picture says which trial is the best. It may come before the picture's data, or after.
const bestAround = (figure) => figure.closest("[data-best]")?.dataset.best;

async function show(figure) {
  const known = drawn.get(figure) ?? {};
  if (known.busy) {
    known.more = true;
    return;
  }
  known.busy = true;
  drawn.set(figure, known);
  try {
    const [data, echarts, module] = await Promise.all([
      dataAt(figure.dataset.src),
      library(),
      import(`./charts/${figure.dataset.chart}.js`),
    ]);
    if (data === known.data) return;
    known.data = data;
    known.module = module;
    if (!figure.isConnected) return;
    known.best = bestAround(figure);
    known.chart ??= echarts.init(figure.querySelector(".canvas"), null, { renderer: "canvas" });
    module.draw(known.chart, known.data, look(), figure);
    const told = figure.querySelector("[role=alert]");
    if (told) told.hidden = true;
    figure.dataset.drawn = String(Number(figure.dataset.drawn ?? 0) + 1);
  } catch (wrong) {
    // It comes back with the next news; what was drawn stays.
    const told = figure.querySelector("[role=alert]");
    if (!known.data && told) {
      told.textContent = `This picture cannot be drawn now: ${wrong.message}.`;
      told.hidden = false;
    }
  } finally {
    known.busy = false;
    clearTimeout(known.pulse);
    if (known.data?.pulse_s) known.pulse = setTimeout(() => pulse(figure), 1000 * known.data.pulse_s);
    if (known.more) {
      known.more = false;
      show(figure);
    }
  }
}

function pulse(figure) {
  if (figure.isConnected && figure.dataset.seen === "now") show(figure);
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      entry.target.dataset.seen = entry.isIntersecting ? "now" : "no";
      if (entry.isIntersecting) show(entry.target);
    }
  },
  { rootMargin: "200px" },
);
const sized = new ResizeObserver((entries) => {
  for (const entry of entries) drawn.get(entry.target.closest(".chart"))?.chart?.resize();
});

function adopt() {
  for (const figure of document.querySelectorAll(".chart:not([data-seen])")) {
    figure.dataset.seen = "no";
    seen.observe(figure);
    sized.observe(figure.querySelector(".canvas"));
  }
  for (const [figure, known] of drawn) {
    if (!figure.isConnected) {
      known.chart?.dispose();
      drawn.delete(figure);
    } else if (known.chart && known.best !== bestAround(figure)) {
      known.best = bestAround(figure);
      again(figure);
    }
  }
}

adopt();
document.addEventListener("htmx:after:swap", adopt);
document.body.addEventListener("caviar:news", () => {
  for (const figure of document.querySelectorAll('.chart[data-seen="now"]')) show(figure);
});
function again(figure) {
  const known = drawn.get(figure);
  if (known?.chart) known.module.draw(known.chart, known.data, look(), figure);
}
// A picture's own controls ask for it so.
document.addEventListener("caviar:redraw", (event) => again(event.target));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const figure of drawn.keys()) again(figure);
});
