// One training's curve from its very start, with what was done to it, what it left behind and what runs beside it.
import { news } from "../live.js";
import { axis, base, number } from "./look.js";

// Of a label along a change's line, at most: beyond, the list beneath has all of it.
const LONGEST = 44;
const MANY_MARKS = 12;
const NARROW = 600;
// Of the axis: to the left of a line there, its words would lie on the numbers.
const EARLY = 0.05;
const VERDICTS = { helped: "good", hurt: "bad" };

// By role: the line itself is drawn, never only coloured.
function style(line, look) {
  switch (line.role) {
    case "this":
      return { color: look.link, width: 2.5, type: "solid", z: 5 };
    case "before":
      return { color: look.link, width: 1.5, type: "solid", z: 4 };
    case "beside":
      return { color: look.warn, width: 2, type: [8, 3], z: 3 };
    case "ended":
      return { color: look.muted, width: 1.5, type: [8, 3, 2, 3], z: 2 };
    default:
      return { color: look.muted, width: 1.5, type: [2, 3], z: 2 };
  }
}

function drawnLine(line, look) {
  const { color, width, type, z } = style(line, look);
  return {
    id: `${line.trial} ${line.role}`,
    name: line.words,
    type: "line",
    data: line.points,
    symbol: line.points.length === 1 ? "circle" : "none",
    lineStyle: { color, width, type },
    itemStyle: { color },
    emphasis: { disabled: true },
    clip: true,
    z,
  };
}

// Several at one step are one line.
function grouped(marks) {
  const steps = new Map();
  for (const mark of marks) steps.set(mark.step, [...(steps.get(mark.step) ?? []), mark]);
  return [...steps.values()].map((there) => {
    if (there.length === 1) return there[0];
    return { ...there.at(-1), words: `${there.length} changes here`, verdict: "", taken_back: there.every((each) => each.taken_back) };
  });
}

function drawnMark(mark, terse, early, look) {
  const colour = mark.taken_back ? look.muted : look[VERDICTS[mark.verdict]] ?? look.ink;
  const said = terse ? mark.sign : `${mark.sign} ${mark.words}${mark.verdict in VERDICTS ? `: ${mark.verdict}` : ""}`;
  return {
    xAxis: mark.step,
    lineStyle: { color: colour, width: 1.5, type: mark.taken_back ? [2, 3] : "solid" },
    label: {
      formatter: said.length > LONGEST ? `${said.slice(0, LONGEST - 1)}…` : said,
      color: colour,
      position: terse ? "end" : early ? "insideEndBottom" : "insideEndTop",
      fontSize: 11,
      textBorderColor: look.card,
      textBorderWidth: 3,
    },
  };
}

function tooltip(data, look) {
  return {
    ...base(look).tooltip,
    trigger: "axis",
    formatter: (shown) => {
      const at = shown[0].axisValue;
      const lines = [`step ${at}`];
      for (const each of shown) {
        if (each.seriesId === "checkpoints") lines.push("a checkpoint is kept");
        else lines.push(`${each.seriesName}: ${number(each.value[1])}`);
      }
      for (const mark of data.marks) {
        if (mark.step === at) lines.push(`${mark.sign} ${mark.words}${mark.verdict ? ` (${mark.verdict})` : ""}`);
      }
      return lines.join("\n");
    },
  };
}

// What the rest of the page shows too: when it changes, the page is asked for again.
const told = new WeakMap();
function tell(data, figure) {
  const now = JSON.stringify([data.marks, data.asked, data.checkpoints.length, data.lines.map((each) => [each.trial, each.state])]);
  const before = told.get(figure);
  told.set(figure, now);
  if (before !== undefined && before !== now) news();
}

export function draw(chart, data, look, figure) {
  const terse = data.marks.length > MANY_MARKS || chart.getWidth() < NARROW;
  const legend = data.lines.length > 1;
  const room = data.low !== null && !data.log ? 0.05 * (data.high - data.low || Math.abs(data.high) || 1) : 0;
  const last = Math.max(0, ...data.lines.flatMap((each) => each.points.map(([step]) => step)));
  const first = Math.min(last, ...data.lines.flatMap((each) => each.points.map(([step]) => step)));
  chart.setOption(
    {
      ...base(look),
      grid: [{ left: 8, right: 16, top: legend ? 58 : 28, bottom: 56, containLabel: true }],
      tooltip: tooltip(data, look),
      legend: {
        show: legend,
        type: "scroll",
        top: 0,
        textStyle: { color: look.muted },
        pageTextStyle: { color: look.muted },
        pageIconColor: look.muted,
        itemWidth: 28,
        icon: "none",
        data: data.lines.map((each) => ({ name: each.words, icon: "inherit" })),
      },
      xAxis: axis(look, { type: "value", min: first, max: last > first ? last : first + 1, minInterval: 1, splitLine: { show: false } }),
      yAxis: [
        axis(look, {
          type: data.log ? "log" : "value",
          name: data.metric,
          nameLocation: "end",
          nameTextStyle: { color: look.muted, align: "left" },
          min: data.low === null ? null : data.log ? data.low / 1.1 : data.low - room,
          max: data.high === null ? null : data.log ? data.high * 1.1 : data.high + room,
          axisLabel: { color: look.muted, formatter: number, showMinLabel: false, showMaxLabel: false },
        }),
        { type: "value", min: 0, max: 1, show: false },
      ],
      dataZoom: [
        { type: "slider", height: 16, bottom: 4, borderColor: look.line, fillerColor: `${look.dark ? "#84bdf5" : "#155e9e"}22`, textStyle: { color: look.muted }, showDataShadow: false, labelFormatter: (value) => number(Math.round(value)) },
      ],
      series: [
        ...data.lines.map((line) => drawnLine(line, look)),
        {
          id: "checkpoints",
          name: "checkpoints",
          type: "scatter",
          yAxisIndex: 1,
          data: data.checkpoints.map((step) => [step, 0]),
          symbol: "rect",
          symbolSize: 6,
          symbolOffset: [0, -3],
          itemStyle: { color: look.muted },
          emphasis: { disabled: true },
          z: 1,
        },
        {
          id: "marks",
          type: "line",
          yAxisIndex: 1,
          data: [],
          silent: true,
          markLine: {
            silent: true,
            symbol: "none",
            animation: false,
            data: grouped(data.marks).map((mark) => drawnMark(mark, terse, mark.step < first + EARLY * (last - first), look)),
          },
        },
      ],
    },
    { replaceMerge: ["series"] },
  );
  document.getElementById("said-curve").textContent = data.words;
  for (const place of document.querySelectorAll("[data-now]")) place.textContent = data.now;
  tell(data, figure);
}
