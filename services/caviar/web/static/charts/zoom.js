// The zoom: a strip for each parameter on its own scale, a dot for each trial, and the box of each round. The slider
// goes through the rounds; as long as nobody moved it, it follows the newest one.
import { axis, base, faint, hollow, number, plain, shade, ticked, toTrial, wrapped } from "./look.js";
import { tell, wire } from "./zoom_rounds.js";

const TOP = 26;
const STRIP = 84;
const GAP = 30;
const KIND = { added: ", added by hand", confirm: ", on a new seed", fork: ", a fork" };

// The rounds in force as of round `at`: what is drawn of the boxes.
const until = (data, at) => data.rounds.filter((each) => each.round <= at);

const aboutBox = (each, name) => `Round ${each.round}, ${each.kind}${each.undone ? ", taken back" : ""}\n${plain(name)}: ${plain(each.sides[name])}\n${wrapped(each.reason)}`;

// The study's best where it was there already, else the best of what was there.
function bestAt(all, at, best) {
  const isThere = (i) => all.round[i] <= at && all.kind[i] !== "confirm" && all.rank[i] !== null;
  const own = all.number.indexOf(Number(best || -1));
  if (own >= 0 && isThere(own)) return all.number[own];
  let found = -1;
  all.number.forEach((_, i) => {
    if (isThere(i) && (found < 0 || all.rank[i] > all.rank[found])) found = i;
  });
  return found < 0 ? null : all.number[found];
}

// A strip's head: the parameter, its scale, and what the round did to it.
function head(view, round, narrow) {
  const part = (style, text) => (text ? `{${style}|${plain(text)}}` : "");
  const change = (round?.changes[view.name] ?? "").split(/ to |[,;:]/)[0];
  const edge = round?.edges[view.name];
  const about = view.scale.replace("_", " ") + (view.tier ? `, tier ${view.tier}` : "");
  return [part("name", view.name), part("about", narrow ? "" : about), part("side", round?.sides[view.name]), part("about", change), part("edge", edge ? `▲ best ${edge}` : "")].filter(Boolean).join("  ");
}

function boxes(data, look, at, view, row, span) {
  const shown = until(data, at);
  return {
    type: "custom",
    xAxisIndex: row,
    yAxisIndex: row,
    clip: true,
    data: shown.map((each) => [each.first, Math.max(each.last, each.first), ...each.box[view.name], each.round]),
    renderItem: (_, api) => {
      const each = data.rounds[api.value(4)];
      const isChosen = each.round === at;
      const [left, bottom] = api.coord([api.value(0) - 0.5, api.value(2)]);
      const [right, top] = api.coord([Math.max(api.value(1), api.value(0) + (isChosen ? span / 60 : 0)) - 0.5, api.value(3)]);
      const style = each.undone
        ? { fill: "none", stroke: look.muted, lineDash: [3, 3], lineWidth: 1 }
        : { fill: faint(look.box, isChosen ? 0.85 : 0.35), stroke: isChosen ? look.ink : "none", lineWidth: isChosen ? 1.5 : 0 };
      return { type: "rect", shape: { x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 2) }, style };
    },
    tooltip: { formatter: ({ value }) => aboutBox(data.rounds[value[4]], view.name) },
    z: 1,
  };
}

function dots(data, look, at, view, row, best) {
  const { dots: all } = data;
  const places = all.positions[view.name];
  const values = all.values[view.name];
  const told = ({ data: dot }) => {
    const i = dot.value[2];
    const value = all.value[i] === null ? "no value" : `${plain(data.metric)} ${number(all.value[i])}`;
    return `Trial ${all.number[i]}, ${all.state[i]}, round ${all.round[i]}${KIND[all.kind[i]] ?? ""}\n${value}\n${plain(view.name)} ${plain(number(values[i]))}`;
  };
  const support = new Set(data.rounds[at]?.support ?? []);
  const found = { now: [], later: [], support: [] };
  const size = all.number.length > 400 ? 4 : 7;
  all.number.forEach((trial, i) => {
    if (places[i] === null || places[i] === undefined) return;
    const value = [trial, places[i], i];
    const isBest = trial === best;
    const failed = all.rank[i] === null;
    const symbol = isBest ? "path://M5 0 6.5 3.5 10 3.8 7.3 6.1 8.1 9.7 5 7.8 1.9 9.7 2.7 6.1 0 3.8 3.5 3.5Z" : failed ? "triangle" : "circle";
    const itemStyle = failed ? hollow(look.muted, 1.2) : isBest ? { color: look.accent, borderColor: look.card, borderWidth: 1 } : { color: shade(look, all.rank[i]) };
    const dot = { value, trial, symbol, symbolSize: isBest ? 16 : failed ? size - 1 : size, itemStyle };
    (all.round[i] <= at ? found.now : found.later).push(dot);
    if (support.has(trial)) found.support.push({ value });
  });
  const series = { type: "scatter", xAxisIndex: row, yAxisIndex: row, tooltip: { formatter: told }, clip: false };
  return [
    { ...series, data: found.later, itemStyle: { opacity: 0.12 }, z: 2 },
    { ...series, data: found.support, symbol: "circle", symbolSize: 12, itemStyle: hollow(look.ink), silent: true, z: 3 },
    { ...series, data: found.now, itemStyle: { borderColor: faint(look.ink, 0.45), borderWidth: 0.6 }, z: 4 },
  ];
}

export function draw(chart, data, look, figure) {
  const at = wire(data, figure, () => draw(chart, data, look, figure), (choose) =>
    chart.on("click", (event) => {
      if (event.seriesType === "scatter") toTrial(data.study, event.data.trial);
      else if (event.seriesType === "custom") choose(event.value[4]);
    }),
  );
  const count = data.axes.length;
  const canvas = figure.querySelector(".canvas");
  const height = `${TOP + count * STRIP + 14}px`;
  if (canvas.style.height !== height) {
    canvas.style.height = height;
    chart.resize();
  }
  const end = Math.max(1, ...data.dots.number, ...data.rounds.map((each) => each.last)) + 0.5;
  const narrow = canvas.clientWidth < 560;
  const best = bestAt(data.dots, at, figure.closest("[data-best]")?.dataset.best);
  const left = narrow ? 54 : 84;
  chart.setOption(
    {
      ...base(look),
      tooltip: { ...base(look).tooltip, trigger: "item" },
      title: data.axes.map((view, row) => ({
        text: head(view, data.rounds[at], narrow),
        left: left - 6,
        top: row * STRIP,
        textStyle: {
          fontFamily: look.font,
          fontWeight: 400,
          rich: {
            name: { color: look.ink, fontSize: 13, fontWeight: 600 },
            about: { color: look.muted, fontSize: 11 },
            side: { color: look.link, fontSize: 12, fontWeight: 600 },
            edge: { color: look.warn, fontSize: 11 },
          },
          ...(narrow ? { width: canvas.clientWidth - left, overflow: "truncate" } : {}),
        },
      })),
      grid: data.axes.map((_, row) => ({ left, right: 14, top: TOP + row * STRIP, height: STRIP - GAP, show: true, borderColor: look.line, borderWidth: 1 })),
      xAxis: data.axes.map((_, row) =>
        axis(look, {
          type: "value",
          gridIndex: row,
          min: -0.5,
          max: end,
          splitLine: { show: false },
          axisLine: { show: false },
          axisLabel: { show: row === count - 1, color: look.muted, formatter: (place) => (Number.isInteger(place) ? String(place) : "") },
          name: row === count - 1 ? "trial" : "",
          nameLocation: "end",
          nameGap: -24,
          nameTextStyle: { color: look.muted, verticalAlign: "top", padding: [22, 0, 0, 0] },
        }),
      ),
      yAxis: data.axes.map((view, row) => ticked(look, view, { gridIndex: row, splitLine: { show: false }, axisLine: { show: false }, axisLabel: { fontSize: narrow ? 10 : 11 } }, 12 / (STRIP - GAP))),
      series: data.axes.flatMap((view, row) => [boxes(data, look, at, view, row, end), ...dots(data, look, at, view, row, best)]),
    },
    { notMerge: true },
  );
  figure.dataset.round = String(at);
  tell(data, at, figure);
}
